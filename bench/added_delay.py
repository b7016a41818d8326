"""How long sound takes, and how much of it a media host adds: `python -m bench.added_delay [bursts]`.

A burst of tone is timed from the moment it is handed over to the moment it is handed out: first between
two bare voice legs (the engine's own delay), then with a media host and RTP in place of one of them, in both
directions. What the host adds is the difference, less what the jitter buffer aims at towards Telegram. With
both engines, one after the other; both ends of a call have the same.
"""

import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import msgspec
import numpy as np
import structlog

from bench.telephones import come_second
from linegram.agent.host_fleet import FleetSettings
from linegram.agent.hosts import HostPool, HostPoolSettings, PoolEvent
from linegram.audio.frame import PcmFrame, silence
from linegram.audio.g711 import G711Codec
from linegram.audio.tones import ToneGenerator, parse_cadence
from linegram.link.events import VoiceConnected, VoiceSignalled
from linegram.link.voice import NTGCALLS, OWN, VoiceParameters
from linegram.media.control import HostSettings, RemoteMedia
from linegram.media.process import leave_at_once
from linegram.rtp.packet import RtpPacket, parse_rtp
from linegram.units import CallId, LegId
from linegram.voice.engine import VoiceSignal, VoiceState, VoiceStateChanged
from linegram.voice.engines import make_engine

TICK_S = 0.02
SAMPLE_HZ = 8000
BURST_EVERY_TICKS = 50
BURST_TICKS = 5
LOUD = 2000
CALL, PBX, VOICE = CallId("call"), LegId("pbx"), LegId("voice")


class Track(msgspec.Struct):
    """When bursts began, on the clock that all processes of a machine share."""

    said_at: list[float] = []
    heard_at: list[float] = []


class Mouth:
    """Gives the frame of each tick: a burst of tone once a second, silence otherwise."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._tick = 0
        self._tone = ToneGenerator(parse_cadence("1000/1000"), SAMPLE_HZ, -9.0)

    def frame(self, now: float) -> PcmFrame:
        """Make the next 20 ms, and note when a burst begins."""
        at = self._tick % BURST_EVERY_TICKS
        self._tick += 1
        if at >= BURST_TICKS:
            return silence(SAMPLE_HZ // 50)
        if at == 0:
            self._track.said_at.append(now)
        return self._tone.frame()


class Ear:
    """Notes when bursts arrive."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._loud_until = float("-inf")

    def hear(self, frame: PcmFrame, at: float) -> None:
        """Take one frame: a burst begins at the first loud sample after half a second without one."""
        loud = np.flatnonzero(np.abs(frame.astype(np.int32)) > LOUD)
        if not len(loud):
            return
        onset = at + float(loud[0]) / SAMPLE_HZ
        if onset - self._loud_until > 0.5:
            self._track.heard_at.append(onset)
        self._loud_until = onset


def bare_leg(engine: str, parameters: VoiceParameters, seconds: float, link: Connection) -> None:
    """Run one voice leg in this process: signalling over `link`, and at the end the track."""
    sys.setswitchinterval(0.0005)
    if engine == OWN:
        come_second()
    leg, track = make_engine(engine).open(parameters, SAMPLE_HZ), Track()
    mouth, ear = Mouth(track), Ear(track)
    until, due = float("inf"), time.monotonic()
    while time.monotonic() < until:
        due += TICK_S
        while link.poll(max(0.0, due - time.monotonic())):
            leg.receive_signal(link.recv_bytes())
        while (event := leg.next_event()) is not None:
            if isinstance(event, VoiceSignal):
                link.send_bytes(event.payload)
            elif event == VoiceStateChanged(VoiceState.CONNECTED):
                until = time.monotonic() + seconds
        now = time.monotonic()
        ear.hear(leg.pull(), now)
        leg.handle_timer(now)
        leg.push(mouth.frame(now) if until < float("inf") else silence(SAMPLE_HZ // 50))
    link.send_bytes(b"track" + msgspec.msgpack.encode(track))
    link.recv_bytes()
    leave_at_once(0)


def start_leg(
    engine: str, key: bytes, seconds: float, *, is_outgoing: bool
) -> tuple[BaseProcess, Connection]:
    """Start a process with one bare leg."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=bare_leg, args=(engine, parameters(key, is_outgoing=is_outgoing), seconds, theirs)
    )
    process.start()
    theirs.close()
    return process, ours


def finish_leg(process: BaseProcess, link: Connection) -> None:
    """Let a bare leg leave."""
    link.send_bytes(b"bye")
    process.join()
    link.close()


def parameters(key: bytes, *, is_outgoing: bool) -> VoiceParameters:
    """Write the parameters of one end."""
    return VoiceParameters(
        key=key, is_outgoing=is_outgoing, versions=("9.0.0",), servers=(), is_p2p_allowed=True
    )


def engine_tracks(engine: str, seconds: float) -> tuple[Track, Track]:
    """Connect two bare legs with each other; gives the tracks of both."""
    key = os.urandom(256)
    legs = [start_leg(engine, key, seconds, is_outgoing=is_outgoing) for is_outgoing in (True, False)]
    far_of = {legs[0][1]: legs[1][1], legs[1][1]: legs[0][1]}
    tracks: dict[Connection, Track] = {}
    while len(tracks) < 2:
        for link in wait(list(far_of)):
            assert isinstance(link, Connection)
            message = link.recv_bytes()
            if message.startswith(b"track"):
                tracks[link] = msgspec.msgpack.decode(message[5:], type=Track)
            else:
                far_of[link].send_bytes(message)
    for leg in legs:
        finish_leg(*leg)
    return tracks[legs[0][1]], tracks[legs[1][1]]


class Telephone(threading.Thread):
    """The PBX's side: G.711 packets in and out, timed; no jitter buffer of its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.track = Track()
        self.is_stopping = False
        self.target: tuple[str, int] | None = None
        self.end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.end.bind(("127.0.0.1", 0))

    def run(self) -> None:
        """Send on an absolute beat, and take in what comes meanwhile."""
        come_second()
        codec, mouth, ear = G711Codec("PCMA"), Mouth(self.track), Ear(self.track)
        due, number = time.monotonic(), 0
        while not self.is_stopping:
            due += TICK_S
            while (left := due - time.monotonic()) > 0:
                self.end.settimeout(left)
                try:
                    packet = self.end.recv(2048)
                except TimeoutError:
                    break
                ear.hear(codec.decode(parse_rtp(packet).payload), time.monotonic())
            if self.target is not None:
                payload = codec.encode(mouth.frame(time.monotonic()))
                packet = RtpPacket(8, number & 0xFFFF, number * 160, 7, payload, number == 0).serialise()
                self.end.sendto(packet, self.target)
                number += 1
        self.end.close()


async def host_tracks(engine: str, seconds: float) -> tuple[Track, Track, float]:
    """Connect a telephone through a media host with a bare leg; gives both tracks and the jitter target."""
    key, telephone, is_up = os.urandom(256), Telephone(), asyncio.Event()
    process, link = start_leg(engine, key, seconds, is_outgoing=False)
    found: asyncio.Future[Track] = asyncio.get_running_loop().create_future()

    def from_host(event: PoolEvent) -> None:
        if isinstance(event, VoiceSignalled):
            link.send_bytes(event.payload)
        elif isinstance(event, VoiceConnected):
            is_up.set()

    fleet = FleetSettings(spare_hosts=0, host=HostSettings(engine=engine))
    pool = HostPool(HostPoolSettings(bind_ip="127.0.0.1", fleet=fleet), from_host)
    asyncio.get_running_loop().add_reader(link.fileno(), _from_leg(link, pool, found))
    await pool.start()
    local = await pool.open_pbx_leg(CALL, PBX)
    port = telephone.end.getsockname()[1]
    remote = RemoteMedia(ip=local.ip, port=port, rtcp_port=port + 1, codec="PCMA", payload_type=8)
    pool.connect_pbx_leg(PBX, remote)
    await pool.open_voice_leg(CALL, VOICE, parameters(key, is_outgoing=True))
    await is_up.wait()
    pool.connect_audio(CALL)
    telephone.target = (local.ip, local.port)
    telephone.start()
    track = await found
    (beat,) = pool.beats.values()
    telephone.is_stopping = True
    telephone.join()
    await pool.close()
    finish_leg(process, link)
    return telephone.track, track, beat.playout_target_ms


def _from_leg(link: Connection, pool: HostPool, found: asyncio.Future[Track]) -> Callable[[], None]:
    def take() -> None:
        message = link.recv_bytes()
        if message.startswith(b"track"):
            asyncio.get_running_loop().remove_reader(link.fileno())
            found.set_result(msgspec.msgpack.decode(message[5:], type=Track))
        else:
            pool.signal_voice(VOICE, message)

    return take


def delays_ms(said: Track, heard: Track) -> list[float]:
    """Match each burst with the next one heard; the first two are left to the jitter buffers to settle."""
    found = []
    for said_at in said.said_at[2:]:
        heard_at = next((at for at in heard.heard_at if at > said_at), None)
        if heard_at is not None and heard_at - said_at < 0.9:
            found.append((heard_at - said_at) * 1000)
    return found


def measure(engine: str, bursts: int) -> dict[str, float]:
    """Print the delays with an engine; gives its figures."""
    seconds = bursts + 3.0
    one, other = engine_tracks(engine, seconds)
    alone = delays_ms(one, other) + delays_ms(other, one)
    telephone, employee, target_ms = asyncio.run(host_tracks(engine, seconds))
    to_telegram, to_pbx = delays_ms(telephone, employee), delays_ms(employee, telephone)
    own = statistics.median(alone)
    added = [delay - own - target_ms for delay in to_telegram] + [delay - own for delay in to_pbx]
    print(f"{engine} alone: median {own:.0f} ms of {len(alone)} bursts")
    for name, delays in (("to Telegram", to_telegram), ("to the PBX", to_pbx)):
        print(f"{name}: median {statistics.median(delays):.0f} ms, worst {max(delays):.0f} ms")
    print(f"of this the jitter buffer aims at {target_ms:.0f} ms towards Telegram")
    print(f"added by the host: median {statistics.median(added):.0f} ms, p95 {p95(added):.0f} ms")
    added_name = "added_delay_ms_p95" if engine == NTGCALLS else f"added_delay_{engine}_ms_p95"
    return {added_name: p95(added), f"voice_delay_ms_p95_{engine}": p95(to_telegram + to_pbx)}


def p95(values: list[float]) -> float:
    """Give the value that 95 of 100 do not exceed."""
    return sorted(values)[int(0.95 * (len(values) - 1))]


def main(bursts: int = 12) -> None:
    """Print the delays and, as the last line, the machine-readable result."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    figures = {**measure(NTGCALLS, bursts), **measure(OWN, bursts)}
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:2]))
