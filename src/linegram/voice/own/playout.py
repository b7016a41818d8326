"""The hearing half of a leg: one source's Opus packets to frames of 20 ms. Pure."""

from typing import Final

from linegram.audio.codec import Codec
from linegram.audio.frame import PcmFrame
from linegram.audio.opus import OpusCodec
from linegram.playout.player import Player
from linegram.rtp.jitter_buffer import JitterBuffer
from linegram.rtp.receiver import RtpReceiver

_FIRST_DELAY_MS: Final = 60
"""WebRTC ends put 60 ms into a packet."""


class Playout:
    """What the far end sends, as it is heard."""

    def __init__(self, codec: OpusCodec) -> None:
        self._codec = codec
        self._codecs: dict[int, Codec] = {}
        self._clocks_hz: dict[int, int] = {}
        buffer = JitterBuffer(codec.clock_hz, first_ms=_FIRST_DELAY_MS)
        self.receiver = RtpReceiver(buffer, audio_clocks_hz=self._clocks_hz)
        self._player = Player(self.receiver, self._codecs, codec)

    @property
    def frames_concealed(self) -> int:
        """How many frames nobody sent in time."""
        return self._player.frames_concealed

    @property
    def slips(self) -> int:
        """How often sound was stretched or shortened to bring the delay to its target."""
        return self._player.slips

    def expect(self, payload_type: int) -> None:
        """Take packets of this number, and of no other, for Opus."""
        self._clocks_hz.clear()
        self._codecs.clear()
        self._clocks_hz[payload_type] = self._codec.clock_hz
        self._codecs[payload_type] = self._codec

    def forget_rest(self) -> None:
        """Drop what is left of the packet that is being heard: somebody else plays from now on."""
        self._player.forget()

    def pull(self, now: float) -> PcmFrame:
        """Give the next 20 ms; always a frame, invented or silent where nothing came."""
        return self._player.pull(now)
