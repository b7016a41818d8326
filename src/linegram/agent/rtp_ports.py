"""Who may use which RTP port. Pure: the clock is passed in."""

from collections import deque
from typing import Final

from linegram.errors import UnavailableError

REST_S: Final = 30.0
"""Late packets of an ended call must not be heard in the next one."""


class RtpPorts:
    """Gives out even ports of a range, with the odd one above for RTCP, the longest unused first.

    A port that comes back rests before it is given out again.
    """

    def __init__(self, first: int, last: int, rest_s: float = REST_S) -> None:
        """Raises ValueError when the range holds no pair."""
        even = first + first % 2
        self._free = deque(range(even, last, 2))
        if not self._free or not 0 < first <= last <= 65535:
            raise ValueError(f"no pair of RTP ports between {first} and {last}")
        self._rest_s = rest_s
        self._taken: set[int] = set()
        self._resting: deque[tuple[float, int]] = deque()

    @property
    def taken_count(self) -> int:
        """How many pairs are in use."""
        return len(self._taken)

    def take(self, now: float) -> int:
        """Give an even port.

        Raises UnavailableError with a sentence when all are in use or resting.
        """
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        if not self._free:
            raise UnavailableError(
                f"All RTP ports are in use ({len(self._taken)}) or resting ({len(self._resting)}): "
                "widen the range in the settings."
            )
        port = self._free.popleft()
        self._taken.add(port)
        return port

    def give_back(self, port: int, now: float) -> None:
        """Let the port rest. A port that is not taken is left alone, so this may be repeated."""
        if port in self._taken:
            self._taken.remove(port)
            self._resting.append((now + self._rest_s, port))
