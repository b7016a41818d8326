"""A hundred bridged calls at once on our own engine: every tone found again, no call lost, ticks in time.

Ten minutes; `SOAK_SECONDS=60` shortens it. The employees' ends pass ready Opus packets through our
own engine, the PBX's end is a C program that sends every RTP packet back: neither opens any sound, and what
they cost is told apart from what the media hosts cost.
"""

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from bench.carried_calls import CarriedCalls, carrying
from bench.far_voices import SAMPLE_HZ, opus_tone
from bench.results import SOAK_RESULTS, Figure, keep
from bench.telephones import come_second

from linegram.agent.admission import AdmissionSettings
from linegram.agent.host_fleet import FleetSettings
from linegram.audio.spectrum import dominant_hz
from linegram.link.voice import OWN
from linegram.media.control import HostBeat, HostSettings
from tests.peers.addresses import free_port, is_bound, own_address
from tests.peers.available import find_peer
from tests.peers.process import PeerProcess

pytestmark = [pytest.mark.soak, pytest.mark.peer("sipp")]

CALLS, HOSTS, FAR_ENDS = 100, 2, 2
SECONDS = int(os.environ.get("SOAK_SECONDS", "600"))
LOWEST_HZ, STEP_HZ = 300, 12
SETTLES_S, LOOK_S = 12.0, 10.0
LOOKS, HEARD_S = 4, 1.5
ECHO_PRIORITY = 3
COMMAND = f"make soak ({SECONDS} s)"


class Spent(NamedTuple):
    """CPU seconds so far, and those of the whole machine that were not idle."""

    at_s: float
    hosts_s: float
    far_s: float
    echo_s: float
    machine_s: float


@asynccontextmanager
async def rtp_echo() -> AsyncIterator[tuple[PeerProcess, tuple[str, int]]]:
    """Run sipp as nothing but an echo, before other work where that is allowed."""
    ip, echo = own_address(), PeerProcess("sipp")
    port = free_port(ip)
    arguments = ("-sn", "uas", "-nostdin", "-i", ip, "-rtp_echo", "-mi", ip, "-mp", str(port))

    async def is_listening() -> bool:
        return is_bound(ip, port)

    echo.start(find_peer("sipp").command(*arguments))
    await echo.wait_until(is_listening)
    for thread in Path(f"/proc/{echo.pid}/task").iterdir():
        come_second(int(thread.name), priority=ECHO_PRIORITY)
    try:
        yield echo, (ip, port)
    finally:
        await echo.kill()
        await echo.close()


def cpu_s(pid: int) -> float:
    """Read what a process has spent."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine_cpu_s() -> float:
    """Read what all cores together have spent on anything: user, nice, system, interrupts, but not idle."""
    fields = [int(word) for word in Path("/proc/stat").read_text("ascii").split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def spent(carried: CarriedCalls, echo: PeerProcess) -> Spent:
    """Look at the clocks of everybody."""
    hosts_s = sum(cpu_s(pid) for pid in carried.pool.host_pids)
    far_s = sum(cpu_s(far.pid) for far in carried.far_ends)
    return Spent(time.monotonic(), hosts_s, far_s, cpu_s(echo.pid), machine_cpu_s())


async def deaf_calls(carried: CarriedCalls) -> tuple[list[int], int]:
    """Name the calls whose voice does not hear its own tone come back; and how often one was asked again.

    What a voice heard is its last 1.2 seconds, in which a late tick of its own may have left a gap.
    """
    deaf, repeated = await _deaf_of(carried, range(len(carried.calls))), 0
    for _ in range(LOOKS - 1):
        if deaf:
            repeated += len(deaf)
            await asyncio.sleep(HEARD_S)
            deaf = await _deaf_of(carried, deaf)
    return deaf, repeated


async def _deaf_of(carried: CarriedCalls, numbers: Iterable[int]) -> list[int]:
    deaf = []
    for number in numbers:
        call = carried.calls[number]
        heard = np.frombuffer((await carried.ask(call.far, number)).heard, np.int16)
        if abs(dominant_hz(heard, SAMPLE_HZ) - tone_hz(number)) > STEP_HZ / 3:
            deaf.append(number)
    return deaf


def tone_hz(number: int) -> int:
    """Give every call a tone of its own."""
    return LOWEST_HZ + STEP_HZ * number


def keep_figures(before: Spent, after: Spent, beats: list[HostBeat]) -> None:
    """Write the run's figures beside those of the machine."""
    seconds = after.at_s - before.at_s
    share = 100 / seconds
    late_ms = [beat.late_ms_p99 for beat in beats]
    figures = {
        "hundred_calls_at_once": Figure(CALLS, "bridged G.711 calls with every tone found, none lost"),
        "hundred_calls_s": Figure(seconds, "s that they lasted"),
        "hundred_calls_core_percent": Figure(
            (after.hosts_s - before.hosts_s) * share / CALLS, "% of a core per call: the media hosts"
        ),
        "hundred_calls_far_core_percent": Figure(
            (after.far_s - before.far_s) * share / CALLS, "% of a core per call: the employees' ends"
        ),
        "hundred_calls_echo_core_percent": Figure(
            (after.echo_s - before.echo_s) * share, "% of a core: the PBX's end of all calls"
        ),
        "hundred_calls_machine_percent": Figure(
            (after.machine_s - before.machine_s) * share / (os.cpu_count() or 1), "% of all cores, all work"
        ),
        "hundred_calls_late_ms_p50": Figure(statistics.median(b.late_ms_p50 for b in beats), "ms, ticks"),
        "hundred_calls_late_ms_p99": Figure(statistics.median(late_ms), "ms, ticks; median of 10 s spans"),
        "hundred_calls_late_ms_p99_worst": Figure(max(late_ms), "ms, ticks; worst 10 s span"),
        "hundred_calls_mb": Figure(sum(beat.resident_mb for beat in beats[-HOSTS:]), "MB, all hosts"),
    }
    keep(SOAK_RESULTS, figures, COMMAND)


@pytest.mark.timeout(SECONDS + 400)
async def test_a_hundred_calls_at_once_are_all_heard_and_none_is_lost() -> None:
    fleet = FleetSettings(
        calls_per_host=CALLS // HOSTS,
        most_hosts=HOSTS,
        spare_hosts=HOSTS,
        is_spread=True,
        admission=AdmissionSettings(most_late_ms=1_000, most_cpu_percent=100),
        host=HostSettings(engine=OWN),
    )
    async with rtp_echo() as (echo, address), carrying(fleet, FAR_ENDS) as carried:
        for number in range(CALLS):
            await carried.add(opus_tone(tone_hz(number)), address)
        await asyncio.sleep(SETTLES_S)
        beats: list[HostBeat] = []
        asked_again, before = 0, spent(carried, echo)
        while time.monotonic() < before.at_s + SECONDS:
            await asyncio.sleep(LOOK_S)
            beats += await carried.next_beats()
            deaf, repeated = await deaf_calls(carried)
            asked_again += repeated
            assert deaf == []
            assert carried.lost == []
        after = spent(carried, echo)
    keep_figures(before, after, beats)
    again = Figure(asked_again, f"times that a tone was only found at another of {LOOKS} looks")
    keep(SOAK_RESULTS, {"hundred_calls_asked_again": again}, COMMAND)
