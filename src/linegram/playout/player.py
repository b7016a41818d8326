"""What one source's packets sound like, 20 ms at a time: decoded, recovered, concealed, stretched.

The jitter buffer says what is due; here it becomes sound. Every leg of a call, towards Telegram
and towards the PBX, is heard through this one file.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import structlog

from linegram.audio.codec import Codec
from linegram.audio.frame import PcmFrame, samples_per_frame, silence
from linegram.audio.opus import OpusCodec
from linegram.audio.resample import Resampler
from linegram.audio.splice import lengthen, shorten
from linegram.errors import RemoteProtocolError
from linegram.playout.fade import Fade
from linegram.rtp.jitter_buffer import Advice, Missing
from linegram.rtp.packet import RtpPacket
from linegram.rtp.receiver import RtpReceiver

log = structlog.get_logger()

_QUIET_PEAK: Final = 400
_LONGEST_WAIT_MS: Final = 500
"""How long a change of the delay waits for a quiet moment."""

_LONGEST_REST_BYTES: Final = 2
"""An Opus packet no longer than this says "nothing to say" (DTX, RFC 7587 section 3.1.3)."""


class Player:
    """The hearing half of a stream. `codecs` maps payload types and may change; frames are at `sample_hz`.

    Counts `frames_concealed`, in frames of 20 ms, and `slips` of the delay.
    """

    def __init__(self, receiver: RtpReceiver, codecs: Mapping[int, Codec], codec: Codec) -> None:
        """Begin with `codec`, whose rate all frames have."""
        self._receiver = receiver
        self._buffer = receiver.buffer
        self._codecs = codecs
        self._codec = codec
        self._sample_hz = codec.sample_hz
        self._frame_samples = samples_per_frame(codec.sample_hz)
        self._pending: PcmFrame = silence(0)
        self._resamplers: dict[int, Resampler] = {}
        self._fade = Fade(codec.sample_hz)
        self._is_resting = False
        self._postponed_ms = 0
        self.frames_concealed = self.slips = 0

    def pull(self, now: float) -> PcmFrame:
        """Give the next 20 ms; always a frame, invented or silent where nothing came."""
        if not len(self._pending):
            samples = self._adjusted(self._next_samples(now), now)
            if len(samples) == self._frame_samples:
                return samples
            self._pending = samples
        while len(self._pending) < self._frame_samples:
            self._pending = np.concatenate((self._pending, self._adjusted(self._next_samples(now), now)))
        frame = self._pending[: self._frame_samples]
        self._pending = self._pending[self._frame_samples :]
        return frame

    def forget(self) -> None:
        """Drop what is decoded and not yet heard."""
        self._pending = silence(0)

    def _next_samples(self, now: float) -> PcmFrame:
        taken = self._buffer.take(now)
        if isinstance(taken, RtpPacket):
            return self._fade.heard(self._at_own_rate(self._decoded(taken)))
        if taken is Missing.FILLING and not self._is_resting:
            return self._fade.silence(self._frame_samples)
        return self._filled(taken)

    def _decoded(self, packet: RtpPacket) -> PcmFrame:
        codec = self._codec = self._codecs.get(packet.payload_type, self._codec)
        try:
            samples = codec.decode(packet.payload)
        except RemoteProtocolError as error:
            log.debug("rtp_payload_malformed", codec=codec.name, reason=str(error))
            self._receiver.malformed += 1
            samples = codec.conceal(samples_per_frame(codec.sample_hz))
        self._note_kind(packet, len(samples))
        return samples

    def _note_kind(self, packet: RtpPacket, sample_count: int) -> None:
        """Tell the buffer what the packet was."""
        codec = self._codec
        has_redundancy = False
        if isinstance(codec, OpusCodec):
            self._is_resting = len(packet.payload) <= _LONGEST_REST_BYTES
            has_redundancy = self._buffer.loses_much and codec.carries_redundancy(packet.payload)
        self._buffer.played(sample_count * codec.clock_hz // codec.sample_hz, has_redundancy=has_redundancy)

    def _filled(self, missing: Missing) -> PcmFrame:
        """Recover what the buffer misses, or invent it."""
        codec = self._codec
        sample_count = self._buffer.missing_ticks * codec.sample_hz // codec.clock_hz
        if missing in (Missing.LOST, Missing.STARVED):
            self.frames_concealed += max(1, sample_count // samples_per_frame(codec.sample_hz))
        following = self._buffer.following() if missing is Missing.LOST else None
        if following is not None and self._is_repeated_in(following):
            recovered = codec.recover(following.payload, sample_count)
            return self._fade.heard(self._at_own_rate(recovered))
        invented = self._at_own_rate(codec.conceal(sample_count))
        return invented if self._is_resting else self._fade.invented(invented)

    def _is_repeated_in(self, following: RtpPacket) -> bool:
        """Say whether the packet after a missing one holds what that held."""
        codec = self._codecs.get(following.payload_type)
        if codec is not self._codec or not isinstance(codec, OpusCodec):
            return False
        return codec.carries_redundancy(following.payload)

    def _at_own_rate(self, samples: PcmFrame) -> PcmFrame:
        """Resample what a second negotiated codec gave, so that nobody behind sees the change."""
        from_hz = self._codec.sample_hz
        if from_hz == self._sample_hz:
            return samples
        resampler = self._resamplers.get(from_hz)
        if resampler is None:
            resampler = self._resamplers[from_hz] = Resampler(from_hz, self._sample_hz)
        return resampler.convert(samples)

    def _adjusted(self, samples: PcmFrame, now: float) -> PcmFrame:
        """Bring the delay nearer to its target by up to 20 ms, where it is quiet or once time is up."""
        advice = self._buffer.advice(now)
        if advice is Advice.KEEP:
            return samples
        is_loud = len(samples) and int(np.abs(samples).max()) > _QUIET_PEAK
        if is_loud and self._postponed_ms < _LONGEST_WAIT_MS:
            self._postponed_ms += len(samples) * 1000 // self._sample_hz
            return samples
        self._postponed_ms = 0
        self._buffer.advice_followed()
        self.slips += 1
        if advice is Advice.GROW:
            return lengthen(samples, self._sample_hz)
        if len(samples) <= self._frame_samples:
            samples = np.concatenate((samples, self._next_samples(now)))
        return shorten(samples, self._sample_hz)
