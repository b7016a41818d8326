"""A process with one voice leg: says a tone for some seconds, reports what it heard and when it was late."""

import gc
import os
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

import msgspec
import numpy as np

from linegram.link.voice import VoiceParameters
from linegram.voice.engine import PcmFrame, VoiceLeg, VoiceSignal, VoiceState, VoiceStateChanged
from linegram.voice.engines import make_engine
from linegram.voice.playout import PlayoutQueue
from tests.voice.holdings import Holdings, holdings

TICK_S = 0.02
STALL_S = 0.03
_LONGEST_SETUP_S = 25.0
_LONGEST_LINGER_S = 60.0
_MOST_SIGNALS = 50
_NICENESS = -10


class Task(msgspec.Struct, frozen=True):
    """What the process shall do."""

    parameters: VoiceParameters
    sample_hz: int
    tone_hz: int
    talk_s: float
    calls: int = 1
    engine: str = "ntgcalls"


class Report(msgspec.Struct):
    """What became of one call. Times are of the machine's monotonic clock, the same in every process.

    `heard` is what the engine gave before our tick could spoil it, in chunks that came at `heard_at`;
    `stalls` are the ticks that came late: when, and by how much; `holdings` are of the process in the call.
    """

    state: VoiceState = VoiceState.CONNECTING
    reason: str = ""
    setup_s: float = 0.0
    connected_at: float = 0.0
    heard: bytes = b""
    heard_at: list[float] = []
    stalls: list[tuple[float, float]] = []
    holdings: Holdings = Holdings(0, 0, 0, 0)


class Ear:
    """Keeps chunks of sound and when they came."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.times: list[float] = []

    def hear(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.times.append(time.monotonic())

    def heard(self) -> tuple[list[float], bytes]:
        """Give all of it up to now; the library's thread goes on hearing."""
        times = list(self.times)
        return times, b"".join(self.chunks[: len(times)])


class TappedQueue(PlayoutQueue):
    """The queue between the library's clock and our tick, listened to before the tick.

    A pull that finds the queue empty gives silence and leaves it deeper, and what was surplus for a
    second is cut out: on a busy machine that breaks a tone which the library played without a flaw.
    """

    def __init__(self, sample_hz: int, ear: Ear) -> None:
        super().__init__(sample_hz)
        self._ear = ear

    def put(self, half: bytes) -> None:
        self._ear.hear(bytes(half))
        super().put(half)


def sine_frame(hz: int, sample_hz: int, number: int) -> PcmFrame:
    """The `number`-th 20 ms of a tone."""
    at = np.arange(sample_hz // 50) + number * (sample_hz // 50)
    return np.asarray(8000 * np.sin(2 * np.pi * hz * at / sample_hz), dtype=np.int16)


def run(task: Task, far_end: Connection, report_to: Connection, together: Barrier | None = None) -> None:
    """Make `task.calls` calls one after the other, then leave as a media host does.

    A process may take half a minute to start on a busy machine: `together` is where both ends wait.
    """
    sys.setswitchinterval(0.0005)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    engine = make_engine(task.engine)
    if together is not None:
        together.wait()
    for _ in range(task.calls):
        mouth = Mouth(task, engine.open(task.parameters, task.sample_hz), far_end)
        report_to.send_bytes(msgspec.msgpack.encode(mouth.talk()))
        mouth.linger(report_to)
        report_to.recv_bytes()
        with suppress(EOFError, ConnectionResetError):
            while far_end.poll():
                far_end.recv_bytes()
        report_to.send_bytes(b"")
        report_to.recv_bytes()
    engine.close()
    os._exit(0)


class Mouth:
    """One call: ticks as a media host does, and catches up when it was late."""

    def __init__(self, task: Task, leg: VoiceLeg, far_end: Connection) -> None:
        self._task, self._leg, self._far_end = task, leg, far_end
        self._report = Report()
        self._ear = Ear()
        self._is_tapped = task.engine == "ntgcalls"
        if self._is_tapped:
            leg._heard = TappedQueue(task.sample_hz, self._ear)  # type: ignore[attr-defined]
        self._number = 0
        self._started = self._due = time.monotonic()

    def talk(self) -> Report:
        """Talk as long as the task says once connected; what the far end wanted to say stays with it."""
        until = self._started + _LONGEST_SETUP_S
        while time.monotonic() < until and self._report.state is not VoiceState.ENDED:
            if self._tick() and self._report.state is VoiceState.CONNECTED:
                self._report.connected_at = time.monotonic()
                self._report.setup_s = self._report.connected_at - self._started
                until = self._report.connected_at + self._task.talk_s
        self._report.heard_at, self._report.heard = self._ear.heard()
        gc.collect()
        self._report.holdings = holdings()
        return self._report

    def linger(self, report_to: Connection) -> None:
        """Go on until both ends have been heard, then leave the call."""
        until = time.monotonic() + _LONGEST_LINGER_S
        while not report_to.poll() and time.monotonic() < until:
            self._tick()
        self._leg.close()

    def _tick(self) -> bool:
        """Wait for the next tick and do it; say whether the state of the call has changed."""
        self._due += TICK_S
        for _ in range(_MOST_SIGNALS):
            if not self._far_end.poll(max(0.0, self._due - time.monotonic())):
                break
            if not self._take_signal():
                time.sleep(max(0.0, self._due - time.monotonic()))
                break
        now = time.monotonic()
        if now - self._due > STALL_S:
            self._report.stalls.append((now, now - self._due))
        has_changed = self._take_events()
        self._leg.push(sine_frame(self._task.tone_hz, self._task.sample_hz, self._number))
        frame = self._leg.pull()
        if not self._is_tapped:
            self._ear.hear(frame.tobytes())
        self._leg.handle_timer(time.monotonic())
        self._number += 1
        return has_changed

    def _take_signal(self) -> bool:
        """Hand the leg what the far end said; False when the far end's process has gone."""
        try:
            self._leg.receive_signal(self._far_end.recv_bytes())
        except (EOFError, ConnectionResetError):
            return False
        return True

    def _take_events(self) -> bool:
        has_changed = False
        while (event := self._leg.next_event()) is not None:
            match event:
                case VoiceSignal(payload):
                    with suppress(BrokenPipeError, ConnectionResetError):
                        self._far_end.send_bytes(payload)
                case VoiceStateChanged(state, reason):
                    self._report.state, self._report.reason = state, reason.value if reason else ""
                    has_changed = True
                case _:
                    continue
        return has_changed
