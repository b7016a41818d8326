"""Reception statistics of one source: what goes into a report block (RFC 3550 appendix A.3, A.8)."""

from linegram.rtp.rtcp import ReportBlock
from linegram.rtp.sequence import SequenceTracker, timestamp_distance


class Reception:
    """Counts and jitter of one synchronisation source."""

    def __init__(self, ssrc: int, first_sequence: int) -> None:
        self.ssrc = ssrc
        self.sequence = SequenceTracker(first_sequence)
        self.jitter_ticks = 0.0
        self._last_arrival_ticks = 0.0
        self._last_timestamp: int | None = None
        self._expected_before = 0
        self._received_before = 0
        self._last_report_ntp = 0
        self._last_report_at = 0.0

    def arrived(self, timestamp: int, arrival_ticks: float) -> None:
        """Take one audio packet into the jitter (A.8); `arrival_ticks` is its arrival in RTP clock ticks."""
        if self._last_timestamp is not None:
            spacing = timestamp_distance(timestamp, self._last_timestamp)
            difference = abs(arrival_ticks - self._last_arrival_ticks - spacing)
            self.jitter_ticks += (difference - self.jitter_ticks) / 16.0
        self._last_timestamp = timestamp
        self._last_arrival_ticks = arrival_ticks

    def forget_timing(self) -> None:
        """Leave the next interval out of the jitter: the source paused or its clock jumped."""
        self._last_timestamp = None

    def restart_timing(self) -> None:
        """Forget the jitter: it was counted in ticks of another clock."""
        self.jitter_ticks = 0.0
        self._last_timestamp = None

    def sender_report_arrived(self, compact_ntp: int, now: float) -> None:
        """Remember a sender report, for the peer's round trip (LSR and DLSR)."""
        self._last_report_ntp = compact_ntp
        self._last_report_at = now

    def report_block(self, now: float) -> ReportBlock:
        """Make the block for the next report and begin a new interval."""
        tracker = self.sequence
        expected = tracker.expected - self._expected_before
        lost = expected - (tracker.received - self._received_before)
        self._expected_before = tracker.expected
        self._received_before = tracker.received
        delay = int((now - self._last_report_at) * 65_536) if self._last_report_ntp else 0
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=max(0, min(255, (lost << 8) // expected)) if expected > 0 else 0,
            packets_lost=max(-0x80_0000, min(0x7F_FFFF, tracker.lost)),
            highest_sequence=tracker.highest & 0xFFFF_FFFF,
            jitter_ticks=int(self.jitter_ticks) & 0xFFFF_FFFF,
            last_report_ntp=self._last_report_ntp,
            delay_since_last_report=max(0, min(0xFFFF_FFFF, delay)),
        )
