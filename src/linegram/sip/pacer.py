"""Hands out moments in time so that a thousand starts do not become one burst."""


class Pacer:
    """Slots at a steady rate; the first is now, each is used once."""

    __slots__ = ("_interval_s", "_next")

    def __init__(self, per_s: float) -> None:
        self._interval_s = 1.0 / per_s
        self._next = float("-inf")

    def next_slot(self, now: float) -> float:
        """Take the next free moment, `now` or later."""
        slot = max(now, self._next)
        self._next = slot + self._interval_s
        return slot
