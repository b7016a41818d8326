"""What one stream tells about another, and what people are told in the end."""

from dataclasses import replace
from random import Random

import pytest

from linegram.rtp.extended_report import UNKNOWN, VoipMetrics
from linegram.rtp.jitter_buffer import JitterBuffer
from linegram.rtp.packet import RtpPacket
from linegram.rtp.receiver import RtpReceiver
from linegram.rtp.reports import StreamReports
from linegram.rtp.rtcp import (
    ExtendedReport,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    parse_compound,
)
from linegram.rtp.sender import RtpSender, SourceStart

OURS, THEIRS = 7, 8


class Stream:
    """One end at 8 000 Hz; `lose` numbers of the peer never come."""

    def __init__(self) -> None:
        self.sender = RtpSender(SourceStart(OURS, 0, 0), payload_type=8, clock_hz=8000)
        self.buffer = JitterBuffer(8000)
        self.receiver = RtpReceiver(self.buffer, audio_clocks_hz={8: 8000})
        self.reports = StreamReports(self.sender, self.receiver, 0.0, Random(4).random, codec="PCMA")
        self.now = 0.0
        self.sent: list[bytes] = []

    def run(self, packets: int, *, lose: range = range(0)) -> None:
        for _ in range(packets):
            number = round(self.now * 50)
            self.now += 0.02
            self.sender.audio(bytes(160), 160)
            if number not in lose:
                packet = RtpPacket(8, number & 0xFFFF, number * 160, THEIRS, bytes(160))
                self.receiver.receive(packet.serialise(), self.now)
            self.buffer.take(self.now)
            self.buffer.played(160)
            report = self.reports.due(self.now)
            if report is not None:
                self.sent.append(report)


def test_reports_name_their_source_and_the_last_one_says_goodbye() -> None:
    stream = Stream()
    stream.run(1000)
    assert 3 <= len(stream.sent) <= 9
    report, name = parse_compound(stream.sent[-1])
    assert isinstance(report, SenderReport)
    assert report.blocks[0].ssrc == THEIRS
    assert name == SourceDescription.named(OURS, "00000007")
    assert parse_compound(stream.reports.goodbye(stream.now) or b"")[-1] == Goodbye((OURS,))


def test_who_never_said_anything_says_no_goodbye() -> None:
    assert Stream().reports.goodbye(1.0) is None


def test_a_bad_stretch_shows_in_the_worst_interval_and_less_in_the_whole() -> None:
    stream = Stream()
    stream.run(3000, lose=range(1000, 1100))
    figures = stream.reports.statistics(stream.now)
    assert figures.packets_lost == 100
    assert figures.mos is not None
    assert figures.worst_mos is not None
    assert figures.worst_mos < figures.mos - 0.5
    assert figures.mos > 3.5


def test_what_the_peer_reports_is_told_and_foreign_blocks_are_not() -> None:
    stream = Stream()
    stream.run(100)
    about_others = ReportBlock(99, 255, 9, 0, 8000, 0, 0)
    about_us = ReportBlock(OURS, 128, 9, 0, 160, 0, 0)
    assert stream.reports.receive(ReceiverReport(THEIRS, (about_others, about_us)).serialise(), stream.now)
    figures = stream.reports.statistics(stream.now)
    assert (figures.remote_loss_percent, figures.remote_jitter_ms) == (50.0, 20.0)
    stream.reports.receive(ReceiverReport(THEIRS, (replace(about_us, fraction_lost=0),)).serialise(), 0.0)
    later = stream.reports.statistics(stream.now)
    assert (later.remote_loss_percent, later.remote_loss_mean_percent) == (0.0, 25.0)
    assert figures.round_trip_ms is None
    assert figures.remote_mos is not None
    assert figures.remote_mos < 2


def test_a_report_of_reduced_size_counts_and_garbage_is_counted() -> None:
    stream = Stream()
    stream.run(5)
    assert stream.reports.receive(Goodbye((THEIRS,)).serialise(), stream.now)
    assert stream.receiver.reception is None
    assert not stream.reports.receive(b"\x80garbage", stream.now)
    assert stream.reports.statistics(stream.now).packets_malformed == 1


def test_who_tells_voip_metrics_is_believed_and_told_ours() -> None:
    stream = Stream()
    stream.run(400, lose=range(20, 30))
    theirs = VoipMetrics(OURS, conversation_mos_tenths=37)
    stream.reports.receive(ExtendedReport(THEIRS, (theirs,)).serialise(), stream.now)
    assert stream.reports.statistics(stream.now).remote_mos == 3.7
    stream.sent.clear()
    stream.run(500)
    *_, extended = parse_compound(stream.sent[0])
    assert isinstance(extended, ExtendedReport)
    (metrics,) = extended.blocks
    assert isinstance(metrics, VoipMetrics)
    assert (metrics.ssrc, metrics.r_factor) == (THEIRS, UNKNOWN)
    assert metrics.loss_rate > 0
    assert 30 <= metrics.conversation_mos_tenths <= 44


def test_figures_of_a_stream_that_nobody_answers_are_empty_not_wrong() -> None:
    figures = Stream().reports.statistics(2.0)
    assert (figures.mos, figures.worst_mos, figures.remote_mos, figures.loss_percent) == (
        None,
        None,
        None,
        0.0,
    )
    assert figures.duration_s == pytest.approx(2.0)
