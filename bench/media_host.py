"""What whole bridged calls cost in one media host: `python -m bench.media_host [seconds]`.

For some numbers of G.711 calls, with our own engine and with ntgcalls, and for Opus that goes through
unopened: percent of a core and megabytes per call of the host process, RTP, voice leg and all. The far ends
of the voice legs and the telephones are in other processes, which are not counted. Everybody speaks all the
time: silence would be cheaper.
"""

import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

import structlog

from bench.carried_calls import CarriedCalls, carrying, one_host
from bench.far_voices import TICK_S, Told, opus_of
from bench.telephones import G711, OPUS, PbxCodec, babble, talk
from linegram.audio.frame import WIDEBAND_HZ
from linegram.link.voice import NTGCALLS, OWN
from linegram.media.control import HostBeat

CALLS: Mapping[str, tuple[int, ...]] = {NTGCALLS: (1, 10, 16, 20), OWN: (1, 10, 20, 40, 80)}
MEMORY: Mapping[str, tuple[int, ...]] = {NTGCALLS: (20,), OWN: (20, 40)}
SETTLES_S = 3.0
VOICES = 8
OPUS_CALLS = 20
LEAST_TICKS = 0.98


class Cost(NamedTuple):
    """Figures of one host with some calls; the first two are per call."""

    core_percent: float
    added_mb: float
    host_mb: float
    far_core_percent: float
    late_ms_p50: float
    late_ms_p99: float
    connect_ms: tuple[float, ...]


class Look(NamedTuple):
    """What host and far end said of themselves, and when."""

    host: HostBeat
    far: Told
    at_s: float


async def measure(engine: str, calls: int, seconds: float, spoken: PbxCodec = G711) -> Cost:
    """Carry `calls` calls for `seconds` and look at what the host used."""
    context = multiprocessing.get_context("spawn")
    async with carrying(one_host(engine, calls), codec=spoken) as carried:
        before = await beat(carried)
        voices = [opus_of(babble(100 + seed, WIDEBAND_HZ), WIDEBAND_HZ) for seed in range(VOICES)]
        targets = []
        for number in range(calls):
            local = (await carried.add(voices[number % VOICES], ("127.0.0.1", 9))).local
            targets.append((local.ip, local.port))
        stop = context.Event()
        telephones = context.Process(target=talk, args=(targets, stop, spoken))
        telephones.start()
        try:
            await asyncio.sleep(SETTLES_S)
            first = await look(carried)
            await asyncio.sleep(seconds)
            last = await look(carried)
        finally:
            stop.set()
            telephones.join()
    if carried.lost:
        raise RuntimeError(f"calls were lost: {carried.lost}")
    if (last.far.ticks - first.far.ticks) * TICK_S < LEAST_TICKS * (last.at_s - first.at_s):
        raise RuntimeError("the far ends had no time to speak: this machine is too busy")
    share = 100 / (last.at_s - first.at_s) / calls
    return Cost(
        core_percent=(last.host.cpu_s - first.host.cpu_s) * share,
        added_mb=(last.host.resident_mb - before.resident_mb) / calls,
        host_mb=last.host.resident_mb,
        far_core_percent=(last.far.cpu_s - first.far.cpu_s) * share,
        late_ms_p50=last.host.late_ms_p50,
        late_ms_p99=last.host.late_ms_p99,
        connect_ms=tuple(one.connect_ms for one in carried.calls),
    )


async def look(carried: CarriedCalls) -> Look:
    """Ask host and far end what they have spent."""
    (far,) = carried.far_ends
    return Look(await beat(carried), await carried.ask(far), time.monotonic())


async def beat(carried: CarriedCalls) -> HostBeat:
    """Wait for the next heartbeat of the host."""
    (one,) = await carried.next_beats()
    return one


def figures(engine: str, costs: Mapping[int, Cost]) -> dict[str, float]:
    """Name what was measured."""
    named = {
        f"call_core_percent_{calls}_{engine}": cost.core_percent
        for calls, cost in costs.items()
        if calls != 16
    }
    named |= {
        f"call_mb_{calls}_{engine}": costs[calls].added_mb for calls in MEMORY[engine] if calls in costs
    }
    connects = [one for cost in costs.values() for one in cost.connect_ms]
    named[f"voice_connect_ms_p95_{engine}"] = statistics.quantiles(connects, n=20, method="inclusive")[-1]
    if engine == NTGCALLS and 16 in costs:
        named |= {"call_core_percent_16": costs[16].core_percent, "call_mb_16": costs[16].added_mb}
        named["host_mb_16"] = costs[16].host_mb
    return named


def main(seconds: float = 15.0) -> None:
    """Print a row per engine and number of calls and, as the last line, the machine-readable result."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    named: dict[str, float] = {}
    for engine, numbers in CALLS.items():
        costs = {}
        for calls in numbers:
            cost = costs[calls] = asyncio.run(measure(engine, calls, seconds))
            print(
                f"{engine:8} {calls:2} calls: {cost.core_percent:.2f} % of a core and {cost.added_mb:.2f} MB "
                f"per call; host {cost.host_mb:.0f} MB, ticks late p50 {cost.late_ms_p50:.1f} p99 "
                f"{cost.late_ms_p99:.1f} ms; the far end {cost.far_core_percent:.2f} % per call",
                flush=True,
            )
        named |= figures(engine, costs)
    unopened = asyncio.run(measure(OWN, OPUS_CALLS, seconds, OPUS))
    print(f"{OWN:8} {OPUS_CALLS:2} calls in Opus, unopened: {unopened.core_percent:.2f} % of a core per call")
    named[f"call_core_percent_{OPUS_CALLS}_{OWN}_opus"] = unopened.core_percent
    print(json.dumps({name: round(value, 2) for name, value in named.items()}))


if __name__ == "__main__":
    main(*(float(text) for text in sys.argv[1:2]))
