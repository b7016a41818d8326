"""A pool of media hosts that carries whole calls, whose far ends are in other processes."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.far_voices import Ask, Ended, FarEnd, Join, Joined, Signal, Told, both_sides
from bench.telephones import G711, PbxCodec
from linegram.agent.host_fleet import FleetSettings
from linegram.agent.hosts import HostDied, HostPool, HostPoolSettings, PoolEvent
from linegram.link.events import VoiceConnected, VoiceEnded, VoiceSignalled
from linegram.media.control import HostBeat, HostSettings, LocalMedia, MediaSilent, RemoteMedia
from linegram.units import CallId, LegId

CONNECT_LIMIT_S = 20.0


@dataclass
class Carried:
    """One call: where its PBX leg receives, and how long its voice took to connect."""

    local: LocalMedia
    connect_ms: float
    far: FarEnd


@dataclass
class CarriedCalls:
    """Calls 0, 1, 2, ... with the numbers of their far voices; the far ends take them in turn."""

    fleet: FleetSettings
    far_ends: Sequence[FarEnd]
    first_port: int = 30_000
    codec: PbxCodec = G711
    calls: list[Carried] = field(default_factory=list)
    lost: list[PoolEvent | Ended] = field(default_factory=list)

    async def start(self) -> None:
        """Start the hosts."""
        settings = HostPoolSettings(
            bind_ip="127.0.0.1", first_rtp_port=self.first_port, last_rtp_port=39_999, fleet=self.fleet
        )
        self.pool = HostPool(settings, self._take)
        self._told: asyncio.Future[Told] | None = None
        self._is_up: dict[int, set[str]] = {}
        self._changed = asyncio.Event()
        for far in self.far_ends:
            asyncio.get_running_loop().add_reader(far.link.fileno(), self._read, far)
        await self.pool.start()

    async def close(self) -> None:
        """End everything but the far ends' processes."""
        for far in self.far_ends:
            asyncio.get_running_loop().remove_reader(far.link.fileno())
        await self.pool.close()

    async def add(self, says: tuple[bytes, ...], pbx: tuple[str, int]) -> Carried:
        """Carry one more call between a telephone at `pbx` and a voice that says this."""
        number = len(self.calls)
        call, leg, far = CallId(str(number)), LegId(f"pbx/{number}"), self._far(number)
        local = await self.pool.open_pbx_leg(call, leg)
        ip, port = pbx
        remote = RemoteMedia(
            ip=ip, port=port, rtcp_port=9, codec=self.codec.name, payload_type=self.codec.payload_type
        )
        self.pool.connect_pbx_leg(leg, remote)
        ours, theirs = both_sides()
        self._is_up[number] = set()
        began = time.monotonic()
        far.send(Join(number, theirs, says))
        await self.pool.open_voice_leg(call, LegId(f"voice/{number}"), ours)
        async with asyncio.timeout(CONNECT_LIMIT_S):
            while self._is_up[number] != {"near", "far"}:
                self._changed.clear()
                await self._changed.wait()
        carried = Carried(local, (time.monotonic() - began) * 1000, far)
        self.pool.connect_audio(call)
        self.calls.append(carried)
        return carried

    async def ask(self, far: FarEnd, voice: int = -1) -> Told:
        """Ask a far end what a voice has heard, and what it has spent."""
        self._told = asyncio.get_running_loop().create_future()
        far.send(Ask(voice))
        return await self._told

    async def next_beats(self) -> list[HostBeat]:
        """Wait for the next heartbeat of every host."""
        old = self.pool.beats
        while True:
            await asyncio.sleep(0.01)
            beats = self.pool.beats
            if beats and all(beat is not old.get(pid) for pid, beat in beats.items()):
                return list(beats.values())

    def _far(self, number: int) -> FarEnd:
        return self.far_ends[number % len(self.far_ends)]

    def _take(self, event: PoolEvent) -> None:
        match event:
            case VoiceSignalled(leg_id, payload):
                number = int(leg_id.split("/")[1])
                self._far(number).send(Signal(number, payload))
            case VoiceConnected(leg_id):
                self._note_up(int(leg_id.split("/")[1]), "near")
            case VoiceEnded() | HostDied() | MediaSilent():
                self.lost.append(event)

    def _read(self, far: FarEnd) -> None:
        match far.receive():
            case Signal(number, payload):
                self.pool.signal_voice(LegId(f"voice/{number}"), payload)
            case Joined(number):
                self._note_up(number, "far")
            case Ended() as event:
                self.lost.append(event)
            case Told() as told:
                if self._told is not None:
                    self._told.set_result(told)

    def _note_up(self, number: int, side: str) -> None:
        self._is_up[number].add(side)
        self._changed.set()


@asynccontextmanager
async def carrying(
    fleet: FleetSettings, far_ends: int = 1, codec: PbxCodec = G711
) -> AsyncIterator[CarriedCalls]:
    """Start hosts and the processes of far ends; whatever happens, nothing of them is left."""
    carried = CarriedCalls(fleet, [FarEnd() for _ in range(far_ends)], codec=codec)
    try:
        await carried.start()
        yield carried
    finally:
        await carried.close()
        for far in carried.far_ends:
            far.close()


def one_host(engine: str, calls: int) -> FleetSettings:
    """Let one host of an engine carry everything."""
    return FleetSettings(calls_per_host=calls, most_hosts=1, spare_hosts=1, host=HostSettings(engine=engine))
