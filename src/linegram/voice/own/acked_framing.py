"""Framing of versions 8 and 9: messages in packets, each acknowledged and sent again until it is. Pure.

A packet is one or more records. All counters of one direction come from one
sequence, so a counter names a message, and a packet by its first record.

    message   u32 seq, 0x7F, u32 length, bytes
    empty     u32 seq, 0xFE                     only first, to carry what follows
    ack       u32 seq, 0xFF                     never first; seq as the message had it
"""

import struct
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

import structlog

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.voice.own.inflate import inflate

log = structlog.get_logger()

RESEND_S: Final = 1.0
"""Longer than a round trip through Telegram, short enough for many tries within a call's set-up."""

MOST_UNACKED: Final = 128
"""A far end that takes and never acknowledges costs no more than so many messages."""

LONGEST_PACKET_BYTES: Final = 16 << 10
_MESSAGE, _EMPTY, _ACK = 0x7F, 0xFE, 0xFF
_ALONE, _WANTS_ACK, _COUNTER = 1 << 31, 1 << 30, (1 << 30) - 1
_HEAD: Final = struct.Struct("!IB")
_LENGTH: Final = struct.Struct("!I")
_MOST_RECORDS: Final = 1024
_WINDOW: Final = 64
_MOST_REMEMBERED: Final = 256
"""One by one, for a message that waited through an outage is far behind the counters of packets."""


class Record(NamedTuple):
    """One record of a packet; `body` belongs to a message only."""

    sequence: int
    kind: int
    body: bytes = b""

    def serialise(self) -> bytes:
        """Write the record."""
        head = _HEAD.pack(self.sequence, self.kind)
        return head + _LENGTH.pack(len(self.body)) + self.body if self.kind == _MESSAGE else head


def parse_records(plain: bytes) -> list[Record]:
    """Take a packet apart.

    Raises RemoteProtocolError for anything but a message or an empty record with more records behind it.
    """
    records = list(_records(plain))
    if not records or records[0].kind == _ACK or any(record.kind == _EMPTY for record in records[1:]):
        raise RemoteProtocolError("signalling records in an order that does not exist")
    if records[0].sequence & _ALONE and len(records) > 1:
        raise RemoteProtocolError("a signalling record that says it is alone is not")
    return records


def _records(plain: bytes) -> Iterator[Record]:
    at = count = 0
    while at < len(plain):
        count += 1
        if at + _HEAD.size > len(plain) or count > _MOST_RECORDS:
            raise RemoteProtocolError("signalling packet that ends inside a record, or has too many")
        sequence, kind = _HEAD.unpack_from(plain, at)
        at += _HEAD.size
        if kind in (_EMPTY, _ACK):
            yield Record(sequence, kind)
        elif kind == _MESSAGE:
            body = _body_at(plain, at)
            at += _LENGTH.size + len(body)
            yield Record(sequence, kind, body)
        else:
            raise RemoteProtocolError(f"signalling record of an unknown kind {kind}")


def _body_at(plain: bytes, at: int) -> bytes:
    if at + _LENGTH.size > len(plain):
        raise RemoteProtocolError("signalling packet that ends before a message's length")
    (length,) = _LENGTH.unpack_from(plain, at)
    body = plain[at + _LENGTH.size : at + _LENGTH.size + length]
    if len(body) != length:
        raise RemoteProtocolError("signalling message longer than its packet")
    return body


class SeenWindow:
    """Remembers which of the last 64 counters came; older ones count as seen."""

    def __init__(self) -> None:
        self._newest = 0
        self._bits = 0

    def has(self, counter: int) -> bool:
        """Say whether the counter came already, or is too old to tell."""
        behind = self._newest - counter
        return behind >= _WINDOW or (behind >= 0 and bool(self._bits >> behind & 1))

    def add(self, counter: int) -> None:
        """Note that the counter came."""
        ahead = counter - self._newest
        if ahead > 0:
            self._newest = counter
            self._bits = ((self._bits << ahead) if ahead < _WINDOW else 0) & ((1 << _WINDOW) - 1) | 1
        elif -ahead < _WINDOW:
            self._bits |= 1 << -ahead


def _text_of(record: Record) -> bytes | None:
    """Unpack a message; None for one that cannot be, which takes no other with it."""
    try:
        return inflate(record.body)
    except RemoteProtocolError as error:
        log.info("voice_message_malformed", reason=str(error))
        return None


class _Unacked:
    """A message that the far end has not acknowledged; `is_due` puts it into the next packet."""

    def __init__(self, record: bytes, sent_at: float) -> None:
        self.record = record
        self.sent_at = sent_at
        self.is_due = True


class AckedFraming:
    """One end of the signalling of a call: messages in and out, plain packets out and in.

    Our packets always begin with an empty record. Whoever sees a message *begin* a packet may forget which
    earlier ones it has had (ntgcalls 3.0.5 does), and would take one that we send again for a new one.
    """

    def __init__(self) -> None:
        self._counter = 0
        self._unacked: dict[int, _Unacked] = {}
        self._acks: dict[int, None] = {}
        self._seen_packets = SeenWindow()
        self._seen_messages: deque[int] = deque(maxlen=_MOST_REMEMBERED)

    @property
    def unacked_count(self) -> int:
        """How many messages the far end may not have."""
        return len(self._unacked)

    def send(self, message: bytes, now: float) -> None:
        """Send a message with the next packet, and again until it is acknowledged.

        Raises LocalProtocolError when it does not fit in a packet.
        """
        counter = self._next_counter()
        record = Record(counter | _WANTS_ACK, _MESSAGE, message).serialise()
        if len(record) > LONGEST_PACKET_BYTES - _HEAD.size:
            raise LocalProtocolError(f"signalling message of {len(message)} bytes")
        while len(self._unacked) >= MOST_UNACKED:
            del self._unacked[next(iter(self._unacked))]
        self._unacked[counter] = _Unacked(record, now)

    def receive(self, plain: bytes) -> list[tuple[int, bytes]]:
        """Take a packet in and return its new messages, each with its place in the far end's order.

        A repeated packet has none. What was lost comes later than what the far end said after it.

        Raises RemoteProtocolError for a malformed packet, which changes nothing.
        """
        records = parse_records(plain)
        first = records[0].sequence & _COUNTER
        if self._seen_packets.has(first):
            return []
        self._seen_packets.add(first)
        return [
            (record.sequence & _COUNTER, text)
            for record in records
            if self._is_news(record) and (text := _text_of(record)) is not None
        ]

    def handle_timer(self, now: float) -> None:
        """Have sent again what was not acknowledged in time."""
        for kept in self._unacked.values():
            if now - kept.sent_at >= RESEND_S:
                kept.is_due, kept.sent_at = True, now

    def next_packet(self) -> bytes | None:
        """Return the next plain packet to seal and send, or None; acknowledgements ride along."""
        due = [kept for kept in self._unacked.values() if kept.is_due]
        if not due and not self._acks:
            return None
        packet = Record(self._next_counter(), _EMPTY).serialise()
        for kept in due:
            if len(packet) + len(kept.record) <= LONGEST_PACKET_BYTES:
                packet += kept.record
                kept.is_due = False
        return self._with_acks(packet)

    def _is_news(self, record: Record) -> bool:
        counter = record.sequence & _COUNTER
        if record.kind == _ACK:
            self._unacked.pop(counter, None)
        if record.kind != _MESSAGE:
            return False
        if record.sequence & _WANTS_ACK:
            self._acks[record.sequence] = None
        if counter in self._seen_messages:
            return False
        self._seen_messages.append(counter)
        return True

    def _with_acks(self, packet: bytes) -> bytes:
        room = (LONGEST_PACKET_BYTES - len(packet)) // _HEAD.size
        acked = list(self._acks)[:room]
        for sequence in acked:
            del self._acks[sequence]
        return packet + b"".join(Record(sequence, _ACK).serialise() for sequence in acked)

    def _next_counter(self) -> int:
        self._counter += 1
        return self._counter
