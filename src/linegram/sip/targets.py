"""The places of one account's server: which is in use, which rest after a failure (RFC 3263 4.3)."""

from typing import NamedTuple

from linegram.sip.flow import Flow


class Target(NamedTuple):
    """One resolved place of an account's server, and our own address as seen on the way there.

    Places of a lower `rank` are better ones.
    """

    flow: Flow
    local_host: str
    local_port: int
    rank: int = 0


class Targets:
    """Places in the order to try them. A place that failed rests; a better one is gone back to."""

    __slots__ = ("_all", "_resting", "_valid_until", "current")

    def __init__(self) -> None:
        self._all: tuple[Target, ...] = ()
        self._resting: dict[Flow, float] = {}
        self._valid_until = float("-inf")
        self.current: Target | None = None

    @property
    def all(self) -> tuple[Target, ...]:
        """Every place."""
        return self._all

    def of(self, flow: Flow) -> Target | None:
        """The place that a flow leads to; the one in use if none does."""
        return next((target for target in self._all if target.flow == flow), self.current)

    def is_stale(self, now: float) -> bool:
        """Whether the names should be looked up again."""
        return now >= self._valid_until

    def ask_later(self, until: float) -> None:
        """Be content with what is known for some time."""
        self._valid_until = until

    def replace(self, targets: tuple[Target, ...], now: float, *, valid_s: float = float("inf")) -> bool:
        """Take newly found places; True if the one in use is not among them and another is used now."""
        before = self.current
        self._all = targets
        self._valid_until = now + valid_s
        kept = (target for target in targets if before is not None and target.flow == before.flow)
        self.current = next(kept, None) or self._first_rested(now)
        return before is not None and self.current is not None and before.flow != self.current.flow

    def forget(self) -> None:
        """Know no place any more: the server is elsewhere."""
        self._all, self.current = (), None
        self._valid_until = float("-inf")

    def rest(self, flow: Flow, until: float) -> None:
        """Leave a place alone for some time."""
        self._resting[flow] = until

    def wake_all(self) -> None:
        """Give every place another chance, the best one first: all have failed."""
        self._resting.clear()
        self.current = next(iter(self._by_rank()), None)

    def pick(self, now: float) -> None:
        """Turn to the best place that does not rest; stay where we are if it is as good."""
        current, best = self.current, self._first_rested(now)
        if current is None or best is None or self._is_resting(current, now) or best.rank < current.rank:
            self.current = best or current

    def alternative(self, tried: frozenset[Flow], now: float) -> Target | None:
        """The best place that has not been tried and does not rest."""
        for target in self._by_rank():
            if target.flow not in tried and not self._is_resting(target, now):
                return target
        return None

    def _first_rested(self, now: float) -> Target | None:
        """The best place that does not rest; the best one of all if every one does."""
        ordered = self._by_rank()
        rested = (target for target in ordered if not self._is_resting(target, now))
        return next(rested, ordered[0] if ordered else None)

    def _by_rank(self) -> list[Target]:
        return sorted(self._all, key=lambda target: target.rank)

    def _is_resting(self, target: Target, now: float) -> bool:
        return self._resting.get(target.flow, now) > now
