"""One heap of timers for a whole endpoint, and the durations of RFC 3261. Time is passed in."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Action = Callable[[float], None]

_COMPACT_ABOVE: Final = 64


class Timer:
    """A handle to one scheduled action; `cancel` makes it never happen."""

    __slots__ = ("_action", "_heap", "deadline")

    def __init__(self, deadline: float, action: Action, heap: "TimerHeap") -> None:
        self.deadline = deadline
        self._action: Action | None = action
        self._heap = heap

    def __lt__(self, other: "Timer") -> bool:
        return self.deadline < other.deadline

    @property
    def is_live(self) -> bool:
        """Whether the action is still to come."""
        return self._action is not None

    def cancel(self) -> None:
        """Forget the action; harmless when it already happened."""
        if self._action is not None:
            self._action = None
            self._heap.count_cancelled()

    def take_action(self) -> Action | None:
        """Hand out the action, once."""
        action, self._action = self._action, None
        return action


class TimerHeap:
    """Timers by deadline: schedule and cancel cost O(log n) whatever the number of accounts."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def schedule(self, deadline: float, action: Action) -> Timer:
        """Call `action(now)` from the first `fire_due` at or after `deadline`."""
        timer = Timer(deadline, action, self)
        heapq.heappush(self._heap, timer)
        return timer

    def next_deadline(self) -> float | None:
        """The earliest live deadline, or None."""
        while self._heap and not self._heap[0].is_live:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0].deadline if self._heap else None

    def fire_due(self, now: float) -> None:
        """Run every action whose time has come, in order, those that they schedule included."""
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            action = heapq.heappop(self._heap).take_action()
            if action is not None:
                action(now)

    def count_cancelled(self) -> None:
        """Note one dead entry; rebuild the heap when most of it is dead."""
        self._cancelled += 1
        if self._cancelled > _COMPACT_ABOVE and self._cancelled * 2 > len(self._heap):
            self._heap = [timer for timer in self._heap if timer.is_live]
            heapq.heapify(self._heap)
            self._cancelled = 0


@dataclass(frozen=True, slots=True)
class TimerDurations:
    """The base values of RFC 3261 table 4, from which all others follow.

    `invite_silence_s` is timer B, for which the RFC has 64*T1: how long an INVITE waits for the first
    answer of any kind. Somebody with a silent phone at his ear gives up sooner than after 32 s.
    """

    t1_s: float = 0.5
    t2_s: float = 4.0
    t4_s: float = 5.0
    invite_silence_s: float = 32.0

    @property
    def transaction_s(self) -> float:
        """64*T1: timers F, H, J, L, M, and the life of a 2xx without ACK."""
        return 64 * self.t1_s

    @property
    def wait_s(self) -> float:
        """Timer D: at least 32 s over an unreliable transport."""
        return max(32.0, 64 * self.t1_s)
