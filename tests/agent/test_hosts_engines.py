"""Hosts of two voice engines: a call whose voice needs the other one moves, and keeps its ports."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from linegram.agent.hosts import HostDied, HostPoolSettings
from linegram.errors import UnavailableError
from linegram.link.events import CallMeasured, VoiceConnected
from linegram.link.voice import NTGCALLS, OWN, VoiceParameters
from linegram.media.control import HostSettings
from linegram.units import LegId
from tests.agent.rtp_phone import RtpPhone, until
from tests.agent.two_offices import Office, call, pbx_leg, pool_settings, voice_leg

pytestmark = pytest.mark.slow

PARAMETERS = VoiceParameters(
    key=bytes(256), is_outgoing=True, versions=("9.0.0",), servers=(), is_p2p_allowed=True
)


def settings_of_both() -> HostPoolSettings:
    settings = pool_settings(host=HostSettings(engine=OWN))
    other = msgspec.structs.replace(settings.fleet, host=HostSettings(engine=NTGCALLS), most_hosts=1)
    return msgspec.structs.replace(settings, other_fleets=(other,))


@pytest.fixture
async def ours() -> AsyncIterator[Office]:
    office = Office(settings_of_both(), is_caller=True)
    await office.pool.start()
    yield office
    await office.pool.close()


async def connected_phone(office: Office, number: int, tone_hz: int) -> RtpPhone:
    phone = await office.open_phone(number, "PCMA", tone_hz)
    office.pool.connect_pbx_leg(pbx_leg(number), phone.description())
    return phone


async def test_a_call_of_each_engine_is_in_a_host_of_its_own(ours: Office) -> None:
    await ours.pool.open_voice_leg(call(1), voice_leg(1), PARAMETERS, OWN)
    await ours.pool.open_voice_leg(call(2), voice_leg(2), PARAMETERS, NTGCALLS)
    await ours.pool.open_voice_leg(call(3), voice_leg(3), PARAMETERS)
    assert ours.pool.host_pid_of(call(1)) == ours.pool.host_pid_of(call(3))
    assert ours.pool.host_pid_of(call(1)) != ours.pool.host_pid_of(call(2))


async def test_an_engine_that_no_host_runs_is_refused_with_a_sentence(ours: Office) -> None:
    with pytest.raises(UnavailableError, match='voice engine "gramophone"'):
        await ours.pool.open_voice_leg(call(1), voice_leg(1), PARAMETERS, "gramophone")


async def test_a_call_that_is_redialled_with_the_other_engine_keeps_its_ports_and_is_heard() -> None:
    ours = Office(settings_of_both(), is_caller=True)
    far = Office(pool_settings(host=HostSettings(engine=NTGCALLS)), is_caller=False)
    ours.far_of, far.far_of = lambda _: far, lambda _: ours
    await asyncio.gather(ours.pool.start(), far.pool.start())
    phone, far_phone = await connected_phone(ours, 1, 440), await connected_phone(far, 1, 880)
    await ours.pool.open_voice_leg(call(1), LegId("voice-lost"), PARAMETERS, OWN)
    before = ours.pool.host_pid_of(call(1))
    ours.pool.connect_audio(call(1))
    far.pool.connect_audio(call(1))
    key = os.urandom(256)
    await far.open_voice(1, key)
    parameters = msgspec.structs.replace(PARAMETERS, key=key, versions=("13.0.0", "9.0.0"))
    await ours.pool.open_voice_leg(call(1), voice_leg(1), parameters, NTGCALLS)
    assert await ours.saw_event(VoiceConnected(voice_leg(1)))
    assert ours.pool.host_pid_of(call(1)) != before
    assert await phone.hears(880)
    assert await far_phone.hears(440)
    ours.pool.end_call(call(1))
    assert await ours.saw(CallMeasured)
    assert len(ours.of(CallMeasured)) == 1
    assert ours.of(HostDied) == []
    await asyncio.gather(ours.pool.close(), far.pool.close(), phone.close(), far_phone.close())


@asynccontextmanager
async def moving_from_a_stuck_host(office: Office) -> AsyncIterator[tuple[asyncio.Task[None], int]]:
    """Let call 1 leave a host that does not answer; gives the move and the process id of that host."""
    await office.pool.open_pbx_leg(call(1), pbx_leg(1))
    pid = office.pool.host_pid_of(call(1))
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    move = asyncio.create_task(office.pool.open_voice_leg(call(1), voice_leg(1), PARAMETERS, NTGCALLS))
    try:
        assert await until(lambda: office.pool.host_pid_of(call(1)) != pid, 30)
        yield move, pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        await asyncio.gather(move, return_exceptions=True)


async def test_a_call_that_ends_while_it_moves_is_measured_once(ours: Office) -> None:
    async with moving_from_a_stuck_host(ours) as (move, pid):
        ours.pool.end_call(call(1))
        os.kill(pid, signal.SIGCONT)
        with pytest.raises(UnavailableError, match="The call ended"):
            await move
    assert ours.of(CallMeasured) == [CallMeasured(call_id=call(1))]
    assert ours.pool.call_count == 0
    await ours.pool.open_pbx_leg(call(2), pbx_leg(2))
    assert len(ours.of(CallMeasured)) == 1


async def test_a_host_that_dies_while_a_call_leaves_it_does_not_hold_the_call_back(ours: Office) -> None:
    async with moving_from_a_stuck_host(ours) as (move, pid):
        os.kill(pid, signal.SIGKILL)
        await move
    assert ours.of(HostDied) == []
    ours.pool.end_call(call(1))
    assert await ours.saw(CallMeasured)
    assert [measured.call_id for measured in ours.of(CallMeasured)] == [call(1)]
