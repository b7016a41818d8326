"""Hosts live and die: replacement, capacity, ports, silence. Real processes, real library."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from linegram.agent.host_fleet import FleetSettings
from linegram.agent.hosts import HostDied, HostPool, HostPoolSettings
from linegram.errors import UnavailableError
from linegram.link.commands import Tone
from linegram.link.events import CallMeasured, VoiceEnded
from linegram.media.control import Direction, HostSettings, MediaSilent, RemoteMedia
from linegram.outcomes import EndReason
from tests.agent.rtp_phone import RtpPhone, until
from tests.agent.two_offices import Office, call, join_voice, pbx_leg, pool_settings, two_offices, voice_leg

pytestmark = pytest.mark.slow

QUICK_WATCH = HostSettings(first_media_limit_s=0.4, media_limit_s=0.2)


def is_running(pid: int) -> bool:
    """A process that is gone, or a zombie, does not run."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_a_killed_host_ends_its_calls_once_and_is_replaced() -> None:
    async with two_offices() as (ours, far):
        await join_voice((ours, far), 1)
        await ours.pool.open_pbx_leg(call(1), pbx_leg(1))
        pid = ours.pool.host_pid_of(call(1))
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert await ours.saw(HostDied)
        assert ours.of(HostDied) == [HostDied((call(1),))]
        assert ours.pool.call_count == 0
        ours.pool.end_call(call(1))
        ours.pool.end_call(call(1))
        assert ours.of(CallMeasured) == [CallMeasured(call_id=call(1))]
        far.pool.end_call(call(1))
        assert await far.saw(CallMeasured)
        await join_voice((ours, far), 2)
        assert ours.pool.host_pid_of(call(2)) != pid
        assert not is_running(pid)


async def test_only_the_calls_of_the_killed_host_are_lost() -> None:
    async with two_offices(lambda: pool_settings(calls_per_host=1)) as (ours, _):
        await ours.pool.open_pbx_leg(call(1), pbx_leg(1))
        await ours.pool.open_pbx_leg(call(2), pbx_leg(2))
        first, second = ours.pool.host_pid_of(call(1)), ours.pool.host_pid_of(call(2))
        assert first is not None
        assert first != second
        os.kill(first, signal.SIGKILL)
        assert await ours.saw(HostDied)
        assert ours.of(HostDied) == [HostDied((call(1),))]
        assert ours.pool.host_pid_of(call(2)) == second


async def test_a_stuck_host_is_killed_and_counts_as_died() -> None:
    async with two_offices() as (ours, _):
        await ours.pool.open_pbx_leg(call(1), pbx_leg(1))
        pid = ours.pool.host_pid_of(call(1))
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        assert await ours.saw(HostDied)
        assert await until(lambda: not is_running(pid), 5)


async def test_a_spare_takes_the_place_of_a_killed_spare() -> None:
    async with two_offices(lambda: pool_settings(spare_hosts=1)) as (ours, _):
        (pid,) = ours.pool.host_pids
        os.kill(pid, signal.SIGKILL)
        assert await until(lambda: bool(ours.pool.host_pids) and pid not in ours.pool.host_pids, 10)
        assert ours.events == []


async def test_no_host_outlives_the_pool() -> None:
    async with two_offices(lambda: pool_settings(spare_hosts=1)) as offices:
        await join_voice(offices, 1)
        assert await until(lambda: len(offices[0].pool.host_pids) == 2, 10)
        pids = [pid for office in offices for pid in office.pool.host_pids]
    assert not any(is_running(pid) for pid in pids)


PARENT = """
import asyncio
from linegram.agent.hosts import HostPool
from tests.agent.two_offices import pool_settings

async def main():
    pool = HostPool(pool_settings(spare_hosts=2), print)
    await pool.start()
    print(*pool.host_pids, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_hosts_leave_when_their_parent_dies_even_a_stuck_one() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pids: list[int] = []
    while len(pids) != 2:
        words = (await asyncio.wait_for(parent.stdout.readline(), 30)).split()
        pids = [int(word) for word in words if word.isdigit()]
    os.kill(pids[0], signal.SIGSTOP)
    parent.kill()
    await parent.wait()
    assert await until(lambda: not any(is_running(pid) for pid in pids), 5)


async def test_an_engine_that_does_not_exist_stops_the_start_with_a_sentence() -> None:
    pool = HostPool(pool_settings(host=HostSettings(engine="tin can")), lambda _: None)
    with pytest.raises(UnavailableError, match='no voice engine "tin can"'):
        await pool.start()
    await pool.close()


async def test_a_full_pool_refuses_with_a_sentence_until_a_call_ends() -> None:
    async with two_offices(lambda: pool_settings(calls_per_host=1, most_hosts=2)) as (ours, _):
        await ours.pool.open_pbx_leg(call(1), pbx_leg(1))
        await ours.pool.open_pbx_leg(call(2), pbx_leg(2))
        assert ours.pool.capacity == ours.pool.call_count == 2
        with pytest.raises(UnavailableError, match="All 2 media hosts are full"):
            await ours.pool.open_pbx_leg(call(3), pbx_leg(3))
        ours.pool.end_call(call(1))
        await ours.pool.open_pbx_leg(call(3), pbx_leg(3))


async def test_a_port_taken_by_somebody_else_is_passed_over() -> None:
    settings = pool_settings()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("127.0.0.1", settings.first_rtp_port + 1))
        async with two_offices(lambda: settings) as (ours, _):
            local = await ours.pool.open_pbx_leg(call(1), pbx_leg(1))
            assert local.port == settings.first_rtp_port + 2
            assert await ours.pool.open_pbx_leg(call(1), pbx_leg(1)) == local
            ours.pool.end_call(call(1))
            after = await ours.pool.open_pbx_leg(call(2), pbx_leg(2))
            assert after.port == settings.first_rtp_port + 4


async def test_the_announced_address_goes_into_sdp() -> None:
    settings = HostPoolSettings(
        bind_ip="127.0.0.1", announced_ip="203.0.113.7", fleet=FleetSettings(spare_hosts=0)
    )
    async with two_offices(lambda: settings) as (ours, _):
        assert (await ours.pool.open_pbx_leg(call(1), pbx_leg(1))).ip == "203.0.113.7"


async def connected_phone(office: Office) -> RtpPhone:
    phone = await office.open_phone(1, "PCMA", 440)
    office.pool.connect_pbx_leg(pbx_leg(1), phone.description())
    return phone


async def test_a_pbx_that_stops_sending_is_noticed_once() -> None:
    async with two_offices(lambda: pool_settings(host=QUICK_WATCH)) as (ours, _):
        phone = await connected_phone(ours)
        phone.press("1")
        assert await until(lambda: len(ours.events) == 1, 10)
        await phone.close()
        assert await ours.saw(MediaSilent)
        ours.pool.end_call(call(1))
        assert await ours.saw(CallMeasured)
        assert ours.of(MediaSilent) == [MediaSilent(pbx_leg(1))]


async def test_nobody_misses_media_on_hold_or_before_the_answer() -> None:
    async with two_offices(lambda: pool_settings(host=QUICK_WATCH)) as (ours, _):
        answered = RemoteMedia(ip="127.0.0.1", port=9, rtcp_port=10, codec="PCMA", payload_type=8)
        early = msgspec.structs.replace(answered, is_early=True)
        on_hold = msgspec.structs.replace(answered, direction=Direction.SEND)
        for number, remote in enumerate((early, on_hold, answered), start=1):
            await ours.pool.open_pbx_leg(call(number), pbx_leg(number))
            ours.pool.connect_pbx_leg(pbx_leg(number), remote)
        assert await ours.saw(MediaSilent)
        assert ours.of(MediaSilent) == [MediaSilent(pbx_leg(3))]


async def test_a_voice_leg_whose_far_end_never_comes_ends_and_frees_its_host() -> None:
    async with two_offices() as (ours, _):
        await ours.open_voice(1, os.urandom(256))
        assert await ours.saw(VoiceEnded, within_s=20)
        assert ours.of(VoiceEnded) == [VoiceEnded(voice_leg(1), EndReason.VOICE_NOT_CONNECTED)]


async def test_a_new_call_goes_to_a_host_that_is_not_setting_one_up() -> None:
    async with two_offices(lambda: pool_settings(spare_hosts=1)) as (ours, far):
        await ours.open_voice(1, os.urandom(256))
        assert await until(lambda: len(ours.pool.host_pids) == 2, 10)
        await join_voice((ours, far), 2)
        assert ours.pool.host_pid_of(call(1)) != ours.pool.host_pid_of(call(2))


async def test_commands_about_unknown_and_ended_calls_are_ignored() -> None:
    async with two_offices() as (ours, _):
        await ours.pool.open_pbx_leg(call(1), pbx_leg(1))
        ours.pool.end_call(call(1))
        for number in (1, 9):
            ours.pool.end_call(call(number))
            ours.pool.connect_audio(call(number))
            ours.pool.play_tone(call(number), Tone.BUSY)
            ours.pool.close_pbx_leg(pbx_leg(number))
            ours.pool.close_voice(voice_leg(number))
            ours.pool.signal_voice(voice_leg(number), b"x")
            ours.pool.press_digits(pbx_leg(number), "1")
        assert await ours.saw(CallMeasured)
        await ours.pool.open_pbx_leg(call(2), pbx_leg(2))
        assert ours.events == [CallMeasured(call_id=call(1))]


async def test_a_call_that_ended_cannot_be_opened_again() -> None:
    async with two_offices() as (ours, _):
        ours.pool.end_call(call(1))
        with pytest.raises(UnavailableError, match="has ended"):
            await ours.pool.open_pbx_leg(call(1), pbx_leg(1))
        assert ours.pool.call_count == 0


async def test_an_opening_that_is_cancelled_gives_its_port_back() -> None:
    settings = pool_settings()
    settings = msgspec.structs.replace(settings, last_rtp_port=settings.first_rtp_port + 1, port_rest_s=0.0)
    async with two_offices(lambda: settings) as (ours, _):
        opening = asyncio.create_task(ours.pool.open_pbx_leg(call(1), pbx_leg(1)))
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        ours.pool.end_call(call(1))
        assert await ours.saw(CallMeasured)
        assert (await ours.pool.open_pbx_leg(call(2), pbx_leg(2))).port == settings.first_rtp_port
