"""The receiving half of an RTP stream: one source at a time, its order, jitter and digits. Knows no codec."""

from collections.abc import Mapping
from typing import Final, Protocol

from linegram.errors import RemoteProtocolError
from linegram.rtp.jitter_buffer import JitterBuffer
from linegram.rtp.packet import RtpPacket, parse_rtp
from linegram.rtp.reception import Reception
from linegram.rtp.telephone_event import DigitReceiver

COMFORT_NOISE: Final = 13
_OLD_COMFORT_NOISE: Final = 19


class PacketStore(Protocol):
    """Where packets of audio go."""

    def put(self, sequence: int, packet: RtpPacket, now: float) -> None:
        """Store one audio packet under its extended sequence number."""

    def pass_over(self, sequence: int) -> None:
        """Note that a packet of this number came but holds no audio."""


class RtpReceiver:
    """Sorts packets into the jitter buffer, the digits, and what is passed over."""

    def __init__(
        self,
        buffer: JitterBuffer,
        *,
        audio_clocks_hz: Mapping[int, int],
        telephone_event_type: int | None = None,
    ) -> None:
        self.buffer = buffer
        self.passed: PacketStore | None = None
        self.reception: Reception | None = None
        self.packets_received = 0
        self.bytes_received = 0
        self.unknown = 0
        self.malformed = 0
        self.last_packet_at: float | None = None
        self.digits: list[str] = []
        self._audio_clocks_hz = audio_clocks_hz
        self._clock_hz = buffer.clock_hz
        self._telephone_event_type = telephone_event_type
        self._digit_receiver = DigitReceiver()
        self._candidate: int | None = None
        self._lost_with_earlier_sources = 0
        self._bursts_of_earlier_sources = 0

    def receive(self, datagram: bytes, now: float) -> bool:
        """Take in one datagram; False when it is no RTP packet or not (yet) of our source. Never raises."""
        try:
            packet = parse_rtp(datagram)
        except RemoteProtocolError:
            self.malformed += 1
            return False
        reception = self._reception_of(packet)
        if reception is None:
            return False
        sequence = reception.sequence.extend(packet.sequence)
        if sequence is None:
            return False
        self.packets_received += 1
        self.bytes_received += len(packet.payload)
        self.last_packet_at = now
        self._sort(packet, sequence, now)
        return True

    @property
    def jitter_ms(self) -> float:
        """The interarrival jitter of the current source (RFC 3550 appendix A.8)."""
        return 0.0 if self.reception is None else self.reception.jitter_ticks * 1000 / self._clock_hz

    @property
    def packets_lost(self) -> int:
        """How many packets never came, over all sources of this stream; never below zero."""
        current = max(0, self.reception.sequence.lost) if self.reception else 0
        return self._lost_with_earlier_sources + current

    @property
    def bursts(self) -> int:
        """How many times one or more packets in a row were missing."""
        current = self.reception.sequence.gaps if self.reception else 0
        return self._bursts_of_earlier_sources + current

    def goodbye(self, ssrc: int) -> None:
        """Note that a source left, so that the next one is believed at once."""
        if self.reception is not None and self.reception.ssrc == ssrc:
            self._end_source()

    def _sort(self, packet: RtpPacket, sequence: int, now: float) -> None:
        clock_hz = self._audio_clocks_hz.get(packet.payload_type)
        if clock_hz is not None and packet.payload:
            if clock_hz != self._clock_hz:
                self._change_clock(clock_hz)
            if self.reception is not None:
                self.reception.arrived(packet.timestamp, now * clock_hz)
            (self.passed or self.buffer).put(sequence, packet, now)
            return
        (self.passed or self.buffer).pass_over(sequence)
        if self.reception is not None:
            self.reception.forget_timing()
        if packet.payload_type == self._telephone_event_type:
            self._take_digit(packet)
        elif packet.payload and packet.payload_type not in (COMFORT_NOISE, _OLD_COMFORT_NOISE):
            self.unknown += 1

    def _change_clock(self, clock_hz: int) -> None:
        """Go on with a codec of another RTP clock (RFC 7160): its timestamps compare with no earlier one."""
        self._clock_hz = clock_hz
        self.buffer.reset(clock_hz)
        if self.reception is not None:
            self.reception.restart_timing()

    def _take_digit(self, packet: RtpPacket) -> None:
        try:
            digit = self._digit_receiver.receive(packet)
        except RemoteProtocolError:
            self.malformed += 1
            return
        if digit is not None:
            self.digits.append(digit)

    def _reception_of(self, packet: RtpPacket) -> Reception | None:
        """Give the statistics of the packet's source; a new source replaces the old by two packets running.

        So one stray packet ends nothing, and two sources that are mixed on one port cannot take turns.
        """
        reception = self.reception
        if reception is not None and reception.ssrc == packet.ssrc:
            self._candidate = None
            return reception
        if reception is not None and self._candidate != packet.ssrc:
            self._candidate = packet.ssrc
            return None
        self._end_source()
        self._candidate = None
        self._digit_receiver = DigitReceiver()
        self.buffer.reset()
        self.reception = Reception(packet.ssrc, packet.sequence)
        return self.reception

    def _end_source(self) -> None:
        """Keep what was counted of a source that is over."""
        self._lost_with_earlier_sources = self.packets_lost
        self._bursts_of_earlier_sources = self.bursts
        self.reception = None
