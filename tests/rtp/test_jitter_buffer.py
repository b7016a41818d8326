"""The playout rules, under every network that hypothesis can think of and over simulated hours."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.rtp.jitter_buffer import Advice, JitterBuffer, Missing
from linegram.rtp.packet import RtpPacket

TICK_S = 0.02
FRAME = 160
CLOCK_HZ = 8_000
FIRST_TIMESTAMP = 0xFFFF_F000


def packet(index: int, *, duration: int = FRAME, shift: int = 0) -> RtpPacket:
    """Make packet `index`; its payload says which it is."""
    timestamp = (FIRST_TIMESTAMP + index * duration + shift) & 0xFFFF_FFFF
    return RtpPacket(8, index & 0xFFFF, timestamp, 1, index.to_bytes(4, "big"))


@dataclass
class Listener:
    """Pulls a frame each tick and follows the advice at once."""

    buffer: JitterBuffer
    duration: int = FRAME
    played: list[int] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    slips: int = 0
    owed: int = 0

    def pull(self, now: float) -> None:
        """Play 20 ms."""
        while self.owed < FRAME:
            self.owed += self._take(now)
            advice = self.buffer.advice(now)
            if advice is Advice.KEEP:
                continue
            self.slips += 1
            self.buffer.advice_followed()
            if advice is Advice.GROW:
                self.owed += FRAME
            elif self.duration >= 2 * FRAME:
                self.owed -= FRAME
            else:
                self._take(now)
        self.owed -= FRAME

    def _take(self, now: float) -> int:
        taken = self.buffer.take(now)
        if isinstance(taken, Missing):
            self.missing.append(taken)
            return FRAME
        self.played.append(int.from_bytes(taken.payload, "big"))
        self.buffer.played(self.duration)
        return self.duration


def run(arrivals: Iterable[tuple[float, int]], listener: Listener, ticks: int) -> None:
    """Let packets of the given numbers arrive at the given seconds, and pull at every tick."""
    waiting = sorted(arrivals)
    position = 0
    for tick in range(ticks):
        now = tick * TICK_S + 0.001
        while position < len(waiting) and waiting[position][0] <= now:
            arrived_at, index = waiting[position]
            listener.buffer.put(index, packet(index, duration=listener.duration), arrived_at)
            position += 1
        listener.pull(now)


def test_a_calm_network_plays_everything_in_order_without_a_gap() -> None:
    listener = Listener(JitterBuffer(CLOCK_HZ))
    run(((index * TICK_S, index) for index in range(200)), listener, 210)
    assert listener.played == list(range(200))
    assert set(listener.missing[:2]) == {Missing.FILLING}
    assert Missing.LOST not in listener.missing
    assert listener.buffer.late == listener.buffer.duplicate == 0


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 400), st.booleans()), min_size=1, max_size=150),
    st.integers(0, 3),
)
def test_playout_is_never_out_of_order_and_nothing_is_played_twice(
    fates: list[tuple[bool, int, bool]], shift: int
) -> None:
    arrivals = []
    for index, (is_lost, delay_ms, is_doubled) in enumerate(fates):
        if not is_lost:
            arrivals.append((index * TICK_S + delay_ms / 1000 + shift / 1000, index))
            if is_doubled:
                arrivals.append((index * TICK_S + delay_ms / 700, index))
    listener = Listener(JitterBuffer(CLOCK_HZ))
    run(arrivals, listener, len(fates) + 60)
    assert listener.played == sorted(set(listener.played))
    assert len(listener.buffer) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-70_000, 70_000), st.integers(0, 0xFFFF_FFFF)), max_size=600))
def test_the_buffer_never_grows_without_bound_whatever_arrives(wild: list[tuple[int, int]]) -> None:
    buffer = JitterBuffer(CLOCK_HZ)
    for position, (sequence, timestamp) in enumerate(wild):
        buffer.put(sequence, RtpPacket(8, 0, timestamp, 1, b"x"), position * 0.001)
        buffer.pass_over(sequence + 1)
        assert len(buffer) <= 257
        if position % 20 == 0:
            buffer.take(position * 0.001)
            buffer.played(FRAME)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 0xFFFF_FFFF))
def test_a_flood_faster_than_time_is_cut(first: int) -> None:
    buffer = JitterBuffer(CLOCK_HZ)
    for index in range(2_000):
        buffer.put(first + index, packet(index), 0.0)
    assert len(buffer) <= 256
    assert buffer.overflowed >= 1_000


@pytest.mark.parametrize("ppm", [-200, -50, 50, 200])
def test_clock_drift_over_an_hour_keeps_the_delay_bounded(ppm: int) -> None:
    """The peer's clock is fast or slow; 60 ms packets, 200 ppm make 720 ms in an hour."""
    listener = Listener(JitterBuffer(CLOCK_HZ), duration=3 * FRAME)
    chance = random.Random(ppm)
    spacing_s = 0.06 * (1 - ppm / 1e6)
    delays, sent = [], 0
    for tick in range(3_600 * 50):
        now = tick * TICK_S
        while sent * spacing_s + 0.01 <= now:
            arrived_at = sent * spacing_s + chance.random() * 0.01
            listener.buffer.put(sent, packet(sent, duration=3 * FRAME), arrived_at)
            sent += 1
        listener.pull(now)
        if tick > 500 and tick % 50 == 0:
            delays.append(listener.buffer.delay_ms(now))
    assert max(delays) < 110
    assert min(delays) >= 0
    corrections = listener.slips + listener.missing.count(Missing.STARVED)
    assert abs(ppm) * 3_600 / 1_000 / 20 - 4 <= corrections <= abs(ppm) * 3_600 / 1_000 / 20 + 2
    assert len(listener.played) > 0.999 * sent - 20


def test_a_lost_packet_is_told_apart_from_a_pause_of_the_sender() -> None:
    buffer = JitterBuffer(CLOCK_HZ)
    listener = Listener(buffer)
    buffer.put(0, packet(0), 0.0)
    buffer.put(2, packet(2), 0.0)
    buffer.put(3, packet(4), 0.0)
    buffer.put(4, packet(5), 0.0)
    for tick in range(6):
        listener.pull(0.04 + tick * TICK_S)
    assert listener.played == [0, 2, 4, 5]
    assert listener.missing == [Missing.LOST, Missing.PAUSE]


def test_the_packet_after_a_loss_is_shown_for_its_redundancy() -> None:
    buffer = JitterBuffer(CLOCK_HZ)
    for sequence in (0, 2, 5):
        buffer.put(sequence, packet(sequence), 0.0)
    assert isinstance(buffer.take(0.1), RtpPacket)
    buffer.played(FRAME)
    assert buffer.take(0.1) is Missing.LOST
    following = buffer.following()
    assert following is not None
    assert following.sequence == 2
    assert isinstance(buffer.take(0.1), RtpPacket)
    buffer.played(FRAME)
    assert buffer.take(0.1) is Missing.LOST
    assert buffer.following() is None


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_the_last_lost_packet_of_60_ms_is_one_hole_and_the_ones_before_are_filled_by_20(lost: int) -> None:
    """Redundancy stands for a whole packet, so it must be asked for in one piece (issue 3)."""
    buffer = JitterBuffer(CLOCK_HZ, first_ms=240)
    for sequence in (0, 1 + lost, 2 + lost):
        buffer.put(sequence, packet(sequence, duration=3 * FRAME), 0.0)
    assert isinstance(buffer.take(0.3), RtpPacket)
    buffer.played(3 * FRAME)
    holes = []
    while buffer.take(0.3) is Missing.LOST:
        following = buffer.following()
        holes.append((buffer.missing_ticks, None if following is None else following.sequence))
    assert holes == [(FRAME, None)] * (3 * (lost - 1)) + [(3 * FRAME, 1 + lost)]


def test_packets_too_late_and_packets_doubled_are_counted_apart() -> None:
    buffer = JitterBuffer(CLOCK_HZ)
    listener = Listener(buffer)
    for sequence in (0, 2, 3, 4, 5):
        buffer.put(sequence, packet(sequence), sequence * TICK_S)
    for tick in range(4):
        listener.pull(0.1 + tick * TICK_S)
    buffer.put(1, packet(1), 0.2)
    buffer.put(1, packet(1), 0.2)
    buffer.put(5, packet(5), 0.2)
    assert (buffer.late, buffer.duplicate) == (1, 2)


def test_the_target_rises_with_jitter_and_falls_again_in_calm() -> None:
    chance = random.Random(3)
    listener = Listener(JitterBuffer(CLOCK_HZ))
    rough = [(index * TICK_S + chance.random() * 0.1, index) for index in range(500)]
    run(rough, listener, 500)
    assert 80 < listener.buffer.target_ms < 130
    calm = Listener(JitterBuffer(CLOCK_HZ))
    run(rough + [(index * TICK_S, index) for index in range(500, 3_000)], calm, 3_000)
    assert calm.buffer.target_ms < 25
    assert calm.buffer.delay_ms(2_999 * TICK_S + 0.001) < 60


def test_the_target_stays_within_its_limits() -> None:
    buffer = JitterBuffer(CLOCK_HZ, min_ms=30, first_ms=60, max_ms=100)
    run(((index * TICK_S + (index % 2) * 0.5, index) for index in range(400)), Listener(buffer), 400)
    assert buffer.target_ms == 100
    with pytest.raises(ValueError, match="min <= first <= max"):
        JitterBuffer(CLOCK_HZ, min_ms=50)


def test_a_delay_spike_is_heard_late_but_whole_and_the_delay_comes_back() -> None:
    """One second in, the network holds everything for 200 ms."""
    arrivals = [
        (max(index * TICK_S, 1.2) if 50 <= index < 60 else index * TICK_S, index) for index in range(1_500)
    ]
    listener = Listener(JitterBuffer(CLOCK_HZ))
    run(arrivals, listener, 1_500)
    assert set(range(50, 60)) <= set(listener.played)
    assert listener.buffer.delay_ms(1_499 * TICK_S + 0.001) < 60


def test_after_a_long_stall_of_the_network_the_call_is_live_again_at_once() -> None:
    """For 900 ms nothing comes, then all of it: old audio is given up, later audio is not delayed."""
    arrivals = [(1.9 if 50 <= index < 95 else index * TICK_S, index) for index in range(200)]
    listener = Listener(JitterBuffer(CLOCK_HZ))
    run(arrivals, listener, 100)
    assert listener.buffer.delay_ms(99 * TICK_S + 0.001) < 380
    assert listener.buffer.overflowed >= 20
    assert listener.played == sorted(listener.played)


@pytest.mark.parametrize("shift", [5_000_000, -5_000_000, 16_000, -16_000, 4_000, -4_000])
def test_a_jump_of_the_peers_clock_starts_anew_and_loses_little(shift: int) -> None:
    buffer = JitterBuffer(CLOCK_HZ)
    listener = Listener(buffer)
    for index in range(200):
        buffer.put(index, packet(index, shift=shift if index >= 100 else 0), index * TICK_S)
        listener.pull(index * TICK_S + 0.001)
    assert buffer.resynchronised == 1
    assert len(listener.played) > 190
    assert listener.played[-1] >= 196


def test_after_silence_of_the_sender_talk_begins_with_the_full_target_again() -> None:
    listener = Listener(JitterBuffer(CLOCK_HZ))
    arrivals = [(index * TICK_S, index) for index in range(50)]
    run(arrivals, listener, 100)
    assert listener.missing[-1] is Missing.FILLING
    resumed = RtpPacket(8, 50, (FIRST_TIMESTAMP + 400 * FRAME) & 0xFFFF_FFFF, 1, (50).to_bytes(4, "big"))
    listener.buffer.put(50, resumed, 8.0)
    listener.pull(8.001)
    assert 50 not in listener.played
    listener.pull(8.041)
    assert listener.played[-1] == 50
    assert listener.buffer.resynchronised == 0


def test_a_reset_takes_a_new_source_with_other_numbers() -> None:
    buffer = JitterBuffer(CLOCK_HZ)
    listener = Listener(buffer)
    run(((index * TICK_S, index) for index in range(50)), listener, 50)
    buffer.reset()
    for index in range(20):
        buffer.put(index, packet(index, shift=123_456), 2.0 + index * TICK_S)
        listener.pull(2.0 + index * TICK_S)
    assert listener.played[-5:] == [13, 14, 15, 16, 17]


def test_a_reset_to_another_clock_measures_in_its_ticks() -> None:
    buffer = JitterBuffer(CLOCK_HZ)
    buffer.reset(48_000)
    for index in range(5):
        buffer.put(index, packet(index, duration=960), index * TICK_S)
    assert isinstance(buffer.take(0.08), RtpPacket)
    assert buffer.delay_ms(0.08) == pytest.approx(80)


def test_packets_without_audio_leave_no_loss_behind() -> None:
    buffer = JitterBuffer(CLOCK_HZ)
    listener = Listener(buffer)
    for sequence in range(3):
        buffer.put(sequence, packet(sequence), 0.0)
    listener.pull(0.05)
    buffer.pass_over(3)
    buffer.put(4, packet(3), 0.02)
    for tick in range(3):
        listener.pull(0.07 + tick * TICK_S)
    assert listener.played == [0, 1, 2, 3]
    assert Missing.LOST not in listener.missing
