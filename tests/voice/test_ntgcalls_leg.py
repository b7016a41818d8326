"""The Python side of the engine against a library that only takes notes: frames, events, order."""

import os
import threading
from typing import Any

import ntgcalls
import numpy as np
import pytest
from ntgcalls import StreamMode

from linegram.errors import LocalProtocolError, UnavailableError
from linegram.link.figures import LegFigures
from linegram.link.voice import VoiceParameters
from linegram.outcomes import EndReason
from linegram.voice.engine import RemoteMuteChanged, VoiceSignal, VoiceState, VoiceStateChanged
from linegram.voice.ntgcalls_control import ControlThread
from linegram.voice.ntgcalls_engine import NtgcallsLeg

PARAMETERS = VoiceParameters(
    key=os.urandom(256), is_outgoing=True, versions=("9.0.0",), servers=(), is_p2p_allowed=True
)


class NotedEngine:
    """Stands in for the engine: keeps what a leg sends."""

    def __init__(self) -> None:
        self.control = ControlThread(NotedLibrary())
        self.sent: list[tuple[int, bytes]] = []
        self.left: list[int] = []

    def send(self, call: int, half: bytes) -> None:
        self.sent.append((call, half))

    def leave(self, call: int) -> None:
        self.left.append(call)


class NotedLibrary:
    """Stands in for the native object: keeps the calls, and refuses what it is told to."""

    def __init__(self, refuse: str = "") -> None:
        self.calls: list[str] = []
        self.modes: list[Any] = []
        self.has_stopped = threading.Event()
        self._refuse = refuse

    def __getattr__(self, name: str) -> Any:
        def note(*arguments: Any) -> None:
            self.calls.append(name)
            if name == "set_stream_sources":
                self.modes.append(arguments[1])
            if name == "stop":
                self.has_stopped.set()
            if name == self._refuse:
                raise ntgcalls.SignalingUnsupported("no common version")

        return note


class NotedLeg:
    """Stands in for a leg: waits for reports."""

    parameters = PARAMETERS
    sample_hz = 8000

    def __init__(self) -> None:
        self.is_connected = threading.Event()
        self.has_ended = threading.Event()
        self.reason: EndReason | None = None

    def report_connected(self) -> None:
        self.is_connected.set()

    def report_ended(self, reason: EndReason) -> None:
        self.reason = reason
        self.has_ended.set()


def make_leg(sample_hz: int = 8000) -> tuple[NtgcallsLeg, NotedEngine]:
    engine = NotedEngine()
    return NtgcallsLeg(PARAMETERS, sample_hz, 5, engine), engine  # type: ignore[arg-type]


def test_a_muted_leg_goes_on_pushing_silence_and_keeps_nothing() -> None:
    leg, engine = make_leg()
    leg.report_connected()
    loud = np.full(160, 900, np.int16)
    leg.mute(is_muted=True)
    leg.push(loud)
    leg.mute(is_muted=False)
    leg.push(loud)
    assert [half for _, half in engine.sent] == [bytes(160)] * 2 + [loud[:80].tobytes()] * 2


def test_it_passes_no_opus_and_tells_only_how_long_it_lasted() -> None:
    leg, _ = make_leg()
    assert not leg.passes_opus
    with pytest.raises(LocalProtocolError):
        leg.push_opus([])
    with pytest.raises(LocalProtocolError):
        leg.pull_opus()
    for _ in range(50):
        leg.pull()
    assert leg.statistics() == LegFigures(codec="opus", duration_s=1.0)


def test_before_it_is_connected_nothing_is_sent() -> None:
    leg, engine = make_leg()
    leg.push(np.zeros(160, np.int16))
    assert engine.sent == []


def test_a_frame_of_20_ms_goes_out_as_two_of_exactly_10() -> None:
    leg, engine = make_leg(16000)
    leg.report_connected()
    frame = np.arange(320, dtype=np.int16)
    leg.push(frame)
    assert [(call, len(half)) for call, half in engine.sent] == [(5, 320), (5, 320)]
    assert b"".join(half for _, half in engine.sent) == frame.tobytes()


@pytest.mark.parametrize(
    "frame", [np.zeros(159, np.int16), np.zeros(320, np.int16), np.zeros(160, np.float32), np.zeros(80)]
)
def test_a_frame_of_any_other_size_never_reaches_the_library(frame: "np.ndarray[Any, Any]") -> None:
    leg, engine = make_leg()
    leg.report_connected()
    with pytest.raises(LocalProtocolError):
        leg.push(frame)
    assert engine.sent == []


def test_events_come_in_order_and_none_after_the_close() -> None:
    leg, engine = make_leg()
    leg.take_signal(b"s")
    leg.report_connected()
    leg.take_mute(is_muted=True)
    assert [leg.next_event() for _ in range(4)] == [
        VoiceSignal(b"s"),
        VoiceStateChanged(VoiceState.CONNECTED),
        RemoteMuteChanged(is_muted=True),
        None,
    ]
    leg.take_signal(b"late")
    leg.close()
    leg.close()
    assert leg.next_event() is None
    assert engine.left == [5]


def test_a_call_that_never_was_connected_is_not_lost_but_not_connected() -> None:
    leg, _ = make_leg()
    leg.report_ended(EndReason.VOICE_LOST)
    assert leg.next_event() == VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_NOT_CONNECTED)


def test_a_connected_call_that_ends_is_lost_and_takes_no_more_frames() -> None:
    leg, engine = make_leg()
    leg.report_connected()
    leg.report_ended(EndReason.VOICE_LOST)
    leg.push(np.zeros(160, np.int16))
    assert engine.sent == []
    leg.next_event()
    assert leg.next_event() == VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_LOST)


def test_what_is_heard_comes_out_in_frames_of_20_ms() -> None:
    leg, _ = make_leg()
    for value in (3, 4):
        leg.take_frame(np.full(80, value, np.int16).tobytes())
    assert list(leg.pull()[[0, 80]]) == [3, 4]
    assert not leg.pull().any()


def test_a_call_is_joined_fed_and_left_in_the_order_that_keeps_the_library_alive() -> None:
    library, leg = NotedLibrary(), NotedLeg()
    control = ControlThread(library)
    control.start()
    control.receive_signal(1, b"of an unknown call")
    control.open(1, leg)
    control.receive_signal(1, b"s")
    control.connection_changed(1, is_connected=True)
    assert leg.is_connected.wait(5)
    control.leave(1)
    assert library.has_stopped.wait(5)
    control.close(5.0)
    assert not control.is_alive()
    assert library.calls == [
        "create_p2p_call",
        "set_stream_sources",
        "set_stream_sources",
        "skip_exchange",
        "connect_p2p",
        "send_signaling_data",
        "set_stream_sources",
        "set_stream_sources",
        "stop",
    ]
    assert library.modes[2:] == [StreamMode.PLAYBACK, StreamMode.CAPTURE]


def test_a_call_that_the_library_refuses_is_reported_and_the_next_one_has_its_turn() -> None:
    library, refused, following = NotedLibrary("connect_p2p"), NotedLeg(), NotedLeg()
    control = ControlThread(library)
    control.start()
    control.open(1, refused)
    control.open(2, following)
    assert refused.has_ended.wait(5)
    assert following.has_ended.wait(5)
    assert refused.reason is EndReason.NO_COMMON_VERSION
    control.close(5.0)
    assert not control.is_alive()
    assert library.calls.count("connect_p2p") == library.calls.count("stop") == 2


def test_a_call_that_the_library_removed_is_lost_and_not_stopped_again() -> None:
    library, leg = NotedLibrary(), NotedLeg()
    control = ControlThread(library)
    control.start()
    control.open(1, leg)
    control.connection_changed(1, is_connected=True)
    control.connection_changed(1, is_connected=False)
    assert leg.has_ended.wait(5)
    assert leg.reason is EndReason.VOICE_LOST
    control.leave(1)
    control.close(5.0)
    assert "stop" not in library.calls


def test_a_library_that_does_not_come_back_is_noticed_by_every_leg() -> None:
    leg, engine = make_leg()
    leg.handle_timer(engine.control.alive_at + 10.0)
    with pytest.raises(UnavailableError):
        leg.handle_timer(engine.control.alive_at + 10.1)
