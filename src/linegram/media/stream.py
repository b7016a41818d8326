"""One RTP stream with its codecs: packets in and frames out, frames in and packets out.

Pure: time and randomness are passed in, datagrams go in and come out as bytes.
Sockets, source addresses and the 20 ms tick belong to the media host, which
in each tick hands in what has arrived, pulls one frame and pushes one frame.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from linegram.audio.codec import Codec, open_codec
from linegram.audio.frame import FRAME_MS, PcmFrame
from linegram.audio.opus import LEAST_LOSS_PERCENT, OpusCodec
from linegram.audio.opus_toc import read_opus_form
from linegram.playout.player import Player
from linegram.rtp.jitter_buffer import JitterBuffer
from linegram.rtp.loss_forecast import LossForecast
from linegram.rtp.packet import PassedPacket
from linegram.rtp.pass_through import PassThrough
from linegram.rtp.receiver import RtpReceiver
from linegram.rtp.reports import StreamReports, StreamStatistics
from linegram.rtp.sender import RtpSender, SourceStart


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What offer and answer agreed for one stream.

    `codecs` maps every negotiated audio payload type to its name in SDP; `send_type` is the one we send.
    `opus_hz` is the real bandwidth behind an Opus stream. `ptime_ms` is how much audio goes into each
    packet that we send: 20, 40 or 60; the peer may send anything from 10 to 60 ms.
    """

    codecs: Mapping[int, str]
    send_type: int
    telephone_event_type: int | None = None
    ptime_ms: int = FRAME_MS
    opus_hz: int = 48_000
    min_playout_ms: int = 20
    first_playout_ms: int = 40
    max_playout_ms: int = 240

    def __post_init__(self) -> None:
        if self.send_type not in self.codecs:
            raise ValueError("the payload type to send is not among the negotiated ones")
        if self.ptime_ms not in (20, 40, 60):
            raise ValueError("packets hold 20, 40 or 60 ms")


class RtpStream:
    """Joins a codec with both halves of an RTP stream.

    Frames are 20 ms at `sample_hz`, the rate of the codec that we send.
    """

    def __init__(self, settings: StreamSettings, now: float, random: Callable[[], float]) -> None:
        """Open the stream; `random` gives numbers from 0.0 up to 1.0, as `random.Random.random` does.

        Raises ValueError for a codec that is not offered, UnavailableError when its library does not load.
        """
        self._settings = settings
        self._codecs = {
            payload_type: open_codec(name, sample_hz=settings.opus_hz)
            for payload_type, name in settings.codecs.items()
        }
        codec = self._codecs[settings.send_type]
        self._frame_ticks = codec.clock_hz * FRAME_MS // 1000
        self._send_codec = codec
        self.sample_hz = codec.sample_hz
        self._outgoing: list[PcmFrame] = []
        self._receiver = _open_receiver(settings, self._codecs)
        self._player = Player(self._receiver, self._codecs, codec)
        self._sender = _open_sender(settings, codec.clock_hz, random)
        self._forecast = LossForecast(LEAST_LOSS_PERCENT)
        self._reports = StreamReports(self._sender, self._receiver, now, random, codec=codec.name)
        self._passing = PassThrough(self._receiver, self._sender, _opus_ticks, self._frame_ticks)
        self._opus_types = frozenset(
            number for number, one in self._codecs.items() if one.name == OpusCodec.name
        )
        self._has_other_codec = False

    # -- from the network

    def receive_rtp(self, datagram: bytes, now: float) -> bool:
        """Take in one RTP datagram; False when it is none of this stream's. Never raises."""
        return self._receiver.receive(datagram, now)

    def receive_rtcp(self, datagram: bytes, now: float) -> bool:
        """Take in one RTCP datagram; False when it is malformed. Never raises."""
        is_valid = self._reports.receive(datagram, now)
        if is_valid and self._reports.remote_loss_percent is not None:
            self._send_codec.expect_loss(self._forecast.reported(self._reports.remote_loss_percent))
        return is_valid

    def pull(self, now: float) -> PcmFrame:
        """Give the next 20 ms to hear; always a frame, concealed or silent where nothing came."""
        self._passing.stop()
        return self._player.pull(now)

    def take_digits(self) -> list[str]:
        """Give the digits that the peer pressed since the last time, each once."""
        digits = self._receiver.digits
        if digits:
            self._receiver.digits = []
        return digits

    # -- to the network

    def push(self, frame: PcmFrame | None, now: float) -> list[bytes]:
        """Give the packets to send for the next 20 ms; None lets the time pass unsent (hold, mute)."""
        ticks = self._frame_ticks
        self._sender.frame_begins_at = now
        if self._sender.is_sending_digits:
            return self._push_digit(frame, ticks)
        if frame is None:
            packets = self._flush()
            self._sender.skip(ticks)
            return packets
        if self._settings.ptime_ms == FRAME_MS:
            return [self._sender.audio(self._send_codec.encode(frame), ticks)]
        self._outgoing.append(frame)
        is_full = len(self._outgoing) * FRAME_MS >= self._settings.ptime_ms
        return self._flush() if is_full else []

    # -- unopened

    @property
    def passes_opus(self) -> bool:
        """Ready Opus packets can go in and out: we send Opus, and the peer has sent nothing else."""
        self._has_other_codec = self._has_other_codec or self._passing.has_other_type
        return self._settings.send_type in self._opus_types and not self._has_other_codec

    def pull_opus(self) -> list[PassedPacket]:
        """Give what came since the last time, in place of `pull`; at first what was about to be heard."""
        self._player.forget()
        return self._passing.take(self._opus_types)

    def push_opus(self, packets: Sequence[PassedPacket], now: float) -> list[bytes]:
        """Give the datagrams for ready packets, or of a digit, in place of `push`; 20 ms pass."""
        if self._sender.is_sending_digits:
            self._sender.frame_begins_at = now
            return self._push_digit(None, self._frame_ticks)
        return [*self._flush(), *self._passing.give(packets, now)]

    def press(self, digit: str, duration_ms: int = 160) -> None:
        """Send a digit as a telephone event, in place of audio.

        Raises LocalProtocolError when the peer did not agree to telephone events, ValueError for no digit.
        """
        self._sender.press(digit, duration_ms)

    def rtcp_to_send(self, now: float) -> bytes | None:
        """Give the RTCP datagram that is due, if any."""
        return self._reports.due(now)

    def goodbye(self, now: float) -> bytes | None:
        """Give the last RTCP datagram of this stream; None when nothing was ever said."""
        return self._reports.goodbye(now)

    # -- about it

    @property
    def codec_name(self) -> str:
        """The codec that we send."""
        return self._send_codec.name

    @property
    def last_packet_at(self) -> float | None:
        """When the last packet of our source came; for the no-media time-out."""
        return self._receiver.last_packet_at

    def statistics(self, now: float) -> StreamStatistics:
        """Give the figures of the stream so far."""
        self._reports.frames_concealed, self._reports.slips = (
            self._player.frames_concealed,
            self._player.slips,
        )
        self._reports.packets_passed = self._passing.packets_passed
        self._reports.duplicates_passing = self._passing.duplicates
        return self._reports.statistics(now)

    def close(self) -> None:
        """Release the codecs. Safe to repeat."""
        for codec in self._codecs.values():
            codec.close()

    # -- inside

    def _push_digit(self, frame: PcmFrame | None, ticks: int) -> list[bytes]:
        packets = self._flush()
        event = self._sender.event(ticks)
        if event is not None:
            return [*packets, event]
        if frame is None:
            self._sender.skip(ticks)
            return packets
        return [*packets, self._sender.audio(self._send_codec.encode(frame), ticks)]

    def _flush(self) -> list[bytes]:
        """Send what was collected for a packet longer than one frame."""
        if not self._outgoing:
            return []
        count = len(self._outgoing)
        payload = self._send_codec.encode(np.concatenate(self._outgoing))
        self._outgoing.clear()
        return [self._sender.audio(payload, count * self._frame_ticks)]


def _opus_ticks(payload: bytes) -> int:
    return read_opus_form(payload).duration_ticks


def _open_receiver(settings: StreamSettings, codecs: Mapping[int, Codec]) -> RtpReceiver:
    buffer = JitterBuffer(
        codecs[settings.send_type].clock_hz,
        min_ms=settings.min_playout_ms,
        max_ms=settings.max_playout_ms,
        first_ms=settings.first_playout_ms,
    )
    return RtpReceiver(
        buffer,
        audio_clocks_hz={payload_type: codec.clock_hz for payload_type, codec in codecs.items()},
        telephone_event_type=settings.telephone_event_type,
    )


def _open_sender(settings: StreamSettings, clock_hz: int, random: Callable[[], float]) -> RtpSender:
    """Begin everywhere at random (RFC 3550 section 5.1)."""
    ssrc, sequence, timestamp = (int(random() * size) for size in (1 << 32, 1 << 16, 1 << 32))
    return RtpSender(
        SourceStart(ssrc, sequence, timestamp),
        payload_type=settings.send_type,
        clock_hz=clock_hz,
        telephone_event_type=settings.telephone_event_type,
    )
