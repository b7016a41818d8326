"""Who may join a Telegram call now, and how a call is left. Pure: knows no engine, thread or clock.

The native library corrupts its heap when two calls of one process are set up
side by side, and now and then when a call with live sound is stopped at once.
So one call at a time is set up, from its first order until it is connected or
gone; and a call is left in two stages: take the sound away, wait, stop.
"""

from collections import deque
from enum import Enum
from typing import Final

import msgspec

SETUP_LIMIT_S: Final = 12.0
"""The library reports its own time-out after 10 s; this is for the day when it does not."""

STOP_DELAY_S: Final = 0.1


class Join(msgspec.Struct, frozen=True):
    """Create the call and start connecting it."""

    call: int


class Feed(msgspec.Struct, frozen=True):
    """Hand signalling bytes to the call."""

    call: int
    payload: bytes


class Silence(msgspec.Struct, frozen=True):
    """Take the call's sound away; the first stage of leaving it."""

    call: int


class Stop(msgspec.Struct, frozen=True):
    """Leave the silenced call."""

    call: int


class GiveUp(msgspec.Struct, frozen=True):
    """Report that the call never connected."""

    call: int


Order = Join | Feed | Silence | Stop | GiveUp


class _Stage(Enum):
    WAITING = "waiting"
    JOINING = "joining"
    CONNECTED = "connected"
    LEAVING = "leaving"


class _Standing:
    """Where one call stands."""

    def __init__(self) -> None:
        self.stage = _Stage.WAITING
        self.early_signals: list[bytes] = []
        self.deadline: float | None = None


class Turns:
    """Orders the set-ups and leavings of one process. Unknown calls are ignored everywhere."""

    def __init__(self) -> None:
        self._calls: dict[int, _Standing] = {}
        self._waiting: deque[int] = deque()
        self._in_setup: int | None = None
        self._orders: deque[Order] = deque()

    @property
    def is_empty(self) -> bool:
        """Nothing is being set up, connected or left."""
        return not self._calls

    def knows(self, call: int) -> bool:
        """The call is waiting, being set up, connected or being left."""
        return call in self._calls

    def open(self, call: int, now: float) -> None:
        """Let the call join as soon as no other one is being set up."""
        self._calls[call] = _Standing()
        self._waiting.append(call)
        self._next_turn(now)

    def receive_signal(self, call: int, payload: bytes) -> None:
        """Pass signalling bytes on, or keep them until the call joins."""
        standing = self._calls.get(call)
        if standing is None:
            return
        if standing.stage is _Stage.WAITING:
            standing.early_signals.append(payload)
        elif standing.stage is not _Stage.LEAVING:
            self._orders.append(Feed(call, payload))

    def connected(self, call: int, now: float) -> bool:
        """Note that the call is connected, and start the next one; False if that is no news."""
        standing = self._calls.get(call)
        if standing is None or standing.stage is not _Stage.JOINING:
            return False
        standing.stage, standing.deadline = _Stage.CONNECTED, None
        self._end_setup(call, now)
        return True

    def gone(self, call: int, now: float) -> bool:
        """Note that the library removed the call itself; False if we were leaving it anyway."""
        standing = self._calls.get(call)
        if standing is None:
            return False
        self._forget(call, now)
        return standing.stage is not _Stage.LEAVING

    def close(self, call: int, now: float) -> None:
        """Leave the call in whatever stage it is."""
        standing = self._calls.get(call)
        if standing is None or standing.stage is _Stage.LEAVING:
            return
        if standing.stage is _Stage.WAITING:
            self._forget(call, now)
            return
        standing.stage, standing.deadline = _Stage.LEAVING, now + STOP_DELAY_S
        self._orders.append(Silence(call))

    def handle_timer(self, now: float) -> None:
        """Finish the leavings that are due, and give up the set-up that takes too long."""
        for call, standing in list(self._calls.items()):
            if standing.deadline is None or now < standing.deadline:
                continue
            if standing.stage is _Stage.LEAVING:
                self._orders.append(Stop(call))
                self._forget(call, now)
            else:
                self._orders.append(GiveUp(call))
                self.close(call, now)

    def next_timer(self) -> float | None:
        """The moment at which `handle_timer` has something to do, if any."""
        return min((one.deadline for one in self._calls.values() if one.deadline is not None), default=None)

    def next_order(self) -> Order | None:
        """Return the oldest order not yet taken, or None."""
        return self._orders.popleft() if self._orders else None

    def _forget(self, call: int, now: float) -> None:
        del self._calls[call]
        if call in self._waiting:
            self._waiting.remove(call)
        self._end_setup(call, now)

    def _end_setup(self, call: int, now: float) -> None:
        if self._in_setup == call:
            self._in_setup = None
            self._next_turn(now)

    def _next_turn(self, now: float) -> None:
        if self._in_setup is not None or not self._waiting:
            return
        call = self._waiting.popleft()
        standing = self._calls[call]
        standing.stage, standing.deadline = _Stage.JOINING, now + SETUP_LIMIT_S
        self._in_setup = call
        self._orders.append(Join(call))
        self._orders.extend(Feed(call, payload) for payload in standing.early_signals)
        standing.early_signals.clear()
