"""One suite for both carriers of audio: the double, and the real pool of media hosts."""

from collections.abc import AsyncIterator

import pytest

from linegram.agent.call_audio import CallAudio
from linegram.agent.hosts import HostPool, PoolEvent
from linegram.errors import UnavailableError
from linegram.link.commands import Tone
from linegram.link.events import CallMeasured
from linegram.media.control import RemoteMedia
from linegram.sandbox.doubles_audio import AudioDouble
from tests.agent.rtp_phone import until
from tests.agent.two_offices import call, pbx_leg, pool_settings, voice_leg

THERE = RemoteMedia(ip="127.0.0.1", port=9, rtcp_port=10, codec="PCMA", payload_type=8, is_early=True)


class Carrier:
    """A carrier and what it told."""

    def __init__(self) -> None:
        self.told: list[PoolEvent] = []
        self.audio: CallAudio = AudioDouble(self.told.append)


@pytest.fixture(params=["double", pytest.param("pool", marks=pytest.mark.slow)])
async def carrier(request: pytest.FixtureRequest) -> AsyncIterator[Carrier]:
    carrier = Carrier()
    if request.param == "double":
        yield carrier
        return
    pool = HostPool(pool_settings(), carrier.told.append)
    await pool.start()
    carrier.audio = pool
    yield carrier
    await pool.close()


async def test_a_leg_keeps_its_port_and_no_other_leg_gets_it(carrier: Carrier) -> None:
    first = await carrier.audio.open_pbx_leg(call(1), pbx_leg(1))
    assert await carrier.audio.open_pbx_leg(call(1), pbx_leg(1)) == first
    second = await carrier.audio.open_pbx_leg(call(2), pbx_leg(2))
    assert first.port % 2 == second.port % 2 == 0
    assert first.port != second.port


async def test_a_call_is_measured_once_at_its_end_and_never_opened_again(carrier: Carrier) -> None:
    await carrier.audio.open_pbx_leg(call(1), pbx_leg(1))
    carrier.audio.connect_pbx_leg(pbx_leg(1), THERE)
    for _ in range(2):
        carrier.audio.end_call(call(1))
    assert await until(lambda: bool(carrier.told), 10)
    (measured,) = carrier.told
    assert isinstance(measured, CallMeasured)
    assert measured.call_id == call(1)
    with pytest.raises(UnavailableError, match="has ended"):
        await carrier.audio.open_pbx_leg(call(1), pbx_leg(1))


async def test_a_closed_leg_is_opened_anew_at_another_port(carrier: Carrier) -> None:
    first = await carrier.audio.open_pbx_leg(call(1), pbx_leg(1))
    carrier.audio.close_pbx_leg(pbx_leg(1))
    assert (await carrier.audio.open_pbx_leg(call(1), pbx_leg(1))).port != first.port


async def test_what_is_asked_of_unknown_calls_and_legs_is_ignored(carrier: Carrier) -> None:
    audio = carrier.audio
    audio.connect_pbx_leg(pbx_leg(9), THERE)
    audio.close_pbx_leg(pbx_leg(9))
    audio.signal_voice(voice_leg(9), b"x")
    audio.close_voice(voice_leg(9))
    audio.connect_audio(call(9))
    audio.play_tone(call(9), Tone.BUSY)
    audio.end_call(call(9))
    await audio.open_pbx_leg(call(1), pbx_leg(1))
    assert carrier.told == []
