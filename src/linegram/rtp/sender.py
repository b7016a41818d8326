"""The sending half of an RTP stream: numbers, timestamps, marker, digits, counts. Knows no codec."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from linegram.errors import LocalProtocolError
from linegram.rtp.packet import PassedPacket, RtpPacket
from linegram.rtp.sequence import ReplayWindow, timestamp_distance
from linegram.rtp.telephone_event import DigitSender

_LONGEST_JUMP: Final = 1_000
_FURTHEST_OFF_S: Final = 5


@dataclass(frozen=True, slots=True)
class SourceStart:
    """Where a source begins; all of it random (RFC 3550 section 5.1), so it is passed in."""

    ssrc: int
    sequence: int
    timestamp: int


class _Anchor(NamedTuple):
    """How numbers of a forwarded source become ours; `first` is the first of ours."""

    source: int
    sequence_offset: int
    timestamp_offset: int
    first: int


class RtpSender:
    """Gives payloads their headers, one every frame. Time is the number of frames."""

    def __init__(
        self,
        start: SourceStart,
        *,
        payload_type: int,
        clock_hz: int,
        telephone_event_type: int | None = None,
    ) -> None:
        self.ssrc = start.ssrc
        self.clock_hz = clock_hz
        self.payload_type = payload_type
        self.packets_sent = 0
        self.bytes_sent = 0
        self.timestamp = start.timestamp & 0xFFFF_FFFF
        self.frame_begins_at = 0.0
        self._sequence = start.sequence & 0xFFFF
        self._anchor: _Anchor | None = None
        self._forwarded = ReplayWindow()
        self._forwarded_until = 0
        self._is_talkspurt_start = True
        self._telephone_event_type = telephone_event_type
        self._digits = DigitSender(clock_hz)

    @property
    def is_sending_digits(self) -> bool:
        """Say whether digits take the place of audio now."""
        return self._digits.is_busy

    def timestamp_at(self, now: float) -> int:
        """Work out the RTP clock at an instant near the last frame, for sender reports."""
        elapsed = min(1.0, max(0.0, now - self.frame_begins_at))
        return (self.timestamp + int(elapsed * self.clock_hz)) & 0xFFFF_FFFF

    def press(self, digit: str, duration_ms: int) -> None:
        """Queue a digit.

        Raises LocalProtocolError when the peer did not agree to telephone events, ValueError for no digit.
        """
        if self._telephone_event_type is None:
            raise LocalProtocolError("telephone events were not negotiated")
        self._digits.press(digit, duration_ms)

    def audio(self, payload: bytes, duration_ticks: int) -> bytes:
        """Make the packet of one frame of audio."""
        self._end_forwarding()
        packet = self._packet(self.payload_type, self.timestamp, payload)
        self.skip(duration_ticks)
        self._is_talkspurt_start = False
        return packet

    def event(self, duration_ticks: int) -> bytes | None:
        """Make the packet of a digit that is due in place of this frame's audio, if any."""
        self._end_forwarding()
        report = self._digits.next_report(self.timestamp, duration_ticks)
        if report is None or self._telephone_event_type is None:
            return None
        self._is_talkspurt_start = report.is_first
        packet = self._packet(self._telephone_event_type, report.timestamp, report.payload)
        self.skip(duration_ticks)
        return packet

    def forward(self, packet: PassedPacket) -> bytes | None:
        """Make the packet of somebody else's audio; None for a number that was used or is too old.

        Distances between numbers and between timestamps of one source are kept, beginning behind what
        was sent last. No number is used twice: SRTP must not (RFC 3711 section 9.1).
        """
        anchor = self._anchor
        if anchor is None or not self._may_hold(anchor, packet):
            anchor = self._anchor = self._anchored(packet)
        number = packet.sequence + anchor.sequence_offset
        if number < anchor.first or not self._forwarded.take(number):
            return None
        timestamp = (packet.timestamp + anchor.timestamp_offset) & 0xFFFF_FFFF
        if number >= self._sequence:
            self._sequence = number + 1
            self._forwarded_until = (timestamp + packet.duration_ticks) & 0xFFFF_FFFF
        self._count(packet.payload)
        return RtpPacket(
            self.payload_type, number & 0xFFFF, timestamp, self.ssrc, packet.payload, packet.marker
        ).serialise()

    def skip(self, duration_ticks: int) -> None:
        """Let time pass without a packet; the next one is marked as the start of a talkspurt."""
        self._end_forwarding()
        self.let_pass(duration_ticks)

    def let_pass(self, duration_ticks: int) -> None:
        """Let time pass while packets are forwarded."""
        self.timestamp = (self.timestamp + duration_ticks) & 0xFFFF_FFFF
        self._is_talkspurt_start = True

    def _anchored(self, packet: PassedPacket) -> _Anchor:
        """Let a source go on where the last one ended."""
        self._end_forwarding()
        offsets = self._sequence - packet.sequence, self.timestamp - packet.timestamp
        return _Anchor(packet.source, *offsets, first=self._sequence)

    def _may_hold(self, anchor: _Anchor, packet: PassedPacket) -> bool:
        """Say whether a source goes on as it was; a jump would lose the far end, or its count of SRTP."""
        step = packet.sequence + anchor.sequence_offset - self._sequence
        ours = (packet.timestamp + anchor.timestamp_offset) & 0xFFFF_FFFF
        off = timestamp_distance(ours, self.timestamp)
        is_near = abs(step) <= _LONGEST_JUMP and abs(off) <= _FURTHEST_OFF_S * self.clock_hz
        return anchor.source == packet.source and is_near

    def _end_forwarding(self) -> None:
        """Go on in our own time, but not before the end of what was forwarded."""
        if self._anchor is None:
            return
        self._anchor = None
        if timestamp_distance(self._forwarded_until, self.timestamp) > 0:
            self.timestamp = self._forwarded_until

    def _packet(self, payload_type: int, timestamp: int, payload: bytes) -> bytes:
        marker, number = self._is_talkspurt_start, self._sequence & 0xFFFF
        self._sequence += 1
        self._count(payload)
        return RtpPacket(payload_type, number, timestamp, self.ssrc, payload, marker).serialise()

    def _count(self, payload: bytes) -> None:
        self.packets_sent += 1
        self.bytes_sent += len(payload)
