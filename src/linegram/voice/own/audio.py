"""The sound of a leg: frames to Opus in RTP and back, and the RTCP beside it. Pure."""

from collections.abc import Callable
from typing import Final

from linegram.audio.frame import FRAME_MS, PcmFrame
from linegram.audio.opus import OpusCodec
from linegram.errors import RemoteProtocolError
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
    serialise_compound,
)
from linegram.rtp.sender import RtpSender, SourceStart
from linegram.voice.own.negotiation import Stream
from linegram.voice.own.playout import Playout

_COMPLEXITY: Final = 0
"""Telephone speech gains little from more; the CPU of many calls is here."""

_REPORT_S: Final = 5.0
_LEAST_LOSS_PERCENT: Final = 5
"""From here on Opus sends redundancy along: mobile networks lose before they report it."""


class VoiceAudio:
    """Both directions; nothing is sent or heard before both ends have agreed on a stream."""

    def __init__(self, sample_hz: int, ssrc: int, random: Callable[[], float], now: float) -> None:
        """Prepare for frames at `sample_hz`; `random` gives numbers from 0.0 up to 1.0."""
        self._codec = OpusCodec(sample_hz, complexity=_COMPLEXITY, loss_percent=_LEAST_LOSS_PERCENT)
        self._frame_ticks = self._codec.clock_hz * FRAME_MS // 1000
        self._random = random
        start = SourceStart(ssrc, int(random() * 0x8000), int(random() * (1 << 32)))
        self._sender = RtpSender(start, payload_type=0, clock_hz=self._codec.clock_hz)
        self._playout = Playout(self._codec)
        self._outgoing: Stream | None = None
        self._incoming: Stream | None = None
        self._report_at = now + _REPORT_S * random()
        self._sent_at_last_report = 0
        self.malformed = 0

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
        """Give the RTP packet of the next 20 ms, None while the far end does not want it."""
        self._sender.frame_begins_at = now
        if self._outgoing is None:
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
        return self._playout.pull(now)

    def receive_rtcp(self, compound: bytes, now: float) -> None:
        """Take in an RTCP packet: the far end's losses steer our redundancy."""
        try:
            packets = parse_compound(compound)
        except RemoteProtocolError:
            self.malformed += 1
            return
        for packet in packets:
            if isinstance(packet, SenderReport | ReceiverReport):
                self._take_report(packet, now)

    def rtcp_due(self, now: float) -> bytes | None:
        """Give the report when its time has come: every 2.5 to 7.5 s (RFC 3550 section 6.2)."""
        if now < self._report_at:
            return None
        self._report_at = now + _REPORT_S * (0.5 + self._random())
        return serialise_compound((self._report(now), self._name()))

    def goodbye(self, now: float) -> bytes:
        """Give the last report (RFC 3550 section 6.6)."""
        return serialise_compound((self._report(now), self._name(), Goodbye((self._sender.ssrc,))))

    def close(self) -> None:
        """Free the codec. Safe to repeat."""
        self._codec.close()

    def _report(self, now: float) -> RtcpPacket:
        reception, sender = self._playout.receiver.reception, self._sender
        blocks: tuple[ReportBlock, ...] = () if reception is None else (reception.report_block(now),)
        if sender.packets_sent == self._sent_at_last_report:
            return ReceiverReport(sender.ssrc, blocks)
        self._sent_at_last_report = sender.packets_sent
        packets, size = sender.packets_sent & 0xFFFF_FFFF, sender.bytes_sent & 0xFFFF_FFFF
        return SenderReport(sender.ssrc, ntp_time(now), sender.timestamp_at(now), packets, size, blocks)

    def _name(self) -> SourceDescription:
        return SourceDescription.named(self._sender.ssrc, f"{self._sender.ssrc:08x}")

    def _take_report(self, packet: SenderReport | ReceiverReport, now: float) -> None:
        reception = self._playout.receiver.reception
        if isinstance(packet, SenderReport) and reception is not None and reception.ssrc == packet.ssrc:
            reception.sender_report_arrived(compact_ntp(packet.ntp), now)
        for block in packet.blocks:
            if block.ssrc == self._sender.ssrc:
                lost_percent = round(block.fraction_lost * 100 / 256)
                self._codec.expect_loss(max(_LEAST_LOSS_PERCENT, lost_percent))
