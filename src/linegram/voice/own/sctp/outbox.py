"""The sending half of an association: messages to fragments, kept and sent again until acknowledged. Pure.

Congestion control is the simplest safe one: ten fragments on the way at most,
the initial window of RFC 6928, and four after a time-out until something is
acknowledged. Telegram's signalling is a few kB in a call.
"""

from collections import deque
from typing import Final

import structlog

from linegram.errors import LocalProtocolError
from linegram.voice.own.sctp.packet import FIRST_FRAGMENT, LAST_FRAGMENT, Data, Sack

log = structlog.get_logger()

LONGEST_MESSAGE_BYTES: Final = 64 << 10
MOST_FRAGMENTS: Final = 512
"""What waits for a far end that takes nothing; a message beyond that is dropped."""

_FRAGMENT_BYTES: Final = 1100
_MOST_IN_FLIGHT: Final = 10
_IN_FLIGHT_AFTER_LOSS: Final = 4
_FIRST_RTO_S: Final = 0.7
_LONGEST_RTO_S: Final = 1.2
"""Shorter than the RFC's: a call has 20 s for all of it, and a few kB sent once more do no harm."""

_MISSING_REPORTS: Final = 3
"""Section 7.2.4: sent again at once when three acknowledgements tell of later ones."""


class _Sent:
    """A fragment on its way."""

    def __init__(self, fragment: Data) -> None:
        self.fragment = fragment
        self.is_due = True
        self.is_received = False
        self.missing_reports = 0


class Outbox:
    """Holds what is to be sent, and what may be lost."""

    def __init__(self, first_tsn: int) -> None:
        self._next_tsn = first_tsn
        self._stream_sequences: dict[int, int] = {}
        self._waiting: deque[Data] = deque()
        self._sent: deque[_Sent] = deque()
        self._rto_s = _FIRST_RTO_S
        self._timer_at: float | None = None
        self._most_in_flight = _MOST_IN_FLIGHT

    @property
    def is_empty(self) -> bool:
        """Everything was acknowledged."""
        return not self._waiting and not self._sent

    def send(self, stream: int, protocol: int, payload: bytes) -> None:
        """Queue a message for a stream, in order; one that no room is left for is dropped.

        Raises LocalProtocolError for an empty message, or one longer than any of ours may be.
        """
        if not 0 < len(payload) <= LONGEST_MESSAGE_BYTES:
            raise LocalProtocolError(f"SCTP message of {len(payload)} bytes")
        if len(self._waiting) + len(self._sent) + len(payload) // _FRAGMENT_BYTES >= MOST_FRAGMENTS:
            log.info("voice_sctp_message_dropped", length_bytes=len(payload))
            return
        sequence = self._stream_sequences.get(stream, 0)
        self._stream_sequences[stream] = sequence + 1 & 0xFFFF
        for at in range(0, len(payload), _FRAGMENT_BYTES):
            part = payload[at : at + _FRAGMENT_BYTES]
            flags = FIRST_FRAGMENT * (at == 0) | LAST_FRAGMENT * (at + len(part) == len(payload))
            self._waiting.append(Data(self._next_tsn, stream, sequence, protocol, part, flags))
            self._next_tsn = self._next_tsn + 1 & 0xFFFF_FFFF

    def due(self, now: float) -> list[Data]:
        """Return the fragments to send now; starts the timer (section 6.3.2)."""
        while self._waiting and len(self._sent) < self._most_in_flight:
            self._sent.append(_Sent(self._waiting.popleft()))
        found = [kept for kept in self._sent if kept.is_due and not kept.is_received]
        for kept in found[: self._most_in_flight]:
            kept.is_due = False
        if found and self._timer_at is None:
            self._timer_at = now + self._rto_s
        return [kept.fragment for kept in found[: self._most_in_flight]]

    def handle_timer(self, now: float) -> None:
        """Mark everything that is not acknowledged to be sent again, slower than before (section 6.3.3)."""
        if self._timer_at is None or now < self._timer_at:
            return
        self._timer_at = None
        self._rto_s = min(self._rto_s * 1.5, _LONGEST_RTO_S)
        self._most_in_flight = _IN_FLIGHT_AFTER_LOSS
        for kept in self._sent:
            kept.is_due, kept.missing_reports = True, 0

    def acknowledge(self, sack: Sack, now: float) -> None:
        """Forget what arrived, and mark what seems lost (sections 6.2.1, 7.2.4)."""
        if not self._sent or not self._is_of_ours(sack.cumulative_tsn):
            return
        is_progress = False
        while self._sent and not _is_after(self._sent[0].fragment.tsn, sack.cumulative_tsn):
            self._sent.popleft()
            is_progress = True
        self._note_gaps(sack)
        if is_progress:
            self._rto_s, self._most_in_flight = _FIRST_RTO_S, _MOST_IN_FLIGHT
            self._timer_at = now + self._rto_s if self._sent else None

    def _is_of_ours(self, tsn: int) -> bool:
        """Say whether we sent that number; before the first one counts too."""
        return not _is_after(tsn, self._sent[-1].fragment.tsn)

    def _note_gaps(self, sack: Sack) -> None:
        highest = max((stop for _, stop in sack.gaps), default=0)
        for kept in self._sent:
            offset = kept.fragment.tsn - sack.cumulative_tsn & 0xFFFF_FFFF
            kept.is_received = any(start <= offset <= stop for start, stop in sack.gaps)
            if kept.is_received or offset > highest:
                continue
            kept.missing_reports += 1
            kept.is_due = kept.is_due or kept.missing_reports == _MISSING_REPORTS


def _is_after(tsn: int, other: int) -> bool:
    """Compare numbers that wrap round (section 1.6)."""
    return 0 < (tsn - other & 0xFFFF_FFFF) < 1 << 31
