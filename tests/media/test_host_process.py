"""The media host as a process: what it says first, which signals it minds, when it leaves."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from linegram.link.commands import EndCall
from linegram.link.events import CallMeasured
from linegram.media.control import (
    HostBeat,
    HostCommand,
    HostEvent,
    HostReady,
    HostSettings,
    HostUnfit,
    LeaveHost,
    LocalMedia,
    OpenPbxLeg,
    PbxLegOpened,
)
from linegram.media.framing import Unpacker, pack
from linegram.units import CallId, LegId
from tests.media.doubles import free_port

pytestmark = pytest.mark.slow

READY = [HostReady(priority) for priority in ("real time", "raised", "ordinary")]


class Child:
    """A media host and our end of its control stream."""

    def __init__(self) -> None:
        self.stream, theirs = socket.socketpair()
        self.stream.settimeout(30)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "linegram.media.host", "--control-fd", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        self._unpacker: Unpacker[HostEvent] = Unpacker(HostEvent)
        self._events: list[HostEvent] = []

    def tell(self, command: HostCommand) -> None:
        self.stream.sendall(pack(command))

    def next_event(self) -> HostEvent:
        while not self._events:
            received = self.stream.recv(65536)
            assert received, "the host left"
            self._events += self._unpacker.feed(received)
        return self._events.pop(0)

    def next_but_beats(self) -> HostEvent:
        while isinstance(event := self.next_event(), HostBeat):
            continue
        return event

    def close(self) -> None:
        self.stream.close()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child()
    yield made
    made.close()


def test_it_is_ready_after_its_settings_and_beats_every_second(child: Child) -> None:
    child.tell(HostSettings())
    assert child.next_event() in READY
    beats = [child.next_event(), child.next_event()]
    assert all(isinstance(beat, HostBeat) and beat.calls == 0 and beat.resident_mb > 1 for beat in beats)


def test_settings_it_cannot_work_with_are_answered_with_a_sentence_and_the_end(child: Child) -> None:
    child.tell(HostSettings(cadences={"busy": "loud"}))
    answer = child.next_event()
    assert isinstance(answer, HostUnfit)
    assert "loud" in answer.sentence
    assert child.process.wait(10) == 1


def test_the_end_of_the_control_stream_is_the_end_of_the_process(child: Child) -> None:
    child.tell(HostSettings())
    assert child.next_event() in READY
    child.stream.close()
    assert child.process.wait(5) == 0


def test_signals_for_the_whole_service_are_left_to_the_parent(child: Child) -> None:
    child.tell(HostSettings())
    assert child.next_event() in READY
    for number in (signal.SIGINT, signal.SIGTERM):
        child.process.send_signal(number)
    child.tell(OpenPbxLeg(CallId("c"), LegId("p"), "127.0.0.1", free_port()))
    answer = child.next_but_beats()
    assert isinstance(answer, PbxLegOpened)
    assert isinstance(answer.local, LocalMedia)
    child.tell(EndCall(CallId("c")))
    assert child.next_but_beats() == CallMeasured(call_id=CallId("c"))
    child.tell(LeaveHost())
    assert child.process.wait(10) == 0


def test_nonsense_on_the_control_stream_ends_it_with_a_line_on_stderr(
    child: Child,
) -> None:
    child.tell(HostSettings(logs_json=True))
    assert child.next_event() in READY
    child.stream.sendall(b"\xff" * 16)
    out, err = child.process.communicate(timeout=10)
    assert out == b""
    assert b'"event": "control_stream_broken"' in err


def test_a_thread_that_dies_takes_the_process_with_it() -> None:
    program = (
        "import threading, time\n"
        "from linegram.media.process import become_media_process\n"
        "become_media_process()\n"
        "threading.Thread(target=lambda: 1 / 0).start()\n"
        "time.sleep(30)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=20, check=False).returncode == 1


def test_our_own_engine_runs_in_real_time_where_that_is_allowed_and_says_so(child: Child) -> None:
    child.tell(HostSettings(engine="own"))
    ready = child.next_event()
    assert isinstance(ready, HostReady)
    is_real_time = os.sched_getscheduler(child.process.pid) == os.SCHED_RR
    assert (ready.priority == "real time") == is_real_time
