"""One PBX leg inside a media host: its sockets, its RTP stream, where the peer is, whether it still sends."""

import ipaddress
import random
from collections.abc import Iterator, Sequence
from typing import Final

import structlog

from linegram.audio.frame import NARROWBAND_HZ, PcmFrame
from linegram.audio.keypad_detector import KeypadDetector
from linegram.audio.resample import Resampler
from linegram.errors import LocalProtocolError, RemoteProtocolError, UnavailableError
from linegram.link.events import DigitReceived
from linegram.link.figures import LegFigures
from linegram.media.control import Direction, HostSettings, MediaSilent, RemoteMedia, SrtpMedia
from linegram.media.keypad_sound import KeypadSound
from linegram.media.latch import Latch
from linegram.media.opus_splitter import OpusSplitter
from linegram.media.sockets import MediaSockets
from linegram.media.stream import RtpStream, StreamSettings
from linegram.media.watch import MediaWatch
from linegram.rtp.packet import PassedPacket, is_rtcp
from linegram.rtp.srtp import SUITES, Srtp, SrtpKeys
from linegram.units import LegId
from linegram.voice.figures import leg_figures

log = structlog.get_logger()

_RTCP_EVERY_TICKS: Final = 10
_PTIMES_MS: Final = (20, 40, 60)


class PbxLeg:
    """Moves one leg's audio between its sockets and 20 ms frames, at whatever rate the call works."""

    def __init__(self, leg_id: LegId, sockets: MediaSockets, settings: HostSettings) -> None:
        self.leg_id = leg_id
        self.sockets = sockets
        self.figures: LegFigures | None = None
        self._remote: RemoteMedia | None = None
        self._settings: StreamSettings | None = None
        self._stream: RtpStream | None = None
        self._rtp = Latch()
        self._rtcp = Latch()
        self._watch = MediaWatch(settings.first_media_limit_s, settings.media_limit_s)
        self._inwards = Resampler(NARROWBAND_HZ, NARROWBAND_HZ)
        self._outwards = Resampler(NARROWBAND_HZ, NARROWBAND_HZ)
        self._srtp_terms: SrtpMedia | None = None
        self._srtp: Srtp | None = None
        self._keypad = KeypadSound()
        self._detector: KeypadDetector | None = None
        self._heard_keys: list[str] = []
        self._splitter = OpusSplitter(_PTIMES_MS[0])
        self._ticks = 0

    @property
    def sample_hz(self) -> int | None:
        """The rate of the codec that we send; None before the leg is connected."""
        return self._stream.sample_hz if self._stream is not None else None

    @property
    def codec(self) -> str:
        """The codec we send, empty before the leg is connected."""
        return self._stream.codec_name if self._stream is not None else ""

    def playout_target_ms(self, now: float) -> float:
        """The delay that the jitter buffer aims at; zero before the leg is connected."""
        return self._stream.statistics(now).playout_target_ms if self._stream is not None else 0.0

    def connect(self, remote: RemoteMedia, now: float) -> None:
        """Follow an agreement; the stream goes on when only its address or direction changed."""
        if not _is_literal(remote.ip):
            log.warning("address_refused", leg_id=self.leg_id, reason="not a literal IP address")
            return
        settings = _stream_settings(remote)
        if settings != self._settings:
            self._replace_stream(settings, now)
        if self._remote is None or self._remote.ptime_ms != remote.ptime_ms:
            self._splitter = OpusSplitter(remote.ptime_ms)
        self._remote = remote
        self._protect(remote.srtp)
        self._rtp.agree((remote.ip, remote.port))
        self._rtcp.agree((remote.ip, remote.rtcp_port))
        self._listen_for_keys(is_wanted=remote.has_keypad_tones)
        if remote.direction.may_receive and not remote.is_early:
            self._watch.expect(now)
        else:
            self._watch.pause()

    def drain(self, now: float) -> None:
        """Take in all that has come since the last time."""
        stream = self._stream
        for datagram, source in self.sockets.received_rtp():
            if stream is None or not self._rtp.accepts(source):
                continue
            packet = self._opened(datagram)
            if is_rtcp(packet):
                stream.receive_rtcp(packet, now)
            elif packet and stream.receive_rtp(packet, now):
                self._watch.heard(now)
                if self._rtp.note_valid(source):
                    log.debug("rtp_latched", leg_id=self.leg_id, port=source[1])
        if self._ticks % _RTCP_EVERY_TICKS == 0:
            self._drain_rtcp(now)

    def pull(self, to_hz: int, now: float) -> PcmFrame | None:
        """Hear 20 ms at `to_hz`; None before the leg is connected.

        Pull in every tick, whether somebody listens or not: the jitter buffer must not fill.
        """
        stream = self._stream
        if stream is None:
            return None
        if (self._inwards.from_hz, self._inwards.to_hz) != (stream.sample_hz, to_hz):
            self._inwards = Resampler(stream.sample_hz, to_hz)
        frame = stream.pull(now)
        if self._detector is not None:
            self._heard_keys += self._detector.hear(frame)
        return self._inwards.convert(frame)

    def push(self, frame: PcmFrame, from_hz: int, now: float) -> None:
        """Say 20 ms, and the report that is due; on hold the time passes unsent."""
        self._ticks += 1
        if self._stream is None or self._remote is None:
            return
        to_hz = self._stream.sample_hz
        fitting = self._fitting(frame, from_hz, to_hz)
        if self._keypad.is_sounding and fitting is not None:
            fitting = self._keypad.frame(to_hz)
        self._send(self._stream.push(fitting, now), now)

    @property
    def passes_opus(self) -> bool:
        """Ready Opus packets can go in and out now, in place of frames."""
        stream, remote = self._stream, self._remote
        if stream is None or remote is None or remote.direction is not Direction.BOTH:
            return False
        has_keys = self._keypad.is_sounding or self._detector is not None
        is_splittable = not self._splitter.has_met_uncuttable
        return stream.passes_opus and is_splittable and not has_keys

    def pull_opus(self) -> Sequence[PassedPacket]:
        """Take the packets that came, unopened."""
        return self._stream.pull_opus() if self._stream is not None else ()

    def push_opus(self, packets: Sequence[PassedPacket], now: float) -> None:
        """Say ready packets, and the report that is due; 20 ms pass."""
        self._ticks += 1
        if self._stream is not None:
            self._send(self._stream.push_opus(self._splitter.split(packets), now), now)

    def press(self, digits: str, *, in_band: bool = False) -> None:
        """Send digits as telephone events, which need an agreement, or as tones in place of the audio."""
        if self._stream is None:
            return
        if in_band:
            self._keypad.press(digits)
            return
        for digit in digits:
            try:
                self._stream.press(digit)
            except (LocalProtocolError, ValueError) as error:
                log.info("digits_dropped", leg_id=self.leg_id, reason=str(error))
                return

    def reports(self, now: float) -> Iterator[DigitReceived | MediaSilent]:
        """Give what happened since the last time."""
        if self._stream is not None:
            keys, self._heard_keys = self._heard_keys, []
            for digit in (*self._stream.take_digits(), *keys):
                yield DigitReceived(self.leg_id, digit)
        if self._watch.is_silent(now):
            yield MediaSilent(self.leg_id)

    def close(self, now: float) -> None:
        """Say goodbye, keep the figures and free the ports."""
        if self._stream is not None:
            self._end_stream(self._stream, now)
        self.sockets.close()

    def _end_stream(self, stream: RtpStream, now: float) -> None:
        """Say goodbye for a stream; of several the figures of the one that heard most are kept."""
        self._send_rtcp(stream.goodbye(now))
        figures = leg_figures(stream.statistics(now), stream.codec_name)
        if self.figures is None or figures.packets_received >= self.figures.packets_received:
            self.figures = figures
        stream.close()

    def _send(self, packets: Sequence[bytes], now: float) -> None:
        target = self._rtp.target
        if target is not None:
            for packet in packets:
                protected = packet if self._srtp is None else self._srtp.protect(packet)
                self.sockets.send_rtp(protected, target)
        if self._stream is not None:
            self._send_rtcp(self._stream.rtcp_to_send(now))

    def _send_rtcp(self, report: bytes | None) -> None:
        """Send a report to the peer's RTCP port; when that is its RTP port, from ours (RFC 5761)."""
        if report is None or self._remote is None:
            return
        if self._srtp is not None:
            report = self._srtp.protect_rtcp(report)
        if self._remote.rtcp_port == self._remote.port:
            if self._rtp.target is not None:
                self.sockets.send_rtp(report, self._rtp.target)
        elif self._rtcp.target is not None:
            self.sockets.send_rtcp(report, self._rtcp.target)

    def _fitting(self, frame: PcmFrame, from_hz: int, to_hz: int) -> PcmFrame | None:
        if self._remote is None or not self._remote.direction.may_send:
            return None
        if (self._outwards.from_hz, self._outwards.to_hz) != (from_hz, to_hz):
            self._outwards = Resampler(from_hz, to_hz)
        return self._outwards.convert(frame)

    def _listen_for_keys(self, *, is_wanted: bool) -> None:
        if not is_wanted or self._stream is None:
            self._detector = None
        elif self._detector is None or self._detector.sample_hz != self._stream.sample_hz:
            self._detector = KeypadDetector(self._stream.sample_hz)

    def _drain_rtcp(self, now: float) -> None:
        for datagram, source in self.sockets.received_rtcp():
            if self._stream is None or not self._rtcp.accepts(source):
                continue
            report = self._opened(datagram)
            if report and self._stream.receive_rtcp(report, now):
                self._rtcp.note_valid(source)

    def _protect(self, terms: SrtpMedia | None) -> None:
        """Follow an agreement on encryption; the same keys go on counting where they are."""
        if terms == self._srtp_terms:
            return
        self._srtp_terms = terms
        self._srtp = None if terms is None else Srtp(SrtpKeys(SUITES[terms.suite], terms.ours, terms.theirs))

    def _opened(self, datagram: bytes) -> bytes:
        """Take the encryption off; nothing is left of what is not genuine."""
        if self._srtp is None:
            return datagram
        try:
            return self._srtp.open_rtcp(datagram) if is_rtcp(datagram) else self._srtp.open(datagram)
        except RemoteProtocolError:
            return b""

    def _replace_stream(self, settings: StreamSettings, now: float) -> None:
        try:
            stream = RtpStream(settings, now, random.random)
        except (ValueError, UnavailableError) as error:
            log.warning("stream_refused", leg_id=self.leg_id, reason=str(error))
            return
        if self._stream is not None:
            self._end_stream(self._stream, now)
        self._stream, self._settings = stream, settings


def _is_literal(ip: str) -> bool:
    try:
        ipaddress.ip_address(ip)
    except ValueError:
        return False
    return True


def _stream_settings(remote: RemoteMedia) -> StreamSettings:
    """Read what an agreement means for the stream; packet times that we do not send become 20 ms."""
    return StreamSettings(
        codecs={**remote.other_codecs, remote.payload_type: remote.codec},
        send_type=remote.payload_type,
        telephone_event_type=remote.telephone_event_payload_type,
        ptime_ms=remote.ptime_ms if remote.ptime_ms in _PTIMES_MS else _PTIMES_MS[0],
    )
