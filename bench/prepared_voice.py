"""A far end that sends packets made beforehand, each at its own instant, over a real voice leg of our engine.

So any number of listeners get the very same packets at the same instants: late, in disorder, or never.
"""

import os
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

from linegram.audio.frame import silence
from linegram.link.voice import VoiceParameters
from linegram.rtp.packet import RtpPacket, parse_rtp
from linegram.voice.engine import VoiceEngine, VoiceLeg, VoiceSignal, VoiceState, VoiceStateChanged
from linegram.voice.own.leg import OwnLeg

TICK_S = 0.02
CONNECT_S = 20.0
SAMPLE_HZ = 8_000
VERSION = "9.0.0"
SILENT = silence(SAMPLE_HZ // 50)


class Arrival(NamedTuple):
    """One packet and when it arrives, in seconds after the start."""

    at_s: float
    packet: RtpPacket


def both_sides() -> tuple[VoiceParameters, VoiceParameters]:
    """Agree on a call: the parameters of its caller and its callee."""
    key = os.urandom(256)
    caller, callee = (
        VoiceParameters(key=key, is_outgoing=side, versions=(VERSION,), servers=(), is_p2p_allowed=True)
        for side in (True, False)
    )
    return caller, callee


class PreparedVoice:
    """One call's far end; `run` drives many in one thread."""

    def __init__(self, engine: VoiceEngine, parameters: VoiceParameters, far_end: Connection) -> None:
        leg = engine.open(parameters, SAMPLE_HZ)
        if not isinstance(leg, OwnLeg):
            raise TypeError("only our own engine sends prepared packets")
        self._leg: VoiceLeg = leg
        self._far_end = far_end
        self._due: RtpPacket | None = None
        self.is_connected = False
        path = leg._path  # noqa: SLF001 - the only place where a ready packet can be put in
        secure = path.send_rtp
        path.send_rtp = lambda packet: secure(self._replaced(packet))  # type: ignore[method-assign]

    def send(self, packet: RtpPacket) -> None:
        """Send one packet now, as it is but for source and payload type."""
        self._due = packet
        self._leg.push(SILENT)

    def tick(self) -> None:
        """Carry signalling, and keep the leg alive."""
        while self._far_end.poll():
            self._leg.receive_signal(self._far_end.recv_bytes())
        self._leg.pull()
        self._leg.handle_timer(time.monotonic())
        while (event := self._leg.next_event()) is not None:
            if isinstance(event, VoiceSignal):
                self._far_end.send_bytes(event.payload)
            elif isinstance(event, VoiceStateChanged):
                self.is_connected = event.state is VoiceState.CONNECTED

    def close(self) -> None:
        """Leave the call."""
        self._leg.close()

    def _replaced(self, packet: bytes) -> bytes:
        if self._due is None:
            return packet
        head = parse_rtp(packet)
        return self._due._replace(ssrc=head.ssrc, payload_type=head.payload_type).serialise()


def connect(voices: Sequence[PreparedVoice]) -> None:
    """Tick until every call is up; raises RuntimeError when one is not."""
    until = time.monotonic() + CONNECT_S
    while not all(voice.is_connected for voice in voices):
        if time.monotonic() > until:
            raise RuntimeError("a call did not connect")
        for voice in voices:
            voice.tick()
        time.sleep(0.005)


def run(
    voices: Sequence[PreparedVoice], arrivals: Sequence[Sequence[Arrival]], seconds: float
) -> tuple[float, float]:
    """Let each voice send its packets; gives when that began, and the worst lateness of one in seconds."""
    waiting = sorted((at_s, number, packet) for number, own in enumerate(arrivals) for at_s, packet in own)
    began = time.monotonic()
    tick_at, position, worst = 0.0, 0, 0.0
    while (now := time.monotonic() - began) < seconds:
        while position < len(waiting) and waiting[position][0] <= now:
            at_s, number, packet = waiting[position]
            voices[number].send(packet)
            worst, position = max(worst, now - at_s), position + 1
        if now >= tick_at:
            tick_at += TICK_S
            for voice in voices:
                voice.tick()
        due = waiting[position][0] if position < len(waiting) else tick_at
        time.sleep(max(0.0, min(due, tick_at) - (time.monotonic() - began)))
    return began, worst
