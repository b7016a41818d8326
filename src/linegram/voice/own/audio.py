"""The sound of a leg: frames to Opus in RTP and back, and the RTCP beside it. Pure."""

from collections.abc import Callable, Sequence

from linegram.audio.frame import FRAME_MS, PcmFrame
from linegram.audio.opus import LEAST_LOSS_PERCENT, OpusCodec
from linegram.audio.opus_toc import read_opus_form
from linegram.link.figures import LegFigures
from linegram.rtp.loss_forecast import LossForecast
from linegram.rtp.packet import PassedPacket
from linegram.rtp.pass_through import PassThrough
from linegram.rtp.reports import StreamReports
from linegram.rtp.sender import RtpSender, SourceStart
from linegram.voice.figures import leg_figures
from linegram.voice.own.negotiation import Stream
from linegram.voice.own.playout import Playout


class VoiceAudio:
    """Both directions; nothing is sent or heard before both ends have agreed on a stream."""

    def __init__(self, sample_hz: int, ssrc: int, random: Callable[[], float], now: float) -> None:
        """Prepare for frames at `sample_hz`; `random` gives numbers from 0.0 up to 1.0."""
        self._codec = OpusCodec(sample_hz)
        self._frame_ticks = self._codec.clock_hz * FRAME_MS // 1000
        start = SourceStart(ssrc, int(random() * 0x8000), int(random() * (1 << 32)))
        self._sender = RtpSender(start, payload_type=0, clock_hz=self._codec.clock_hz)
        self._playout = Playout(self._codec)
        self._outgoing: Stream | None = None
        self._incoming: Stream | None = None
        receiver = self._playout.receiver
        self._forecast = LossForecast(LEAST_LOSS_PERCENT)
        self._reports = StreamReports(self._sender, receiver, now, random, codec=self._codec.name)
        self._passing = PassThrough(receiver, self._sender, _opus_ticks, self._frame_ticks)
        self.is_muted = False

    @property
    def malformed(self) -> int:
        """How many packets could not be read."""
        return self._playout.receiver.malformed

    @property
    def packets_heard(self) -> int:
        """How many packets of agreed streams have come."""
        return self._playout.receiver.packets_received

    def agree(self, outgoing: Stream | None, incoming: Stream | None) -> None:
        """Send and hear what both ends have agreed on, also when it changes in the call."""
        if outgoing is not None:
            self._sender.payload_type = outgoing.payload_type
        self._outgoing = outgoing
        if incoming == self._incoming:
            return
        if self._incoming is not None:
            self._playout.receiver.goodbye(self._incoming.ssrc)
        if incoming is not None:
            self._playout.expect(incoming.payload_type)
        self._incoming = incoming

    def push(self, frame: PcmFrame, now: float) -> bytes | None:
        """Give the RTP packet of the next 20 ms; None while muted, or while the far end does not want it."""
        self._sender.frame_begins_at = now
        if self._outgoing is None or self.is_muted:
            self._sender.skip(self._frame_ticks)
            return None
        return self._sender.audio(self._codec.encode(frame), self._frame_ticks)

    def receive(self, packet: bytes, now: float) -> None:
        """Take in an RTP packet; of another source than agreed it is dropped."""
        source = int.from_bytes(packet[8:12], "big")
        if self._incoming is not None and source == self._incoming.ssrc:
            self._playout.receiver.receive(packet, now)

    def pull(self, now: float) -> PcmFrame:
        """Give the next 20 ms heard."""
        self._passing.stop()
        return self._playout.pull(now)

    @property
    def passes_opus(self) -> bool:
        """Both ends have agreed: ready packets can go in and out."""
        return self._outgoing is not None and self._incoming is not None

    def push_opus(self, packets: Sequence[PassedPacket], now: float) -> list[bytes]:
        """Give the RTP packets for ready ones, in place of `push`; 20 ms pass."""
        if self._outgoing is None or self.is_muted:
            self._sender.skip(self._frame_ticks)
            return []
        return self._passing.give(packets, now)

    def pull_opus(self) -> list[PassedPacket]:
        """Give what came since the last time, in place of `pull`; at first what was about to be heard."""
        if self._incoming is None:
            return []
        self._playout.forget_rest()
        return self._passing.take(frozenset((self._incoming.payload_type,)))

    def receive_rtcp(self, compound: bytes, now: float) -> None:
        """Take in an RTCP packet: the far end's losses steer our redundancy."""
        is_valid = self._reports.receive(compound, now)
        if is_valid and self._reports.remote_loss_percent is not None:
            self._codec.expect_loss(self._forecast.reported(self._reports.remote_loss_percent))

    def rtcp_due(self, now: float) -> bytes | None:
        """Give the report when its time has come (RFC 3550 section 6.2)."""
        return self._reports.due(now)

    def goodbye(self, now: float) -> bytes | None:
        """Give the last report (RFC 3550 section 6.6); None when nothing was ever said."""
        return self._reports.goodbye(now)

    def statistics(self, now: float) -> LegFigures:
        """Give the figures so far."""
        reports = self._reports
        reports.frames_concealed, reports.slips = self._playout.frames_concealed, self._playout.slips
        reports.packets_passed = self._passing.packets_passed
        reports.duplicates_passing = self._passing.duplicates
        return leg_figures(reports.statistics(now), self._codec.name)

    def close(self) -> None:
        """Free the codec. Safe to repeat."""
        self._codec.close()


def _opus_ticks(payload: bytes) -> int:
    return read_opus_form(payload).duration_ticks
