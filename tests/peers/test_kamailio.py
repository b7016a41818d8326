"""The bench itself: the proxy starts, challenges, refuses short expiries, and carries a call."""

from pathlib import Path

import pytest

from tests.peers.baresip import Baresip, Line
from tests.peers.kamailio import Kamailio
from tests.peers.kamailio_config import Policy
from tests.peers.process import living_group
from tests.peers.sipp import SippResult, run_scenario
from tests.peers.wire import ask_options, status_of

pytestmark = pytest.mark.peer("kamailio")

REGISTER = """\
<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="register with digest">
  <send retrans="500"><![CDATA[{first}]]></send>
  <recv response="401" auth="true"/>
  <send retrans="500"><![CDATA[{second}]]></send>
  <recv response="{expected}"/>
</scenario>
"""
REQUEST = """
    REGISTER sip:[remote_ip] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:1001@[remote_ip]>;tag=[call_number]
    To: <sip:1001@[remote_ip]>
    Call-ID: [call_id]
    CSeq: {number} REGISTER
    Contact: <sip:1001@[local_ip]:[local_port]>;expires={expires_s}
    Max-Forwards: 70
    {authorization}Content-Length: 0

"""


async def register(
    proxy: Kamailio, *, expires_s: int, expected: int, password: str = "pw-1001"
) -> SippResult:
    credentials = f"[authentication username=1001 password={password}]\n    "
    first = REQUEST.format(number=1, expires_s=expires_s, authorization="")
    second = REQUEST.format(number=2, expires_s=expires_s, authorization=credentials)
    scenario = REGISTER.format(first=first, second=second, expected=expected)
    return await run_scenario(scenario, f"{proxy.address}:{proxy.sip_port}")


async def test_it_answers_options_and_leaves_nothing_behind() -> None:
    async with Kamailio() as proxy:
        assert status_of(await ask_options(proxy.address)) == 200
        pid, folder = proxy.pid, proxy.folder
    assert not Path(f"/proc/{pid}").exists()
    assert not folder.exists()


@pytest.mark.peer("sipp")
async def test_a_password_registers_and_the_binding_is_listed(kamailio: Kamailio) -> None:
    result = await register(kamailio, expires_s=300, expected=200)
    assert result.exit_status == 0, result.errors
    assert [uri.partition("@")[0] for uri in (await kamailio.bindings())["1001"]] == ["sip:1001"]


@pytest.mark.peer("sipp")
async def test_a_wrong_password_is_challenged_again(kamailio: Kamailio) -> None:
    result = await register(kamailio, expires_s=300, expected=401, password="wrong")
    assert result.exit_status == 0, result.errors


@pytest.mark.peer("sipp")
async def test_a_short_expiry_is_refused_with_423_and_the_least_one(kamailio: Kamailio) -> None:
    result = await register(kamailio, expires_s=30, expected=423)
    assert result.exit_status == 0, result.errors
    assert "Min-Expires: 60" in result.messages


async def test_a_killed_proxy_leaves_no_child_and_starts_again() -> None:
    async with Kamailio() as proxy:
        process_group = proxy.pid
        await proxy.kill()
        assert living_group(process_group) == []
        with pytest.raises(TimeoutError):
            await ask_options(proxy.address, attempts=2)
        await proxy.start()
        assert status_of(await ask_options(proxy.address)) == 200


async def test_sha_256_is_offered_when_chosen() -> None:
    async with Kamailio(Policy(algorithm="SHA-256")) as proxy:
        result = await run_scenario(UNAUTHENTICATED, f"{proxy.address}:{proxy.sip_port}")
        assert "algorithm=SHA-256" in result.messages


UNAUTHENTICATED = f"""\
<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="register without a password">
  <send retrans="500"><![CDATA[{REQUEST.format(number=1, expires_s=300, authorization="")}]]></send>
  <recv response="401"/>
</scenario>
"""


@pytest.mark.peer("baresip")
async def test_two_phones_talk_through_the_proxy_which_stays_in_the_route(kamailio: Kamailio) -> None:
    async with (
        Baresip(Line("1003", registrar=kamailio.address)) as callee,
        Baresip(Line("1004", registrar=kamailio.address, transport="tcp"), tone_hz=770) as caller,
    ):
        await caller.dial(f"sip:1003@{kamailio.address}")
        await caller.wait_for("CALL_ESTABLISHED")
        await callee.wait_for("CALL_ESTABLISHED")
        await callee.hang_up()
        await caller.wait_for("CALL_CLOSED")
