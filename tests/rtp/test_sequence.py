"""Sequence numbers over wraps, jumps and losses."""

from hypothesis import given
from hypothesis import strategies as st

from linegram.rtp.sequence import SequenceTracker, timestamp_distance


@given(st.integers(0, 0xFFFF), st.lists(st.integers(1, 2_999), max_size=120))
def test_numbers_that_run_forward_are_extended_over_every_wrap(first: int, steps: list[int]) -> None:
    tracker = SequenceTracker(first)
    truth = first
    assert tracker.extend(first) == truth
    for step in steps:
        truth += step
        assert tracker.extend(truth & 0xFFFF) == truth
    assert tracker.expected == truth - first + 1
    assert tracker.lost == sum(steps) - len(steps)


@given(st.integers(0, 0xFFFF), st.permutations(range(40)))
def test_reordering_across_the_wrap_loses_nothing(first: int, order: list[int]) -> None:
    tracker = SequenceTracker((first + order[0]) & 0xFFFF)
    extended = [tracker.extend((first + index) & 0xFFFF) for index in order]
    base = extended[0]
    assert base is not None
    assert extended == [base - order[0] + index for index in order]
    assert tracker.lost == 0


def test_one_packet_far_off_is_not_believed() -> None:
    tracker = SequenceTracker(100)
    assert tracker.extend(100) == 100
    assert tracker.extend(30_000) is None
    assert tracker.extend(101) == 101
    assert tracker.lost == 0


def test_a_jump_confirmed_by_a_second_packet_goes_on_above_all_before() -> None:
    tracker = SequenceTracker(5_000)
    for sequence in (5_000, 5_001, 5_004):
        tracker.extend(sequence)
    assert tracker.extend(100) is None
    resumed = tracker.extend(101)
    assert resumed is not None
    assert resumed > 5_004
    assert resumed & 0xFFFF == 101
    assert tracker.lost == 2
    assert tracker.extend(102) == resumed + 1
    assert tracker.lost == 2


@given(st.integers(0, 0xFFFF_FFFF), st.integers(-0x8000_0000, 0x7FFF_FFFF))
def test_timestamp_distance_undoes_the_wrap(earlier: int, step: int) -> None:
    assert timestamp_distance((earlier + step) & 0xFFFF_FFFF, earlier) == step
