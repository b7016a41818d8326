"""RTCP of one stream: when reports go out, what comes back, and the figures for people (RFC 3550, 6)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.rtp.receiver import RtpReceiver
from linegram.rtp.rtcp import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    compact_ntp,
    ntp_time,
    parse_compound,
    round_trip_s,
    serialise_compound,
)
from linegram.rtp.sender import RtpSender

_INTERVAL_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """Figures of one stream since its start; `remote_*` and the round trip come from the peer's reports."""

    packets_received: int
    packets_sent: int
    bytes_received: int
    bytes_sent: int
    packets_lost: int
    packets_late: int
    packets_duplicate: int
    packets_reordered: int
    packets_malformed: int
    frames_concealed: int
    slips: int
    jitter_ms: float
    playout_delay_ms: float
    playout_target_ms: float
    round_trip_ms: float | None
    remote_loss_percent: float | None
    remote_jitter_ms: float | None

    @property
    def loss_percent(self) -> float:
        """The share of the peer's packets that never came."""
        sent = self.packets_received + self.packets_lost
        return 100.0 * self.packets_lost / sent if sent else 0.0


class StreamReports:
    """Keeps the RTCP timer and everything that reports say."""

    def __init__(
        self, sender: RtpSender, receiver: RtpReceiver, now: float, random: Callable[[], float]
    ) -> None:
        self._sender = sender
        self._receiver = receiver
        self._random = random
        self._due_at = now + _INTERVAL_S / 2 * (0.5 + random())
        self._sent_at_last_report = 0
        self.round_trip_ms: float | None = None
        self.remote_loss_percent: float | None = None
        self.remote_jitter_ms: float | None = None
        self.frames_concealed = 0
        self.slips = 0

    def receive(self, datagram: bytes, now: float) -> bool:
        """Take in one datagram; False when it is malformed."""
        try:
            packets = parse_compound(datagram)
        except RemoteProtocolError:
            self._receiver.malformed += 1
            return False
        for packet in packets:
            self._receive_packet(packet, now)
        return True

    def due(self, now: float) -> bytes | None:
        """Give the report when its time has come: every 2.5 to 7.5 s (section 6.2)."""
        if now < self._due_at:
            return None
        self._due_at = now + _INTERVAL_S * (0.5 + self._random())
        return serialise_compound((self._report(now), self._name()))

    def goodbye(self, now: float) -> bytes:
        """Give the report that ends the stream (section 6.6)."""
        return serialise_compound((self._report(now), self._name(), Goodbye((self._sender.ssrc,))))

    def statistics(self, now: float) -> StreamStatistics:
        """Gather the figures."""
        sender, receiver, buffer = self._sender, self._receiver, self._receiver.buffer
        return StreamStatistics(
            packets_received=receiver.packets_received,
            packets_sent=sender.packets_sent,
            bytes_received=receiver.bytes_received,
            bytes_sent=sender.bytes_sent,
            packets_lost=receiver.packets_lost,
            packets_late=buffer.late,
            packets_duplicate=buffer.duplicate,
            packets_reordered=buffer.reordered,
            packets_malformed=receiver.malformed,
            frames_concealed=self.frames_concealed,
            slips=self.slips,
            jitter_ms=receiver.jitter_ms,
            playout_delay_ms=buffer.delay_ms(now),
            playout_target_ms=buffer.target_ms,
            round_trip_ms=self.round_trip_ms,
            remote_loss_percent=self.remote_loss_percent,
            remote_jitter_ms=self.remote_jitter_ms,
        )

    def _report(self, now: float) -> RtcpPacket:
        reception = self._receiver.reception
        blocks = () if reception is None else (reception.report_block(now),)
        sender = self._sender
        if sender.packets_sent == self._sent_at_last_report:
            return ReceiverReport(sender.ssrc, blocks)
        self._sent_at_last_report = sender.packets_sent
        timestamp = sender.timestamp_at(now)
        packets, sent = sender.packets_sent & 0xFFFF_FFFF, sender.bytes_sent & 0xFFFF_FFFF
        return SenderReport(sender.ssrc, ntp_time(now), timestamp, packets, sent, blocks)

    def _name(self) -> SourceDescription:
        """Name the source by a random number of its own, which gives nothing away (RFC 7022)."""
        return SourceDescription.named(self._sender.ssrc, f"{self._sender.ssrc:08x}")

    def _receive_packet(self, packet: RtcpPacket, now: float) -> None:
        match packet:
            case SenderReport():
                reception = self._receiver.reception
                if reception is not None and reception.ssrc == packet.ssrc:
                    reception.sender_report_arrived(compact_ntp(packet.ntp), now)
                self._receive_blocks(packet.blocks, now)
            case ReceiverReport():
                self._receive_blocks(packet.blocks, now)
            case Goodbye():
                for ssrc in packet.ssrcs:
                    self._receiver.goodbye(ssrc)

    def _receive_blocks(self, blocks: tuple[ReportBlock, ...], now: float) -> None:
        for block in blocks:
            if block.ssrc != self._sender.ssrc:
                continue
            self.remote_loss_percent = block.fraction_lost * 100 / 256
            self.remote_jitter_ms = block.jitter_ticks * 1000 / self._sender.clock_hz
            trip = round_trip_s(block, now)
            if trip is not None:
                self.round_trip_ms = trip * 1000
