"""How long packets travel compared with the fastest of them, in RTP clock ticks.

A packet's *transit* is its arrival less its timestamp. The smallest transit of
the last seconds is what the network does at its best, so following it also
follows the drift between the two clocks. The *spread* is how far above it
nearly all packets stay.
"""

from typing import Final

from linegram.rtp.sequence import timestamp_distance

_RISE: Final = 0.3
_DECAY: Final = 0.002
_WINDOW_S: Final = 4.0
_LATER_JUMP_S: Final = 1.0
_EARLIER_JUMP_S: Final = 0.3


class Transit:
    """Follows the transits of one source and extends its timestamps beyond 32 bits."""

    def __init__(self, clock_hz: int, first_spread_ticks: float) -> None:
        self._clock_hz = clock_hz
        self.spread_ticks = first_spread_ticks
        self.restart()

    def restart(self) -> None:
        """Forget the source's clock; the spread stays, the network is the same."""
        self._last_timestamp: int | None = None
        self._last_ticks = 0
        self._lowest = self._lowest_before = float("inf")
        self._window_since = 0.0

    def observe(self, timestamp: int, now: float) -> bool:
        """Take one arrival in; False, with nothing changed, when the source's clock has jumped."""
        ticks = self._last_ticks + self._distance(timestamp)
        transit = now * self._clock_hz - ticks
        best = self.best
        if best != float("inf") and self._is_jump((transit - best) / self._clock_hz):
            return False
        self._last_timestamp, self._last_ticks = timestamp, ticks
        if now - self._window_since > _WINDOW_S:
            self._lowest_before, self._lowest, self._window_since = self._lowest, transit, now
        elif transit < self._lowest:
            self._lowest = transit
        over = transit - min(best, transit) - self.spread_ticks
        self.spread_ticks += over * (_RISE if over > 0 else _DECAY)
        return True

    def extend(self, timestamp: int) -> int:
        """Extend a timestamp near the last one; comparable until `restart`."""
        return self._last_ticks + self._distance(timestamp)

    @property
    def best(self) -> float:
        """The smallest transit of the last 4 to 8 seconds; infinite before the first packet."""
        return self._lowest if self._lowest < self._lowest_before else self._lowest_before

    def behind_best(self, ticks: int, now: float) -> float:
        """How much later than the fastest packet something with this timestamp would be now."""
        return now * self._clock_hz - self.best - ticks

    @staticmethod
    def _is_jump(step_s: float) -> bool:
        """Networks delay suddenly but hurry step by step: a packet far too early has another clock."""
        return not -_EARLIER_JUMP_S <= step_s <= _LATER_JUMP_S

    def _distance(self, timestamp: int) -> int:
        return 0 if self._last_timestamp is None else timestamp_distance(timestamp, self._last_timestamp)
