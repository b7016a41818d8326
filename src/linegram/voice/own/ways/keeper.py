"""Keeps a way through one relay: makes it, and makes it again a while after it was lost."""

from collections.abc import Callable
from typing import Final

import structlog

from linegram.voice.own.ways.way import Way

log = structlog.get_logger()

_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 30.0
_HOPELESS_FAILURES: Final = 3


class RelayKeeper:
    """One relay of a call. What goes wrong with it stays in here."""

    def __init__(self, make: Callable[[float], Way], now: float) -> None:
        """Make the way at once, at `now`; later ones when they are due."""
        self.way: Way | None = None
        self._make = make
        self._make_at = now
        self._failures = 0
        self._why = ""
        self.handle_timer(now)

    @property
    def is_hopeless(self) -> bool:
        """The relay has failed time after time; it is tried on, more rarely and without a word."""
        return self._failures >= _HOPELESS_FAILURES

    @property
    def why(self) -> str:
        """Say what the matter is, empty when nothing is."""
        return self.way.why or self._why if self.way is not None else self._why

    def handle_timer(self, now: float) -> None:
        """Leave a way that is lost; make another one when it is time."""
        way = self.way
        if way is not None and way.is_lost:
            self.way = None
            self._fail(way.why, now)
            way.close(now)
        elif way is not None and way.local is not None:
            self._failures, self._why = 0, ""
        elif way is None and now >= self._make_at:
            self._open(now)

    def close(self, now: float) -> None:
        """Leave the relay."""
        if self.way is not None:
            self.way.close(now)

    def _open(self, now: float) -> None:
        try:
            self.way = self._make(now)
        except OSError as error:
            self._fail(f"No socket for a relay: {error.strerror}.", now)

    def _fail(self, why: str, now: float) -> None:
        if not self.is_hopeless:
            log.info("voice_relay_lost", why=why)
        self._why = why
        self._make_at = now + min(_FIRST_WAIT_S * 2**self._failures, _LONGEST_WAIT_S)
        self._failures += 1
