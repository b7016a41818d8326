"""Our engine with itself over real sockets: ready packets both ways, a mute that is told, figures."""

import time
from collections.abc import Callable, Iterator

import pytest

from linegram.audio.opus import OpusCodec
from linegram.rtp.packet import PassedPacket
from linegram.voice.engine import RemoteMuteChanged, VoiceState, VoiceStateChanged
from linegram.voice.own.engine import OwnEngine
from tests.voice.leg_process import sine_frame
from tests.voice.own.talk import Talker, run
from tests.voice.own.test_own_legs import CALLEE_HZ, CALLER_HZ, connect, open_pair

CONNECTED = VoiceStateChanged(VoiceState.CONNECTED)


@pytest.fixture
def engine() -> Iterator[OwnEngine]:
    made = OwnEngine()
    yield made
    made.close()


class UnopenedTalker(Talker):
    """Says packets that an encoder of its own made, and keeps those that come."""

    def __init__(self, one: Talker, tone_hz: int) -> None:
        super().__init__(one.leg, 48_000, tone_hz)
        self.connected_at, self.events = one.connected_at, one.events
        self.codec = OpusCodec(48_000)
        self.packets: list[PassedPacket] = []
        self.sent: list[bytes] = []

    def tick(self) -> None:
        self.packets += self.leg.pull_opus()
        self.leg.handle_timer(time.monotonic())
        payload = self.codec.encode(sine_frame(self._tone_hz, 48_000, self._number))
        self.sent.append(payload)
        self.leg.push_opus([PassedPacket(1, self._number, self._number * 960, payload, 960)])
        self._number += 1


def test_ready_packets_arrive_bit_by_bit_and_the_one_who_opens_them_hears_the_tone(engine: OwnEngine) -> None:
    pair = open_pair(engine, "13.0.0", 48_000)
    assert not pair[0].leg.passes_opus
    connect(pair)
    assert run(list(pair), 5.0, until=lambda: all(talker.leg.passes_opus for talker in pair))
    passing, hearing = UnopenedTalker(pair[0], CALLER_HZ), pair[1]
    hearing.forget()
    run([passing, hearing], 1.6)
    assert hearing.hears(CALLER_HZ)
    other = UnopenedTalker(hearing, CALLEE_HZ)
    run([passing, other], 0.6)
    came = [packet.payload for packet in other.packets]
    assert len(came) >= 15
    start = passing.sent.index(came[0])
    assert came == passing.sent[start : start + len(came)]
    figures = passing.leg.statistics()
    assert 80 <= figures.packets_passed < figures.packets_sent
    assert figures.codec == "opus"


@pytest.mark.parametrize("seconds", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_a_far_end_that_is_muted_is_not_gone(seconds: int) -> None:
    now = [1000.0]
    engine = OwnEngine(clock=lambda: now[0])
    pair = open_pair(engine, "13.0.0")
    try:
        step(pair, now, 20.0, until=lambda: all(talker.is_connected for talker in pair))
        pair[0].leg.mute(is_muted=True)
        step(pair, now, seconds)
        assert [event for event in pair[1].events if isinstance(event, VoiceStateChanged)] == [CONNECTED]
        assert RemoteMuteChanged(is_muted=True) in pair[1].events
        assert not pair[1].leg.pull().any()
        received = pair[1].leg.statistics().packets_received
        pair[0].leg.mute(is_muted=False)
        step(pair, now, 1.0)
        assert pair[1].leg.statistics().packets_received > received
    finally:
        engine.close()


def step(
    pair: tuple[Talker, Talker], now: list[float], seconds: float, until: Callable[[], bool] = lambda: False
) -> None:
    """Let time pass by tenths of a second; what is sent arrives at once."""
    for _ in range(round(seconds * 10)):
        now[0] += 0.1
        for talker in pair:
            talker.look()
            talker.leg.pull()
            talker.leg.handle_timer(now[0])
            talker.leg.push(sine_frame(CALLER_HZ, 8000, 0))
        if until():
            return


def test_a_mute_is_told_to_the_far_end_and_so_is_its_end(engine: OwnEngine) -> None:
    pair = open_pair(engine, "9.0.0")
    pair[0].leg.mute(is_muted=True)
    connect(pair)

    def mutes() -> list[bool]:
        return [event.is_muted for event in pair[1].events if isinstance(event, RemoteMuteChanged)]

    assert run(list(pair), 5.0, until=lambda: mutes() == [True])
    sent = pair[0].leg.statistics().packets_sent
    assert sent == 0
    pair[0].leg.mute(is_muted=False)
    pair[0].leg.mute(is_muted=False)
    assert run(list(pair), 5.0, until=lambda: mutes() == [True, False])
    assert run(list(pair), 5.0, until=lambda: pair[0].leg.statistics().packets_sent >= 10)
