"""Where a peer really is: symmetric RTP (RFC 4961) for peers behind NAT. Pure."""

from enum import IntEnum
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]


class _Trust(IntEnum):
    """How well a source fits the agreement."""

    STALE = 0
    ELSEWHERE = 1
    AGREED_IP = 2
    AGREED = 3


class Latch:
    """Follows the peer from the address in its SDP to the one it sends from.

    The first valid packet decides, until one from a better fitting source comes: the agreed address is
    better than another port of its host, that is better than any other host, and that is better than
    the source before the last agreement, whose packets may still be on their way. Packets from
    sources that fit no better than the one we follow are dropped.
    """

    def __init__(self) -> None:
        self._agreed: Address | None = None
        self._found: Address | None = None
        self._stale: Address | None = None

    @property
    def target(self) -> Address | None:
        """Where to send: the found address, else the agreed one."""
        return self._found or self._agreed

    def agree(self, address: Address) -> None:
        """Take the address of a new agreement; the same one again changes nothing."""
        if address != self._agreed:
            self._stale, self._agreed, self._found = self.target, address, None

    def accepts(self, source: Address) -> bool:
        """Say whether a packet from `source` may be ours."""
        if self._agreed is None:
            return False
        return self._found is None or source == self._found or self._trust(source) > self._trust(self._found)

    def note_valid(self, source: Address) -> bool:
        """Settle on the source of a valid packet that was accepted; True if we send elsewhere from now on."""
        before = self.target
        self._found = source
        return self.target != before

    def _trust(self, source: Address) -> _Trust:
        if source == self._agreed:
            return _Trust.AGREED
        if source == self._stale:
            return _Trust.STALE
        is_same_host = self._agreed is not None and source[0] == self._agreed[0]
        return _Trust.AGREED_IP if is_same_host else _Trust.ELSEWHERE
