"""The beat: absolute, caught up after a stall, honest about its lateness."""

from hypothesis import given
from hypothesis import strategies as st

from linegram.media.tick import TICK_S, TickClock


def test_nothing_is_due_before_the_start_and_after_the_stop() -> None:
    clock = TickClock()
    assert clock.ticks_due(5.0) == 0
    clock.start(5.0)
    assert clock.next_due == 5.0 + TICK_S
    clock.stop()
    assert clock.ticks_due(9.0) == 0
    assert clock.next_due is None


def test_a_late_tick_is_caught_up_by_several_at_once() -> None:
    clock = TickClock()
    clock.start(0.0)
    assert clock.ticks_due(0.02) == 1
    assert clock.ticks_due(0.03) == 0
    assert clock.ticks_due(0.125) == 5
    assert clock.next_due is not None
    assert abs(clock.next_due - 0.14) < 1e-9


def test_after_a_second_without_ticks_the_rest_is_let_go() -> None:
    clock = TickClock()
    clock.start(0.0)
    assert clock.ticks_due(10.0) == 50
    assert clock.ticks_due(10.0) == 0


def test_starting_again_while_it_runs_changes_nothing() -> None:
    clock = TickClock()
    clock.start(0.0)
    clock.start(0.015)
    assert clock.next_due == TICK_S


def test_lateness_is_that_of_the_last_ten_seconds() -> None:
    clock = TickClock()
    clock.start(0.0)
    for tick in range(1, 501):
        clock.ticks_due(tick * 0.02 + (0.010 if tick % 50 == 0 else 0.001))
    assert [round(value) for value in clock.lateness(10.02)] == [1, 10, 10]
    clock.ticks_due(20.0)
    assert round(clock.lateness(20.0).max_ms) == 9980
    assert clock.lateness(30.1) == (0.0, 0.0, 0.0)


def test_every_tick_that_is_caught_up_counts_as_late_as_it_is() -> None:
    clock = TickClock()
    clock.start(0.0)
    clock.ticks_due(0.125)
    assert [round(value) for value in clock.lateness(0.125)] == [0, 5, 105]
    for stall in range(2, 6):
        clock.ticks_due(stall * 0.12 + 0.005)
    assert round(clock.lateness(1.0).p99_ms) == 85


def test_a_clock_that_stops_forgets_its_lateness() -> None:
    clock = TickClock()
    clock.start(0.0)
    clock.ticks_due(0.070)
    clock.stop()
    assert clock.lateness(0.071) == (0.0, 0.0, 0.0)


@given(st.lists(st.floats(0.0, 0.3), max_size=200))
def test_however_irregular_the_looks_no_tick_is_lost_or_doubled(steps_s: list[float]) -> None:
    clock, now, count = TickClock(), 0.0, 0
    clock.start(0.0)
    for step_s in steps_s:
        now += step_s
        count += clock.ticks_due(now)
    assert abs(count - int(now / TICK_S + 1e-6)) <= 1
