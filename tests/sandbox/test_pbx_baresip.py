"""The sandbox's PBX with a foreign telephone."""

from collections.abc import AsyncIterator

import pytest

from linegram.sandbox.pbx import SandboxPbx
from linegram.sandbox.pbx_call import Stage
from linegram.sandbox.pbx_extensions import telephone, tone
from tests.peers.addresses import own_address
from tests.peers.baresip import Baresip, Line

pytestmark = pytest.mark.peer("baresip")

PHONE_HZ, PBX_HZ = 500, 1250


@pytest.fixture
async def pbx() -> AsyncIterator[SandboxPbx]:
    async with SandboxPbx({"101": "pw-101"}, host=own_address()) as running:
        yield running


def line_at(pbx: SandboxPbx) -> Line:
    host, port = pbx.address
    return Line("101", registrar=f"{host}:{port}")


async def test_baresip_registers_dials_a_telephone_and_both_hear_each_other(pbx: SandboxPbx) -> None:
    pbx.add_extension("205", telephone(lambda: tone(PBX_HZ)))
    async with Baresip(line_at(pbx), tone_hz=PHONE_HZ) as phone:
        host, port = pbx.address
        await phone.dial(f"sip:205@{host}:{port}")
        call = await pbx.wait_for_call()
        await call.audio.wait_until_hears(PHONE_HZ)
        await phone.hang_up()
        await call.wait_for(Stage.OVER)
        assert abs(phone.heard().strongest_hz() - PBX_HZ) < 5


async def test_the_pbx_calls_an_echoing_baresip_and_hears_its_own_tone(pbx: SandboxPbx) -> None:
    async with Baresip(line_at(pbx)) as phone:
        call = pbx.call("101", number="4711", sound=tone(PBX_HZ))
        await call.wait_for(Stage.ANSWERED)
        await call.audio.wait_until_hears(PBX_HZ)
        call.hang_up()
        await phone.wait_for("CALL_CLOSED")
