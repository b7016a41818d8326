"""The one heap of timers."""

from hypothesis import given
from hypothesis import strategies as st

from linegram.sip.pacer import Pacer
from linegram.sip.timers import Timer, TimerHeap


@given(st.lists(st.tuples(st.floats(0, 1000), st.booleans()), max_size=300))
def test_what_is_not_cancelled_fires_in_order_and_nothing_else(plan: list[tuple[float, bool]]) -> None:
    heap = TimerHeap()
    fired: list[float] = []
    timers: list[tuple[Timer, bool]] = [
        (heap.schedule(deadline, lambda _now, at=deadline: fired.append(at)), is_kept)  # type: ignore[misc]
        for deadline, is_kept in plan
    ]
    for timer, is_kept in timers:
        if not is_kept:
            timer.cancel()
            timer.cancel()
    kept = sorted(deadline for deadline, is_kept in plan if is_kept)
    assert len(heap) == len(kept)
    assert heap.next_deadline() == (kept[0] if kept else None)
    heap.fire_due(500)
    assert fired == [deadline for deadline in kept if deadline <= 500]
    heap.fire_due(1000)
    assert fired == kept
    assert len(heap) == 0


def test_a_timer_may_schedule_another_that_is_due_at_once() -> None:
    heap = TimerHeap()
    fired: list[str] = []

    def first(now: float) -> None:
        fired.append("first")
        heap.schedule(now, lambda _at: fired.append("second"))

    heap.schedule(1, first)
    heap.fire_due(1)
    assert fired == ["first", "second"]


def test_cancelled_timers_do_not_pile_up() -> None:
    heap = TimerHeap()
    keeper = heap.schedule(10, lambda _now: None)
    for _ in range(10_000):
        heap.schedule(5, lambda _now: None).cancel()
    assert len(heap._heap) < 300
    assert keeper.is_live


def test_a_pacer_gives_each_moment_once_and_never_the_past() -> None:
    pacer = Pacer(10)
    assert [round(pacer.next_slot(5.0), 3) for _ in range(3)] == [5.0, 5.1, 5.2]
    assert pacer.next_slot(100.0) == 100.0
