"""G.722 at 64 kbit/s through the `G722` wheel."""

from typing import Any

import numpy as np
from G722 import G722

from linegram.audio.conceal import Concealer
from linegram.audio.frame import NARROWBAND_HZ, WIDEBAND_HZ, PcmFrame
from linegram.errors import RemoteProtocolError

_BIT_RATE = 64_000


class G722Codec:
    """One direction pair of G.722.

    The RTP clock runs at 8 000 Hz although there are 16 000 samples a second
    (RFC 3551 section 4.5.2): one payload byte is two samples and one clock tick.
    """

    name = "G722"
    payload_type = 9
    clock_hz = NARROWBAND_HZ
    sample_hz = WIDEBAND_HZ

    def __init__(self) -> None:
        self._encoder: Any = G722(WIDEBAND_HZ, _BIT_RATE)
        self._decoder: Any = G722(WIDEBAND_HZ, _BIT_RATE)
        self._concealer = Concealer(self.sample_hz)

    def encode(self, frame: PcmFrame) -> bytes:
        """Encode an even number of samples, two to the byte. State carries over."""
        encoded: bytes = self._encoder.encode(frame)
        return encoded

    def decode(self, payload: bytes) -> PcmFrame:
        """Decode one payload. State carries over: pass lost frames to `conceal`, do not skip them.

        Raises RemoteProtocolError if `payload` is empty.
        """
        if not payload:
            raise RemoteProtocolError("empty G.722 payload")
        samples: PcmFrame = np.frombuffer(self._decoder.decode(payload), np.int16)
        return self._concealer.heard(samples)

    def conceal(self, sample_count: int) -> PcmFrame:
        """Cover a lost packet."""
        return self._concealer.conceal(sample_count)

    def recover(self, following: bytes, sample_count: int) -> PcmFrame:  # noqa: ARG002 - carries no redundancy
        """Cover a lost packet; the one after it holds nothing of it."""
        return self._concealer.conceal(sample_count)

    def expect_loss(self, percent: int) -> None:
        """Do nothing: there is no redundancy to add."""

    def close(self) -> None:
        """Drop the native state."""
        self._encoder = self._decoder = None
