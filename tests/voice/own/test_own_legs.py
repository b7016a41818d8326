"""Our engine with itself, over real sockets: people hear each other, and notice each other's leaving."""

import os
import time
from collections.abc import Iterator
from random import Random

import msgspec
import numpy as np
import pytest
import structlog

from linegram.errors import LocalProtocolError
from linegram.link.voice import VoiceParameters
from linegram.outcomes import EndReason
from linegram.voice.engine import RemoteMuteChanged, VoiceState, VoiceStateChanged
from linegram.voice.engines import make_engine
from linegram.voice.own.engine import OwnEngine
from linegram.voice.own.leg import OwnLeg
from linegram.voice.own.messages import MediaState, write_message
from tests.voice.own.talk import Talker, run

CALLER_HZ, CALLEE_HZ = 440, 700


def parameters(
    version: str, *, is_outgoing: bool, key: bytes = bytes(256), custom: str | None = None
) -> VoiceParameters:
    return VoiceParameters(
        key=key,
        is_outgoing=is_outgoing,
        versions=(version,),
        servers=(),
        is_p2p_allowed=True,
        custom_parameters=custom,
    )


@pytest.fixture
def engine() -> Iterator[OwnEngine]:
    made = OwnEngine()
    yield made
    made.close()


def open_pair(engine: OwnEngine, version: str, sample_hz: int = 8000) -> tuple[Talker, Talker]:
    key = os.urandom(256)
    caller = engine.open(parameters(version, is_outgoing=True, key=key), sample_hz)
    callee = engine.open(parameters(version, is_outgoing=False, key=key), sample_hz)
    pair = Talker(caller, sample_hz, CALLER_HZ), Talker(callee, sample_hz, CALLEE_HZ)
    pair[0].signal, pair[1].signal = callee.receive_signal, caller.receive_signal
    return pair


def connect(pair: tuple[Talker, Talker], limit_s: float = 20.0) -> None:
    assert run(list(pair), limit_s, until=lambda: all(talker.is_connected for talker in pair))


@pytest.mark.parametrize(
    ("version", "sample_hz"), [("8.0.0", 8000), ("9.0.0", 16000), ("12.0.0", 48000), ("13.0.0", 8000)]
)
def test_both_ends_hear_the_other_ones_tone(engine: OwnEngine, version: str, sample_hz: int) -> None:
    pair = open_pair(engine, version, sample_hz)
    connect(pair)
    run(list(pair), 1.4)
    assert pair[0].hears(CALLEE_HZ)
    assert pair[1].hears(CALLER_HZ)


@pytest.mark.parametrize("leaver", [0, 1])
def test_an_end_that_leaves_is_noticed_at_once(engine: OwnEngine, leaver: int) -> None:
    pair = open_pair(engine, "13.0.0")
    connect(pair)
    stayer = pair[1 - leaver]
    pair[leaver].leg.close()
    assert run([stayer], 2.0, until=lambda: len(stayer.states) == 2)
    assert stayer.events[-1] == VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_LOST)
    assert pair[leaver].leg.next_event() is None
    assert not pair[leaver].leg.pull().any()


@pytest.mark.parametrize("version", ["9.0.0", "13.0.0"])
def test_ends_connect_though_a_third_of_the_signalling_is_lost_doubled_and_out_of_order(
    engine: OwnEngine, version: str
) -> None:
    random = Random(7)
    pair = open_pair(engine, version)
    late: list[tuple[Talker, bytes]] = []

    def carry(target: Talker, payload: bytes) -> None:
        fate = random.random()
        if fate < 0.3:
            return
        if fate < 0.4:
            late.append((target, payload))
            return
        for _ in range(2 if fate < 0.5 else 1):
            target.leg.receive_signal(payload)

    def deliver_late() -> None:
        if random.random() < 0.02:
            while late:
                target, payload = late.pop()
                target.leg.receive_signal(payload)

    pair[0].signal = lambda payload: carry(pair[1], payload)
    pair[1].signal = lambda payload: carry(pair[0], payload)
    assert run(list(pair), 20.0, until=lambda: all(talker.is_connected for talker in pair), look=deliver_late)


def test_an_end_that_opens_late_finds_all_that_was_kept_for_it(engine: OwnEngine) -> None:
    key = os.urandom(256)
    caller = Talker(engine.open(parameters("9.0.0", is_outgoing=True, key=key), 8000), 8000, CALLER_HZ)
    kept: list[bytes] = []
    caller.signal = kept.append
    run([caller], 0.3)
    callee = Talker(engine.open(parameters("9.0.0", is_outgoing=False, key=key), 8000), 8000, CALLEE_HZ)
    for payload in kept:
        callee.leg.receive_signal(payload)
    caller.signal, callee.signal = callee.leg.receive_signal, caller.leg.receive_signal
    connect((caller, callee))


def test_a_far_end_that_never_comes_ends_the_leg_as_not_connected() -> None:
    now = [100.0]
    engine = OwnEngine(clock=lambda: now[0])
    leg = engine.open(parameters("13.0.0", is_outgoing=True), 8000)
    talker = Talker(leg, 8000, CALLER_HZ)
    now[0] += 19.9
    leg.handle_timer(now[0])
    talker.look()
    assert talker.states == []
    now[0] += 0.2
    leg.handle_timer(now[0])
    talker.look()
    assert talker.events == [VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_NOT_CONNECTED)]
    engine.close()


class SteppedCall:
    """Two legs over real sockets whose clock the test sets: a second passes in a moment."""

    def __init__(self) -> None:
        self.now = 50.0
        self.engine = OwnEngine(clock=lambda: self.now)
        self.pair = open_pair(self.engine, "13.0.0")

    def step(self, talkers: list[Talker], seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.now += 0.02
            for talker in talkers:
                talker.look()
                talker.leg.pull()
                talker.leg.handle_timer(self.now)

    def connect(self) -> None:
        for _ in range(400):
            self.step(list(self.pair), 0.02)
            if all(talker.is_connected for talker in self.pair):
                return
        raise AssertionError("not connected")


def test_a_muted_far_end_that_sends_no_audio_is_not_gone() -> None:
    call = SteppedCall()
    call.connect()
    call.step(list(call.pair), 30.0)
    assert all(talker.is_connected for talker in call.pair)
    call.engine.close()


def test_a_far_end_that_is_there_but_unheard_is_offered_again_and_reported_and_the_call_goes_on() -> None:
    call = SteppedCall()
    call.connect()
    with structlog.testing.capture_logs() as logs:
        call.step(list(call.pair), 40.0)
    told = [entry["next"] for entry in logs if entry["event"] == "voice_far_end_unheard"]
    assert sorted(told) == ["offer_again"] * 6 + ["report"] * 2
    for talker in call.pair:
        leg = talker.leg
        assert isinstance(leg, OwnLeg)
        assert len(leg._signalling.negotiation._our_ids) == 4
        assert talker.is_connected
    call.engine.close()


def test_a_far_end_that_is_heard_is_not_bothered(engine: OwnEngine) -> None:
    pair = open_pair(engine, "13.0.0")
    connect(pair)
    with structlog.testing.capture_logs() as logs:
        run(list(pair), 4.0)
    assert [entry for entry in logs if entry["event"] == "voice_far_end_unheard"] == []


def test_a_far_end_that_mutes_itself_by_signalling_is_told_of_too(engine: OwnEngine) -> None:
    pair = open_pair(engine, "8.0.0")
    connect(pair)
    leg = pair[0].leg
    assert isinstance(leg, OwnLeg)
    leg._signalling.send(MediaState(muted=True), time.monotonic())
    assert run(list(pair), 5.0, until=lambda: RemoteMuteChanged(True) in pair[1].events)


def test_a_far_end_that_vanished_is_missed_after_ten_seconds() -> None:
    call = SteppedCall()
    call.connect()
    call.step([call.pair[0]], 9.5)
    assert call.pair[0].is_connected
    call.step([call.pair[0]], 1.5)
    assert call.pair[0].events[-1] == VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_LOST)
    call.engine.close()


def test_a_version_that_we_do_not_speak_is_refused_as_such(engine: OwnEngine) -> None:
    leg = engine.open(parameters("11.0.0", is_outgoing=True), 8000)
    assert leg.next_event() == VoiceStateChanged(VoiceState.ENDED, EndReason.NO_COMMON_VERSION)
    assert leg.next_event() is None
    assert len(leg.pull()) == 160


@pytest.mark.parametrize("custom", ['{"network_use_mtproto":true}', '{"network_use_mtproto":1}'])
def test_a_call_without_dtls_is_refused(engine: OwnEngine, custom: str) -> None:
    leg = engine.open(parameters("13.0.0", is_outgoing=True, custom=custom), 8000)
    assert leg.next_event() == VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_ENGINE_MISSING)


def test_a_call_for_relays_only_is_refused_and_tells_no_address(engine: OwnEngine) -> None:
    wanted = msgspec.structs.replace(parameters("13.0.0", is_outgoing=True), is_p2p_allowed=False)
    leg = engine.open(wanted, 8000)
    leg.push(np.zeros(160, np.int16))
    leg.receive_signal(b"early")
    leg.handle_timer(0.0)
    assert leg.next_event() == VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_NOT_CONNECTED)
    leg.close()
    assert leg.next_event() is None


def test_a_far_end_that_mutes_itself_is_told_of_once(engine: OwnEngine) -> None:
    pair = open_pair(engine, "9.0.0")
    connect(pair)
    leg = pair[0].leg
    assert isinstance(leg, OwnLeg)
    leg._path.send_text(write_message(MediaState(muted=True)), time.monotonic())
    assert run(list(pair), 5.0, until=lambda: RemoteMuteChanged(True) in pair[1].events)
    leg._path.send_text(write_message(MediaState(muted=True, low_battery=True)), time.monotonic())
    leg._path.send_text(write_message(MediaState(muted=False)), time.monotonic())
    assert run(list(pair), 5.0, until=lambda: RemoteMuteChanged(False) in pair[1].events)
    mutes = [event for event in pair[1].events if isinstance(event, RemoteMuteChanged)]
    assert mutes == [RemoteMuteChanged(True), RemoteMuteChanged(False)]


@pytest.mark.parametrize("custom", ["", "{}", "[]", "nonsense", "[" * 100_000])
def test_other_custom_parameters_are_no_obstacle(engine: OwnEngine, custom: str) -> None:
    leg = engine.open(parameters("13.0.0", is_outgoing=True, custom=custom), 8000)
    assert not isinstance(leg.next_event(), VoiceStateChanged)


def test_a_frame_of_another_length_or_kind_is_our_own_mistake(engine: OwnEngine) -> None:
    leg = engine.open(parameters("13.0.0", is_outgoing=True), 8000)
    for frame in (np.zeros(159, np.int16), np.zeros(320, np.int16), np.zeros(160, np.float32)):
        with pytest.raises(LocalProtocolError):
            leg.push(frame)  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError):
        engine.open(parameters("13.0.0", is_outgoing=True), 44100)


def test_garbage_as_signalling_changes_nothing(engine: OwnEngine) -> None:
    pair = open_pair(engine, "13.0.0")
    for size in range(200):
        pair[0].leg.receive_signal(os.urandom(size))
    connect(pair)


def test_closing_twice_and_late_signals_are_harmless(engine: OwnEngine) -> None:
    leg = engine.open(parameters("9.0.0", is_outgoing=True), 8000)
    leg.close()
    leg.close()
    leg.receive_signal(b"late")
    leg.handle_timer(0.0)
    assert leg.next_event() is None


def test_the_engine_is_found_by_its_name() -> None:
    assert make_engine("own").name == "own"
