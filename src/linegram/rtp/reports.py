"""RTCP of one stream: when reports go out, what comes back, and the figures for people (RFC 3550, 6)."""

from collections.abc import Callable
from dataclasses import dataclass

from linegram.errors import RemoteProtocolError
from linegram.rtp.extended_report import UNKNOWN, VoipMetrics
from linegram.rtp.quality import Counts, Impairments, QualityMeter, mos, rate
from linegram.rtp.receiver import RtpReceiver
from linegram.rtp.report_timer import ReportTimer
from linegram.rtp.rtcp import (
    ExtendedReport,
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


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """Figures of one stream since its start; `remote_*` and the round trip come from the peer's reports.

    `mos` rates what we hear, `remote_mos` what the peer says it hears.
    """

    packets_received: int
    packets_sent: int
    bytes_received: int
    bytes_sent: int
    packets_lost: int
    packets_late: int
    packets_duplicate: int
    packets_reordered: int
    packets_malformed: int
    packets_passed: int
    frames_concealed: int
    slips: int
    duration_s: float
    jitter_ms: float
    playout_delay_ms: float
    playout_mean_ms: float
    playout_target_ms: float
    round_trip_ms: float | None
    remote_loss_percent: float | None
    remote_loss_mean_percent: float | None
    remote_jitter_ms: float | None
    mos: float | None
    worst_mos: float | None
    remote_mos: float | None

    @property
    def loss_percent(self) -> float:
        """The share of the peer's packets that never came."""
        sent = self.packets_received + self.packets_lost
        return 100.0 * self.packets_lost / sent if sent else 0.0


class StreamReports:
    """Keeps the RTCP timer and everything that reports say."""

    def __init__(
        self,
        sender: RtpSender,
        receiver: RtpReceiver,
        now: float,
        random: Callable[[], float],
        *,
        codec: str,
    ) -> None:
        self._sender = sender
        self._receiver = receiver
        self._codec = codec
        self._began_at = now
        self._timer = ReportTimer(now, random)
        self._meter = QualityMeter()
        self._sent_at_last_report = 0
        self._has_reported = False
        self._playout_sum_ms = 0.0
        self._playout_samples = 0
        self._remote_loss_sum = 0.0
        self._remote_reports = 0
        self._remote_metrics: VoipMetrics | None = None
        self.round_trip_ms: float | None = None
        self.remote_loss_percent: float | None = None
        self.remote_jitter_ms: float | None = None
        self.frames_concealed = 0
        self.slips = 0
        self.packets_passed = 0
        self.duplicates_passing = 0

    def receive(self, datagram: bytes, now: float) -> bool:
        """Take in one datagram, compound or of reduced size (RFC 5506); False when it is malformed."""
        try:
            packets = parse_compound(datagram)
        except RemoteProtocolError:
            self._receiver.malformed += 1
            return False
        self._timer.received(len(datagram))
        for packet in packets:
            self._receive_packet(packet, now)
        return True

    def due(self, now: float) -> bytes | None:
        """Give the report when its time has come (sections 6.2, 6.3), and end an interval of the figures."""
        reception = self._receiver.reception
        we_send = self._sender.packets_sent > self._sent_at_last_report
        senders = we_send + (reception is not None)
        members = 1 if reception is None and not self._remote_reports else 2
        if not self._timer.is_due(now, members=members, senders=senders, we_send=we_send):
            return None
        self._end_interval(now)
        report = serialise_compound((self._report(now), self._name(), *self._extended(now)))
        self._timer.sent(len(report), now)
        self._has_reported = True
        return report

    def goodbye(self, now: float) -> bytes | None:
        """Give the report that ends the stream (section 6.6); None from who never said anything (6.3.7)."""
        if not self._has_reported and not self._sender.packets_sent:
            return None
        return serialise_compound((self._report(now), self._name(), Goodbye((self._sender.ssrc,))))

    def statistics(self, now: float) -> StreamStatistics:
        """Gather the figures."""
        sender, receiver, buffer = self._sender, self._receiver, self._receiver.buffer
        playout_mean_ms = self._playout_mean_ms(now)
        quality = rate(self._codec, self._counts(), self._one_way_ms(playout_mean_ms))
        return StreamStatistics(
            packets_received=receiver.packets_received,
            packets_sent=sender.packets_sent,
            bytes_received=receiver.bytes_received,
            bytes_sent=sender.bytes_sent,
            packets_lost=receiver.packets_lost,
            packets_late=buffer.late,
            packets_duplicate=buffer.duplicate + self.duplicates_passing,
            packets_reordered=buffer.reordered,
            packets_malformed=receiver.malformed,
            packets_passed=self.packets_passed,
            frames_concealed=self.frames_concealed,
            slips=self.slips,
            duration_s=now - self._began_at,
            jitter_ms=receiver.jitter_ms,
            playout_delay_ms=buffer.delay_ms(now),
            playout_mean_ms=playout_mean_ms,
            playout_target_ms=buffer.target_ms,
            round_trip_ms=self.round_trip_ms,
            remote_loss_percent=self.remote_loss_percent,
            remote_loss_mean_percent=self._remote_loss_mean_percent(),
            remote_jitter_ms=self.remote_jitter_ms,
            mos=quality,
            worst_mos=self._meter.worst_mos if self._meter.worst_mos is not None else quality,
            remote_mos=self._remote_mos(),
        )

    def _counts(self) -> Counts:
        receiver = self._receiver
        late = receiver.buffer.late
        expected = receiver.packets_received + receiver.packets_lost
        return Counts(expected, receiver.packets_lost + late, receiver.bursts + late)

    def _end_interval(self, now: float) -> None:
        playout_ms = self._receiver.buffer.delay_ms(now)
        if playout_ms > 0:
            self._playout_sum_ms += playout_ms
            self._playout_samples += 1
        self._meter.end_interval(self._codec, self._counts(), self._one_way_ms(playout_ms))

    def _playout_mean_ms(self, now: float) -> float:
        if not self._playout_samples:
            return self._receiver.buffer.delay_ms(now)
        return self._playout_sum_ms / self._playout_samples

    def _one_way_ms(self, playout_ms: float) -> float:
        """Half of the round trip, and what our own playout adds."""
        return (self.round_trip_ms or 0.0) / 2 + playout_ms

    def _remote_loss_mean_percent(self) -> float | None:
        return self._remote_loss_sum / self._remote_reports if self._remote_reports else None

    def _remote_mos(self) -> float | None:
        """Take the peer's own opinion, else rate its mean loss; its playout is taken for twice its jitter."""
        metrics = self._remote_metrics
        if metrics is not None and metrics.conversation_mos_tenths != UNKNOWN:
            return min(5.0, metrics.conversation_mos_tenths / 10)
        loss_percent = self._remote_loss_mean_percent()
        if loss_percent is None:
            return None
        delay_ms = (self.round_trip_ms or 0.0) / 2 + 2 * (self.remote_jitter_ms or 0.0)
        return mos(Impairments(self._codec, delay_ms, loss_percent))

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

    def _extended(self, now: float) -> tuple[RtcpPacket, ...]:
        """Tell VoIP metrics to a peer that tells its own (RFC 3611 section 4.7)."""
        reception = self._receiver.reception
        if self._remote_metrics is None or reception is None:
            return ()
        counts, buffer = self._counts(), self._receiver.buffer
        opinion = rate(self._codec, counts, self._one_way_ms(buffer.delay_ms(now)))
        metrics = VoipMetrics(
            reception.ssrc,
            loss_rate=_share(self._receiver.packets_lost, counts.expected),
            discard_rate=_share(buffer.late, counts.expected),
            round_trip_ms=min(0xFFFF, int(self.round_trip_ms or 0)),
            conversation_mos_tenths=UNKNOWN if opinion is None else round(opinion * 10),
            playout_ms=int(buffer.target_ms),
            playout_maximum_ms=int(buffer.target_ms),
        )
        return (ExtendedReport(self._sender.ssrc, (metrics,)),)

    def _receive_packet(self, packet: RtcpPacket, now: float) -> None:
        match packet:
            case SenderReport():
                reception = self._receiver.reception
                if reception is not None and reception.ssrc == packet.ssrc:
                    reception.sender_report_arrived(compact_ntp(packet.ntp), now)
                self._receive_blocks(packet.blocks, now)
            case ReceiverReport():
                self._receive_blocks(packet.blocks, now)
            case ExtendedReport():
                self._receive_metrics(packet)
            case Goodbye():
                for ssrc in packet.ssrcs:
                    self._receiver.goodbye(ssrc)

    def _receive_metrics(self, packet: ExtendedReport) -> None:
        for block in packet.blocks:
            if isinstance(block, VoipMetrics) and block.ssrc == self._sender.ssrc:
                self._remote_metrics = block

    def _receive_blocks(self, blocks: tuple[ReportBlock, ...], now: float) -> None:
        for block in blocks:
            if block.ssrc != self._sender.ssrc:
                continue
            self.remote_loss_percent = block.fraction_lost * 100 / 256
            self.remote_jitter_ms = block.jitter_ticks * 1000 / self._sender.clock_hz
            self._remote_loss_sum += self.remote_loss_percent
            self._remote_reports += 1
            trip = round_trip_s(block, now)
            if trip is not None:
                self.round_trip_ms = trip * 1000


def _share(part: int, whole: int) -> int:
    """Write a share in 256ths, as reports carry it."""
    return min(255, 256 * part // whole) if whole > 0 else 0
