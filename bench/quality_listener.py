"""A process that listens to one call with either engine, and keeps what its employee would hear."""

import os
import sys
import time
from multiprocessing.connection import Connection

import msgspec
import structlog

from linegram.audio.frame import PcmFrame, silence
from linegram.link.voice import NTGCALLS, VoiceParameters
from linegram.voice.engine import VoiceLeg, VoiceSignal
from linegram.voice.engines import make_engine

TICK_S = 0.02
SAMPLE_HZ = 8_000
PRIORITY = 10


class Heard(msgspec.Struct):
    """16-bit samples without a break, and when the first was heard, on the clock of all processes.

    The earliest instant that any frame allows: ticks after a late one are made up for.
    """

    since: float
    samples: bytes


class Ear:
    """Keeps the frames of one leg."""

    def __init__(self, leg: VoiceLeg, engine_name: str) -> None:
        self._leg = leg
        self._frames: list[bytes] = []
        self._since = float("inf")
        self._duration_s = 0.0
        self._is_native = engine_name == NTGCALLS
        if self._is_native:
            # The library's 10 ms as they come: our queue behind it must not spoil its figure.
            setattr(leg, "take_frame", self._keep)  # noqa: B010 - no method of every leg

    def tick(self) -> None:
        """Hear the next 20 ms."""
        frame: PcmFrame = self._leg.pull()
        if not self._is_native:
            self._keep(frame.tobytes())

    def heard(self) -> Heard:
        """Give everything since the start."""
        return Heard(self._since, b"".join(self._frames))

    def _keep(self, frame: bytes) -> None:
        self._since = min(self._since, time.monotonic() - self._duration_s)
        self._duration_s += len(frame) / 2 / SAMPLE_HZ
        self._frames.append(frame)


def go_first() -> None:
    """Come before other work of the machine, where that is allowed: what is measured is not its load."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except PermissionError:
        return


def listen(engine_name: str, parameters: VoiceParameters, far_end: Connection, control: Connection) -> None:
    """Join the call and listen until told to stop; then hand over what was heard, and leave when told."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.setswitchinterval(0.0005)
    go_first()
    engine = make_engine(engine_name)
    leg = engine.open(parameters, SAMPLE_HZ)
    ear = Ear(leg, engine_name)
    due = time.monotonic()
    while not control.poll():
        due += TICK_S
        while far_end.poll(max(0.0, due - time.monotonic())):
            leg.receive_signal(far_end.recv_bytes())
        while (event := leg.next_event()) is not None:
            if isinstance(event, VoiceSignal):
                far_end.send_bytes(event.payload)
        leg.push(silence(SAMPLE_HZ // 50))
        leg.handle_timer(time.monotonic())
        ear.tick()
    control.recv_bytes()
    control.send_bytes(msgspec.msgpack.encode(ear.heard()))
    control.recv_bytes()
    leg.close()
    engine.close()
    os._exit(0)
