"""The bench itself: sipp plays both sides of a call, and says when a scenario failed."""

import pytest

from tests.peers.sipp import Sipp
from tests.peers.wire import ask_options, status_of

pytestmark = pytest.mark.peer("sipp")

ANSWER_OPTIONS = """\
<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="answer one OPTIONS">
  <recv request="OPTIONS"/>
  <send><![CDATA[
    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:];tag=[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
</scenario>
"""


async def test_a_scenario_given_as_text_answers_options() -> None:
    async with Sipp(ANSWER_OPTIONS) as callee:
        assert status_of(await ask_options(callee.address, callee.port)) == 200
        result = await callee.result()
    assert result.exit_status == 0
    assert "OPTIONS sip:ping" in result.messages


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_caller_and_a_callee_hold_three_calls(transport: str) -> None:
    async with (
        Sipp("uas", calls=3, transport=transport) as callee,
        Sipp("uac", f"{callee.address}:{callee.port}", calls=3, transport=transport) as caller,
    ):
        result = await caller.result()
        assert result.exit_status == 0, result.errors
        if transport == "udp":  # over TCP the built-in callee counts the caller's disconnection as a failure
            assert (await callee.result()).exit_status == 0


async def test_an_unanswered_scenario_fails() -> None:
    async with Sipp(ANSWER_OPTIONS, timeout_s=1) as callee:
        assert (await callee.result()).exit_status != 0
