"""Every codec, both ways, both directions of calling: the other's tone is heard at each end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from linegram.outcomes import EndReason
from tests.integration.line import Line, running_line
from tests.peers.asterisk import Asterisk

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

EMPLOYEE_HZ = 440
PBX_HZ = 700
NAMES = {"alaw": "PCMA", "mulaw": "PCMU", "g722": "G722", "opus": "opus"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=NAMES)
async def line(
    request: pytest.FixtureRequest, asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    folder: Path = tmp_path_factory.mktemp("codec")
    async with running_line(asterisk22, folder, codecs=(request.param,)) as running:
        yield running


async def assert_ended_well(line: Line, who: str) -> None:
    await line.wait_for_silence()
    await line.assert_heard(who, EMPLOYEE_HZ)
    record = await line.last_record()
    assert record.end_reason is EndReason.COMPLETED
    assert record.codec == NAMES[line.account.codecs[0]]


async def test_a_call_of_the_pbx_rings_anna_and_both_hear_each_other(line: Line) -> None:
    channel = await line.pbx.call_and_play(line.number, PBX_HZ, caller="4711")
    ringing = await line.phone.wait_for_ring()
    await line.card("4711")
    await line.phone.voice.play_tone(EMPLOYEE_HZ)
    await ringing.answer()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.talk(channel)
    await ringing.hang_up()
    await line.card("Call ended")
    await assert_ended_well(line, channel)


async def test_a_texted_number_rings_at_the_pbx_and_both_hear_each_other(line: Line) -> None:
    await line.text(f"63{PBX_HZ:04d}")
    ringing = await line.phone.wait_for_ring()
    await line.phone.voice.play_tone(EMPLOYEE_HZ)
    await ringing.answer()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.talk(line.number)
    await ringing.hang_up()
    await assert_ended_well(line, line.number)
