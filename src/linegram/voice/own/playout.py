"""Opus packets of one source to frames of 20 ms: order, jitter, concealment, slow drift. Pure."""

from typing import Final

import numpy as np
import structlog

from linegram.audio.frame import PcmFrame, samples_per_frame, silence
from linegram.audio.opus import OpusCodec
from linegram.audio.splice import lengthen, shorten
from linegram.errors import RemoteProtocolError
from linegram.rtp.jitter_buffer import Advice, JitterBuffer, Missing
from linegram.rtp.packet import RtpPacket
from linegram.rtp.receiver import RtpReceiver

log = structlog.get_logger()

_QUIET_PEAK: Final = 400
_MOST_POSTPONED_FRAMES: Final = 25
_FIRST_DELAY_MS: Final = 60
"""WebRTC ends put 60 ms into a packet."""


class Playout:
    """The hearing half of a leg."""

    def __init__(self, codec: OpusCodec) -> None:
        self._codec = codec
        self._frame_samples = samples_per_frame(codec.sample_hz)
        self._clocks_hz: dict[int, int] = {}
        self._buffer = JitterBuffer(codec.clock_hz, first_ms=_FIRST_DELAY_MS)
        self.receiver = RtpReceiver(self._buffer, audio_clocks_hz=self._clocks_hz)
        self._pending: PcmFrame = silence(0)
        self._postponed = 0
        self.frames_concealed = 0
        self.slips = 0

    def expect(self, payload_type: int) -> None:
        """Take packets of this number, and of no other, for Opus."""
        self._clocks_hz.clear()
        self._clocks_hz[payload_type] = self._codec.clock_hz

    def forget_rest(self) -> None:
        """Drop what is left of the packet that is being heard: somebody else plays from now on."""
        self._pending = silence(0)

    def pull(self, now: float) -> PcmFrame:
        """Give the next 20 ms; always a frame, concealed or silent where nothing came."""
        while len(self._pending) < self._frame_samples:
            samples = self._adjusted(self._next_samples(now), now)
            if not len(self._pending) and len(samples) == self._frame_samples:
                return samples
            self._pending = np.concatenate((self._pending, samples))
        frame = self._pending[: self._frame_samples]
        self._pending = self._pending[self._frame_samples :]
        return frame

    def _next_samples(self, now: float) -> PcmFrame:
        taken = self._buffer.take(now)
        if isinstance(taken, RtpPacket):
            return self._decoded(taken)
        if taken is Missing.FILLING:
            return silence(self._frame_samples)
        if taken is not Missing.PAUSE:
            self.frames_concealed += 1
        following = self._buffer.following() if taken is Missing.LOST else None
        if following is not None:
            return self._codec.recover(following.payload, self._frame_samples)
        return self._codec.conceal(self._frame_samples)

    def _decoded(self, packet: RtpPacket) -> PcmFrame:
        try:
            samples = self._codec.decode(packet.payload)
        except RemoteProtocolError as error:
            log.debug("voice_payload_malformed", reason=str(error))
            samples = self._codec.conceal(self._frame_samples)
        self._buffer.played(len(samples) * self._codec.clock_hz // self._codec.sample_hz)
        return samples

    def _adjusted(self, samples: PcmFrame, now: float) -> PcmFrame:
        """Follow the buffer's advice where it is quiet, or once it has waited long enough."""
        advice = self._buffer.advice(now)
        if advice is Advice.KEEP:
            return samples
        is_loud = len(samples) > 0 and int(np.abs(samples).max()) > _QUIET_PEAK
        if is_loud and self._postponed < _MOST_POSTPONED_FRAMES:
            self._postponed += 1
            return samples
        self._postponed = 0
        self._buffer.advice_followed()
        self.slips += 1
        if advice is Advice.GROW:
            return lengthen(samples, self._codec.sample_hz)
        if len(samples) <= self._frame_samples:
            samples = np.concatenate((samples, self._next_samples(now)))
        return shorten(samples, self._codec.sample_hz)
