"""One path between the ends: a way of ours and an address of theirs. Pure."""

from collections import deque
from typing import Final

from linegram.voice.own.ice.candidate import Candidate

_REMEMBERED_CHECKS: Final = 8
_PATIENCE_CHECKS: Final = 20
_FRESH_S: Final = 3.2
"""The path in use is checked every second, so this forgives two lost checks."""


class Pair:
    """A path and what is known of it."""

    def __init__(self, way: int, remote: Candidate, priority: int) -> None:
        self.way = way
        self.remote = remote
        self.priority = priority
        self.checked_at: float | None = None
        self.answered_at: float | None = None
        self.nominated_at: float | None = None
        self._checks: deque[bytes] = deque(maxlen=_REMEMBERED_CHECKS)
        self._check_count = 0

    def check_sent(self, transaction: bytes, now: float) -> None:
        """Remember a check."""
        self._checks.append(transaction)
        self._check_count += 1
        self.checked_at = now

    def is_unchecked_for(self, interval_s: float, now: float) -> bool:
        """Say whether the last check is so long ago."""
        return self.checked_at is None or now - self.checked_at >= interval_s

    @property
    def is_dead_end(self) -> bool:
        """Many checks had no answer, ever: it is not worth much more."""
        return self.answered_at is None and self._check_count >= _PATIENCE_CHECKS

    def is_answer(self, transaction: bytes) -> bool:
        """Say whether an answer is to one of our last checks of this path."""
        return transaction in self._checks

    def works(self, now: float) -> bool:
        """The path has answered lately."""
        return self.answered_at is not None and now - self.answered_at < _FRESH_S
