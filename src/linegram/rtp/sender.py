"""The sending half of an RTP stream: numbers, timestamps, marker, digits, counts. Knows no codec."""

from dataclasses import dataclass

from linegram.errors import LocalProtocolError
from linegram.rtp.packet import RtpPacket
from linegram.rtp.telephone_event import DigitSender


@dataclass(frozen=True, slots=True)
class SourceStart:
    """Where a source begins; all of it random (RFC 3550 section 5.1), so it is passed in."""

    ssrc: int
    sequence: int
    timestamp: int


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
        packet = self._packet(self.payload_type, self.timestamp, payload)
        self.skip(duration_ticks)
        self._is_talkspurt_start = False
        return packet

    def event(self, duration_ticks: int) -> bytes | None:
        """Make the packet of a digit that is due in place of this frame's audio, if any."""
        report = self._digits.next_report(self.timestamp, duration_ticks)
        if report is None or self._telephone_event_type is None:
            return None
        self._is_talkspurt_start = report.is_first
        packet = self._packet(self._telephone_event_type, report.timestamp, report.payload)
        self.skip(duration_ticks)
        return packet

    def skip(self, duration_ticks: int) -> None:
        """Let time pass without a packet; the next one is marked as the start of a talkspurt."""
        self.timestamp = (self.timestamp + duration_ticks) & 0xFFFF_FFFF
        self._is_talkspurt_start = True

    def _packet(self, payload_type: int, timestamp: int, payload: bytes) -> bytes:
        marker = self._is_talkspurt_start
        packet = RtpPacket(payload_type, self._sequence, timestamp, self.ssrc, payload, marker).serialise()
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.packets_sent += 1
        self.bytes_sent += len(payload)
        return packet
