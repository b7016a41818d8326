"""The long runs: calls that come and go beside each other, and a far end that dies."""

import asyncio
import os
import signal

import pytest

from linegram.agent.hosts import HostDied
from linegram.link.events import CallMeasured, VoiceConnected, VoiceEnded
from linegram.outcomes import EndReason
from tests.agent.two_offices import Office, call, join_voice, pool_settings, two_offices, voice_leg

pytestmark = pytest.mark.soak

LANES = 3
CALLS_PER_LANE = 100


async def run_lane(ours: Office, far: Office, first: int) -> int:
    """Make the lane's calls one after the other; counts those that connected."""
    connected = 0
    for number in range(first, first + LANES * CALLS_PER_LANE, LANES):
        key = os.urandom(256)
        await asyncio.gather(far.open_voice(number, key), ours.open_voice(number, key))
        if await ours.saw_event(VoiceConnected(voice_leg(number)), within_s=30):
            connected += await far.saw_event(VoiceConnected(voice_leg(number)), within_s=5)
        for office in (ours, far):
            office.pool.connect_audio(call(number))
        await asyncio.sleep(0.05 * (number % 5))
        for office in (ours, far):
            office.pool.end_call(call(number))
    return connected


@pytest.mark.timeout(600)
async def test_hundreds_of_calls_beside_each_other_kill_no_host() -> None:
    ours = Office(pool_settings(most_hosts=1), is_caller=True)
    lanes = [Office(pool_settings(most_hosts=1), is_caller=False) for _ in range(LANES)]
    ours.far_of = lambda leg_id: lanes[int(leg_id.rsplit("-", 1)[1]) % LANES]
    for lane in lanes:
        lane.far_of = lambda _: ours
    await asyncio.gather(*(office.pool.start() for office in (ours, *lanes)))
    pids = ours.pool.host_pids
    connected = await asyncio.gather(*(run_lane(ours, lane, first) for first, lane in enumerate(lanes)))
    assert list(connected) == [CALLS_PER_LANE] * LANES
    assert await ours.saw(CallMeasured, count=LANES * CALLS_PER_LANE)
    assert ours.of(HostDied) == []
    assert ours.pool.host_pids == pids
    await asyncio.gather(*(office.pool.close() for office in (ours, *lanes)))


async def test_a_far_end_that_dies_is_noticed_and_the_host_lives_on() -> None:
    async with two_offices() as (ours, far):
        await join_voice((ours, far), 1)
        pids = ours.pool.host_pids
        os.kill(far.pool.host_pids[0], signal.SIGKILL)
        assert await ours.saw(VoiceEnded, within_s=45)
        assert ours.of(VoiceEnded) == [VoiceEnded(voice_leg(1), EndReason.VOICE_LOST)]
        ours.pool.end_call(call(1))
        await join_voice((ours, far), 2)
        assert ours.pool.host_pids == pids
