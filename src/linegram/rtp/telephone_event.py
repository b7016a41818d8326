"""Keypad digits as telephone events: payload, receiver, sender (RFC 4733)."""

import struct
from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

from linegram.errors import RemoteProtocolError
from linegram.rtp.packet import RtpPacket

DIGITS: Final = "0123456789*#ABCD"
_PAYLOAD: Final = struct.Struct("!BBH")
_END: Final = 0x80
_LONGEST_SEGMENT: Final = 0xFFFF
_END_PACKETS: Final = 3
_PAUSE_MS: Final = 60
_REMEMBERED_EVENTS: Final = 8


class TelephoneEvent(NamedTuple):
    """One report of an event; the duration counts RTP clock ticks (section 2.3)."""

    event: int
    is_end: bool
    volume: int
    duration: int

    @property
    def digit(self) -> str | None:
        """The key of the telephone, None for an event that is no digit (such as flash, 16)."""
        return DIGITS[self.event] if self.event < len(DIGITS) else None

    def serialise(self) -> bytes:
        """Write the four bytes of the payload."""
        return _PAYLOAD.pack(self.event, (_END if self.is_end else 0) | self.volume, self.duration)


def parse_telephone_event(payload: bytes) -> TelephoneEvent:
    """Read a payload; reports after the first four bytes (redundancy) are passed over.

    Raises RemoteProtocolError when it is too short.
    """
    if len(payload) < _PAYLOAD.size:
        raise RemoteProtocolError("telephone event shorter than four bytes")
    event, flags, duration = _PAYLOAD.unpack_from(payload)
    return TelephoneEvent(event, bool(flags & _END), flags & 0x3F, duration)


class DigitReceiver:
    """Gives each pressed digit once, at the first packet of its event.

    All packets of one event carry the timestamp of its start (section 2.2.1.1): that is its
    identity, whatever is lost, repeated or reordered.
    """

    def __init__(self) -> None:
        self._seen: deque[int] = deque(maxlen=_REMEMBERED_EVENTS)

    def receive(self, packet: RtpPacket) -> str | None:
        """Take one packet of the event's payload type; a digit when it is the first of its event.

        Raises RemoteProtocolError when the payload is malformed.
        """
        event = parse_telephone_event(packet.payload)
        if packet.timestamp in self._seen:
            return None
        self._seen.append(packet.timestamp)
        return event.digit


class EventReport(NamedTuple):
    """What to send now: the payload, the event's start and whether it is the first packet."""

    payload: bytes
    timestamp: int
    is_first: bool


@dataclass(slots=True)
class _Press:
    event: int
    total_ticks: int
    start: int | None = None
    ends_sent: int = 0


class DigitSender:
    """Plays queued digits in place of audio: one report each tick, three at the end (section 2.5.1.4)."""

    def __init__(self, clock_hz: int) -> None:
        self._clock_hz = clock_hz
        self._queue: deque[_Press] = deque()
        self._pause_until: int | None = None

    @property
    def is_busy(self) -> bool:
        """Say whether digits are waiting or being sent."""
        return bool(self._queue)

    def press(self, digit: str, duration_ms: int = 160) -> None:
        """Queue one digit.

        Raises ValueError for anything but one of `0-9*#A-D` and for durations that no event can hold.
        """
        ticks = self._clock_hz * duration_ms // 1000
        if len(digit) != 1 or digit.upper() not in DIGITS:
            raise ValueError(f"no key of the telephone: {digit!r}")
        if not 0 < ticks <= _LONGEST_SEGMENT:
            raise ValueError(f"an event cannot last {duration_ms} ms")
        self._queue.append(_Press(DIGITS.index(digit.upper()), ticks))

    def next_report(self, timestamp: int, step_ticks: int) -> EventReport | None:
        """Give the report for the audio frame that would start at `timestamp`; None lets audio through."""
        if not self._queue or self._is_pausing(timestamp):
            return None
        press = self._queue[0]
        is_first = press.start is None
        if press.start is None:
            press.start = timestamp
        elapsed = ((timestamp - press.start) & 0xFFFF_FFFF) + step_ticks
        is_end = elapsed >= press.total_ticks
        report = TelephoneEvent(press.event, is_end, 10, min(elapsed, press.total_ticks))
        start = press.start
        if is_end:
            self._count_end(press, timestamp + step_ticks)
        return EventReport(report.serialise(), start, is_first)

    def _is_pausing(self, timestamp: int) -> bool:
        if self._pause_until is None:
            return False
        if (self._pause_until - timestamp) & 0xFFFF_FFFF < 0x8000_0000 and self._pause_until != timestamp:
            return True
        self._pause_until = None
        return False

    def _count_end(self, press: _Press, timestamp: int) -> None:
        press.ends_sent += 1
        if press.ends_sent == _END_PACKETS:
            self._queue.popleft()
            self._pause_until = (timestamp + self._clock_hz * _PAUSE_MS // 1000) & 0xFFFF_FFFF
