"""When an RTCP report may go out (RFC 3550 sections 6.2, 6.3 and appendix A.7), in a session of two."""

from collections.abc import Callable
from math import e
from typing import Final

_LEAST_S: Final = 5.0
_COMPENSATION: Final = e - 1.5
"""Timer reconsideration settles below the wanted rate by this factor (section 6.3.1)."""

_RTCP_SHARE: Final = 0.05
_SENDER_SHARE: Final = 0.25
_HEADER_BYTES: Final = 28
_FIRST_SIZE_BYTES: Final = 100.0


class ReportTimer:
    """Keeps the time of the next report; randomness and the clock are passed in."""

    def __init__(
        self, now: float, random: Callable[[], float], *, session_bits_per_s: float = 64_000.0
    ) -> None:
        """Start; the first report waits half as long. `random` gives numbers from 0.0 up to 1.0."""
        self._random = random
        self._bytes_per_s = session_bits_per_s * _RTCP_SHARE / 8
        self._mean_bytes = _FIRST_SIZE_BYTES
        self._is_first = True
        self._sent_at = now
        self._due_at = now + self._interval_s(members=1, senders=0, we_send=False)

    def is_due(self, now: float, *, members: int, senders: int, we_send: bool) -> bool:
        """Say whether to report now; a time that has come is drawn anew first (section 6.3.6)."""
        if now < self._due_at:
            return False
        interval_s = self._interval_s(members=members, senders=senders, we_send=we_send)
        if self._sent_at + interval_s > now:
            self._due_at = self._sent_at + interval_s
            return False
        return True

    def sent(self, size_bytes: int, now: float) -> None:
        """Note a report that went out, and set the time of the next one."""
        self.received(size_bytes)
        self._sent_at, self._is_first = now, False
        self._due_at = now + self._interval_s(members=2, senders=2, we_send=True)

    def received(self, size_bytes: int) -> None:
        """Note the size of any report, ours or the peer's (section 6.3.3)."""
        self._mean_bytes += (size_bytes + _HEADER_BYTES - self._mean_bytes) / 16

    def _interval_s(self, *, members: int, senders: int, we_send: bool) -> float:
        """Draw an interval between half and one and a half of the wanted one (section 6.3.1)."""
        least_s = _LEAST_S / 2 if self._is_first else _LEAST_S
        share, sharers = 1.0, members
        if 0 < senders <= members * _SENDER_SHARE:
            share = _SENDER_SHARE if we_send else 1 - _SENDER_SHARE
            sharers = senders if we_send else members - senders
        wanted_s = max(least_s, self._mean_bytes * sharers / (self._bytes_per_s * share))
        return wanted_s * (self._random() + 0.5) / _COMPENSATION
