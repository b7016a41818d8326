"""The receiving half of an association: fragments in any order to whole messages in order. Pure.

All streams share one order, that of the transmission numbers: a stream's own
order is part of it, and nothing here is in a hurry.
"""

from collections import deque
from typing import Final, NamedTuple

from linegram.errors import RemoteProtocolError
from linegram.voice.own.sctp.packet import FIRST_FRAGMENT, LAST_FRAGMENT, Data, Sack

WINDOW_BYTES: Final = 128 << 10
MOST_AHEAD: Final = 512
"""Fragments that came before their turn; their bytes are bounded by the window."""

LONGEST_MESSAGE_BYTES: Final = 256 << 10
MOST_WAITING: Final = 256
_MOST_GAPS: Final = 32


class SctpMessage(NamedTuple):
    """One message of the far end."""

    stream: int
    protocol: int
    payload: bytes


class Inbox:
    """Puts what arrives in order; `messages` are those that are whole."""

    def __init__(self, first_tsn: int) -> None:
        self._cumulative = first_tsn - 1 & 0xFFFF_FFFF
        self._ahead: dict[int, Data] = {}
        self._ahead_bytes = 0
        self._parts: list[Data] = []
        self._part_bytes = 0
        self.messages: deque[SctpMessage] = deque()

    def receive(self, fragment: Data) -> None:
        """Take a fragment in; one that came before, or is too far ahead, changes nothing.

        Raises RemoteProtocolError when a message has no beginning, or is longer than any may be.
        """
        ahead = fragment.tsn - self._cumulative & 0xFFFF_FFFF
        if not 0 < ahead <= MOST_AHEAD or len(self.messages) >= MOST_WAITING or fragment.tsn in self._ahead:
            return
        if ahead > 1 and self._ahead_bytes + len(fragment.payload) > WINDOW_BYTES:
            return
        self._ahead[fragment.tsn] = fragment
        self._ahead_bytes += len(fragment.payload)
        while (following := self._ahead.pop(self._cumulative + 1 & 0xFFFF_FFFF, None)) is not None:
            self._cumulative = following.tsn
            self._ahead_bytes -= len(following.payload)
            self._join(following)

    def sack(self) -> Sack:
        """Say what arrived (section 6.2.1)."""
        offsets = sorted(tsn - self._cumulative & 0xFFFF_FFFF for tsn in self._ahead)
        gaps: list[tuple[int, int]] = []
        for offset in offsets:
            if gaps and gaps[-1][1] == offset - 1:
                gaps[-1] = (gaps[-1][0], offset)
            else:
                gaps.append((offset, offset))
        return Sack(self._cumulative, WINDOW_BYTES, tuple(gaps[:_MOST_GAPS]))

    def _join(self, fragment: Data) -> None:
        if fragment.flags & FIRST_FRAGMENT:
            self._parts, self._part_bytes = [], 0
        elif not self._parts:
            raise RemoteProtocolError("SCTP message without a beginning")
        self._parts.append(fragment)
        self._part_bytes += len(fragment.payload)
        if self._part_bytes > LONGEST_MESSAGE_BYTES:
            self._parts, self._part_bytes = [], 0
            raise RemoteProtocolError("SCTP message longer than any real one")
        if fragment.flags & LAST_FRAGMENT:
            payload = b"".join(part.payload for part in self._parts)
            self.messages.append(SctpMessage(fragment.stream, fragment.protocol, payload))
            self._parts, self._part_bytes = [], 0
