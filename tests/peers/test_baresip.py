"""The bench itself: a foreign telephone registers, is called, calls, and audio is proven both ways."""

from pathlib import Path

import pytest

from tests.peers.asterisk import Asterisk
from tests.peers.baresip import Baresip, Line
from tests.peers.waiting import until
from tests.peers.wire import ask_options, status_of

pytestmark = pytest.mark.peer("baresip")


async def test_it_answers_options_and_leaves_nothing_behind() -> None:
    async with Baresip() as phone:
        assert status_of(await ask_options(phone.address, phone.sip_port, "sip:phone")) == 200
        pid, folder = phone.pid, phone.folder
    assert not Path(f"/proc/{pid}").exists()
    assert not folder.exists()


@pytest.mark.peer("asterisk22")
@pytest.mark.parametrize("codec", ["pcma", "pcmu", "g722", "opus"])
async def test_asterisk_calls_an_echoing_phone_and_hears_its_own_tone(
    asterisk22: Asterisk, codec: str
) -> None:
    async with Baresip(Line("1001", registrar=asterisk22.address, codecs=(codec,))) as phone:
        channel = await asterisk22.call_and_play("1001", 880)
        await phone.wait_for("CALL_ESTABLISHED")
        await _let_audio_flow(asterisk22, channel)
        await asterisk22.hang_up(channel)
        await phone.wait_for("CALL_CLOSED")
        assert abs(phone.heard().strongest_hz() - 880) < 5
    heard = await asterisk22.recording(channel)
    assert abs(heard.strongest_hz() - 880) < 5
    assert heard.share_of(880) > 0.9


@pytest.mark.peer("asterisk16")
async def test_a_phone_calls_a_tone_number_and_each_side_hears_the_other(asterisk16: Asterisk) -> None:
    async with Baresip(Line("1002", registrar=asterisk16.address), tone_hz=500) as phone:
        await phone.dial(f"sip:627@{asterisk16.address}")
        await phone.wait_for("CALL_ESTABLISHED")
        await _let_audio_flow(asterisk16, "1002")
        await phone.hang_up()
        heard_by_pbx = await asterisk16.recording("1002")
        assert abs(heard_by_pbx.strongest_hz() - 500) < 5
        assert abs(phone.heard().strongest_hz() - 1250) < 5


async def _let_audio_flow(pbx: Asterisk, who: str) -> None:
    """Wait until a second of what a tone number hears is on the disc (16 kHz, two bytes a sample)."""

    async def second_is_there() -> bool:
        return pbx.recorded_bytes(who) > 32000

    await until(second_is_there, 20)
