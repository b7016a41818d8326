"""The 20 ms beat of a media host on an absolute schedule, and how late it was. The clock is passed in."""

import math
from collections import deque
from typing import Final, NamedTuple

TICK_S: Final = 0.02
_MOST_AT_ONCE: Final = 50
LATENESS_WINDOW_S: Final = 10.0
"""One stall of 100 ms is not the 99th of 100 ticks of so long a time; a host that is always late is."""

_WINDOW_TICKS: Final = round(LATENESS_WINDOW_S / TICK_S)


class Lateness(NamedTuple):
    """How late ticks were, in milliseconds."""

    p50_ms: float
    p99_ms: float
    max_ms: float


class TickClock:
    """Says how many ticks are due. A late tick is caught up, never skipped.

    Unless more than a second is lost: far ends take a short gap for network delay and keep it, but
    start afresh after a long one.
    """

    def __init__(self) -> None:
        self._due: float | None = None
        self._late_s: deque[tuple[float, float]] = deque()

    @property
    def next_due(self) -> float | None:
        """When the next tick is due; None while stopped."""
        return self._due

    def start(self, now: float) -> None:
        """Begin ticking, one tick from now. No effect while running."""
        if self._due is None:
            self._due = now + TICK_S

    def stop(self) -> None:
        """Stop ticking: nobody is there to hear. What was late is forgotten."""
        self._due = None
        self._late_s.clear()

    def ticks_due(self, now: float) -> int:
        """Count the ticks to run now, and note how late each of them is."""
        if self._due is None or now < self._due:
            return 0
        late_s = now - self._due
        count = 1 + math.floor(late_s / TICK_S)
        self._late_s.extend((now, late_s - number * TICK_S) for number in range(min(count, _WINDOW_TICKS)))
        self._due += count * TICK_S
        return min(count, _MOST_AT_ONCE)

    def lateness(self, now: float) -> Lateness:
        """Sum up the ticks of the last ten seconds; those that it has not run for so long were in time."""
        while self._late_s and now - self._late_s[0][0] > LATENESS_WINDOW_S:
            self._late_s.popleft()
        late = sorted(late_s for _, late_s in self._late_s)
        late = [0.0] * (_WINDOW_TICKS - len(late)) + late
        p50, p99 = (late[math.ceil(share * len(late)) - 1] for share in (0.5, 0.99))
        return Lateness(p50 * 1000, p99 * 1000, late[-1] * 1000)
