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


def test_lateness_is_summed_up_once() -> None:
    clock = TickClock()
    clock.start(0.0)
    clock.ticks_due(0.021)
    clock.ticks_due(0.042)
    clock.ticks_due(0.070)
    late = clock.take_lateness()
    assert [round(value) for value in late] == [2, 10, 10]
    assert clock.take_lateness() == (0.0, 0.0, 0.0)


@given(st.lists(st.floats(0.0, 0.3), max_size=200))
def test_however_irregular_the_looks_no_tick_is_lost_or_doubled(steps_s: list[float]) -> None:
    clock, now, count = TickClock(), 0.0, 0
    clock.start(0.0)
    for step_s in steps_s:
        now += step_s
        count += clock.ticks_due(now)
    assert abs(count - int(now / TICK_S + 1e-6)) <= 1
