"""The 20 ms beat of a media host on an absolute schedule, and how late it was. The clock is passed in."""

import math
from typing import Final, NamedTuple

TICK_S: Final = 0.02
_MOST_AT_ONCE: Final = 50


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
        self._late_s: list[float] = []

    @property
    def next_due(self) -> float | None:
        """When the next tick is due; None while stopped."""
        return self._due

    def start(self, now: float) -> None:
        """Begin ticking, one tick from now. No effect while running."""
        if self._due is None:
            self._due = now + TICK_S

    def stop(self) -> None:
        """Stop ticking: nobody is there to hear."""
        self._due = None

    def ticks_due(self, now: float) -> int:
        """Count the ticks to run now, and note how late the first of them is."""
        if self._due is None or now < self._due:
            return 0
        late_s = now - self._due
        self._late_s.append(late_s)
        count = 1 + math.floor(late_s / TICK_S)
        self._due += count * TICK_S
        return min(count, _MOST_AT_ONCE)

    def take_lateness(self) -> Lateness:
        """Sum up the ticks since the last time; zeros when there were none."""
        late = sorted(self._late_s)
        self._late_s.clear()
        if not late:
            return Lateness(0.0, 0.0, 0.0)
        p50, p99 = (late[math.ceil(share * len(late)) - 1] for share in (0.5, 0.99))
        return Lateness(p50 * 1000, p99 * 1000, late[-1] * 1000)
