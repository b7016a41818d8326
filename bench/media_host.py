"""What whole bridged G.711 calls cost in one media host: `python -m bench.media_host [seconds]`.

For 1, 8 and 16 calls: percent of a core and megabytes per call of the host process, RTP, voice leg and
all. The far ends of the voice legs are in a host of their own and the telephones in a third process;
neither is counted. Everybody speaks all the time: silence would be cheaper.
"""

import asyncio
import json
import multiprocessing
import os
import random
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import NamedTuple

import numpy as np
import structlog

from linegram.agent.host_fleet import FleetSettings
from linegram.agent.hosts import HostPool, HostPoolSettings, PoolEvent
from linegram.audio.g711 import G711Codec
from linegram.link.events import VoiceConnected, VoiceEnded, VoiceSignalled
from linegram.link.voice import VoiceParameters
from linegram.media.control import HostBeat, RemoteMedia
from linegram.media.stream import RtpStream, StreamSettings
from linegram.units import CallId, LegId

TICK_S = 0.02
PCMA = 8
CALLS = (1, 8, 16)
ENDS = ("near", "far")


class Cost(NamedTuple):
    """Figures of one host with some calls; the first two are per call."""

    core_percent: float
    added_mb: float
    host_mb: float
    late_ms_p99: float


def babble(seed: int, sample_hz: int = 8000) -> list[bytes]:
    """Make five seconds of syllables: gliding pitch, two formants, short pauses; as G.711 payloads."""
    chance = random.Random(seed)
    pieces: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    while sum(map(len, pieces)) < 5 * sample_hz:
        at = np.arange(int(sample_hz * chance.uniform(0.12, 0.35))) / sample_hz
        pitch_hz = chance.uniform(90, 220)
        formants_hz = chance.uniform(300, 800), chance.uniform(900, 2500)
        sound = np.zeros(len(at))
        for partial_hz in np.arange(pitch_hz, 3600, pitch_hz):
            gain = sum(np.exp(-(((partial_hz - formant) / 250) ** 2)) for formant in formants_hz) + 0.02
            sound += gain * np.sin(2 * np.pi * partial_hz * at + chance.uniform(0, 6))
        edges = np.sqrt(np.abs(np.sin(np.pi * at / at[-1])))
        pieces += [6000 * sound / np.abs(sound).max() * edges, np.zeros(sample_hz // 20)]
    samples = np.concatenate(pieces).astype(np.int16)
    codec = G711Codec("PCMA")
    return [codec.encode(samples[start : start + 160]) for start in range(0, len(samples) - 160, 160)]


def talk(targets: list[tuple[str, int]], stop: Event) -> None:
    """Play all telephones: one packet each every 20 ms; what comes back is read by nobody."""
    settings = StreamSettings({PCMA: "PCMA"}, PCMA)
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    talkers = [
        (target, RtpStream(settings, 0.0, random.Random(seed).random), babble(seed))
        for seed, target in enumerate(targets)
    ]
    codec = G711Codec("PCMA")
    next_tick, step = time.monotonic(), 0
    while not stop.is_set():
        for target, stream, payloads in talkers:
            for packet in stream.push(codec.decode(payloads[step % len(payloads)]), next_tick):
                end.sendto(packet, target)
        step, next_tick = step + 1, next_tick + TICK_S
        time.sleep(max(0.0, next_tick - time.monotonic()))
    end.close()


class Bench:
    """Two pools of one host each, joined call by call."""

    def __init__(self) -> None:
        self.events: list[PoolEvent] = []
        self.pools = {
            end: HostPool(self._settings(number), self._sink(ENDS[1 - number]))
            for number, end in enumerate(ENDS)
        }

    async def measure(self, calls: int, seconds: float) -> Cost:
        """Carry `calls` calls for `seconds` and look at what the near host used."""
        await asyncio.gather(*(pool.start() for pool in self.pools.values()))
        before = await self._next_beat()
        targets = [await self._open(number) for number in range(calls)]
        stop = multiprocessing.get_context("spawn").Event()
        addresses = [address for pair in targets for address in pair]
        telephones = multiprocessing.get_context("spawn").Process(target=talk, args=(addresses, stop))
        telephones.start()
        try:
            await asyncio.sleep(3.0)
            first, began = await self._next_beat(), time.monotonic()
            await asyncio.sleep(seconds)
            last, ended = await self._next_beat(), time.monotonic()
        finally:
            stop.set()
            telephones.join()
            await asyncio.gather(*(pool.close() for pool in self.pools.values()))
        return Cost(
            core_percent=100 * (last.cpu_s - first.cpu_s) / (ended - began) / calls,
            added_mb=(last.resident_mb - before.resident_mb) / calls,
            host_mb=last.resident_mb,
            late_ms_p99=last.late_ms_p99,
        )

    async def _open(self, number: int) -> list[tuple[str, int]]:
        call, key = CallId(f"call-{number}"), os.urandom(256)
        addresses = []
        for end, pool in self.pools.items():
            local = await pool.open_pbx_leg(call, LegId(f"{end}-pbx-{number}"))
            remote = RemoteMedia(ip=local.ip, port=9, rtcp_port=9, codec="PCMA", payload_type=PCMA)
            pool.connect_pbx_leg(LegId(f"{end}-pbx-{number}"), remote)
            addresses.append((local.ip, local.port))
        for end, pool in self.pools.items():
            leg = LegId(f"{end}/{number}")
            await pool.open_voice_leg(call, leg, _parameters(key, is_outgoing=end == ENDS[0]))
        await self._connected(number)
        for pool in self.pools.values():
            pool.connect_audio(call)
        return addresses

    async def _connected(self, number: int) -> None:
        wanted = {VoiceConnected(LegId(f"{end}/{number}")) for end in ENDS}
        while not wanted <= {event for event in self.events if isinstance(event, VoiceConnected)}:
            if any(isinstance(event, VoiceEnded) for event in self.events):
                raise RuntimeError("a voice leg did not connect: is an interface other than loopback up?")
            await asyncio.sleep(0.01)

    async def _next_beat(self) -> HostBeat:
        pool = self.pools[ENDS[0]]
        old = next(iter(pool.beats.values()), None)
        while True:
            await asyncio.sleep(0.005)
            for beat in pool.beats.values():
                if beat is not old:
                    return beat

    def _sink(self, far: str) -> Callable[[PoolEvent], None]:
        def take(event: PoolEvent) -> None:
            self.events.append(event)
            if isinstance(event, VoiceSignalled):
                number = event.leg_id.split("/")[1]
                self.pools[far].signal_voice(LegId(f"{far}/{number}"), event.payload)

        return take

    @staticmethod
    def _settings(number: int) -> HostPoolSettings:
        return HostPoolSettings(
            bind_ip="127.0.0.1",
            first_rtp_port=30000 + 1000 * number,
            last_rtp_port=30999 + 1000 * number,
            fleet=FleetSettings(calls_per_host=max(CALLS), most_hosts=1, spare_hosts=0),
        )


def _parameters(key: bytes, *, is_outgoing: bool) -> VoiceParameters:
    return VoiceParameters(
        key=key, is_outgoing=is_outgoing, versions=("13.0.0",), servers=(), is_p2p_allowed=True
    )


def main(seconds: float = 20.0) -> None:
    """Print a row per number of calls and, as the last line, the machine-readable result."""
    structlog.configure(processors=[structlog.dev.ConsoleRenderer()], wrapper_class=_only_warnings())
    costs = {calls: asyncio.run(Bench().measure(calls, seconds)) for calls in CALLS}
    for calls, cost in costs.items():
        print(
            f"{calls:2} calls: {cost.core_percent:.2f} % of a core and {cost.added_mb:.1f} MB per call; "
            f"host {cost.host_mb:.0f} MB, ticks late p99 {cost.late_ms_p99:.1f} ms"
        )
    most = costs[max(CALLS)]
    print(
        json.dumps(
            {
                "call_core_percent_16": round(most.core_percent, 2),
                "call_mb_16": round(most.added_mb, 2),
                "host_mb_16": round(most.host_mb, 1),
            }
        )
    )


def _only_warnings() -> type:
    return structlog.make_filtering_bound_logger(30)


if __name__ == "__main__":
    main(*(float(text) for text in sys.argv[1:2]))
