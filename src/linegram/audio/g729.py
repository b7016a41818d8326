"""G.729 at 8 kbit/s through the system's libbcg729 (RFC 3551 section 4.5.6).

The library is under the GPL: it is loaded where an administrator has installed it, never bundled.
"""

import ctypes
import weakref
from typing import Final

import numpy as np

from linegram.audio.frame import NARROWBAND_HZ, PcmFrame, silence
from linegram.audio.system_library import is_loadable, open_library
from linegram.errors import RemoteProtocolError

LIBRARY: Final = "bcg729"
FRAME_SAMPLES: Final = 80
FRAME_BYTES: Final = 10
NOISE_BYTES: Final = 2
"""The comfort noise of annex B, which a sender may put behind its last speech frame."""

_Handle = ctypes.c_void_p
_Byte = ctypes.c_uint8
SIGNATURES: Final = {
    "initBcg729EncoderChannel": (_Handle, (_Byte,)),
    "closeBcg729EncoderChannel": (None, (_Handle,)),
    "bcg729Encoder": (None, (_Handle, _Handle, ctypes.c_char_p, ctypes.POINTER(_Byte))),
    "initBcg729DecoderChannel": (_Handle, ()),
    "closeBcg729DecoderChannel": (None, (_Handle,)),
    "bcg729Decoder": (None, (_Handle, ctypes.c_char_p, _Byte, _Byte, _Byte, _Byte, _Handle)),
}


def is_available() -> bool:
    """Say whether libbcg729 can be loaded here."""
    return is_loadable(LIBRARY, SIGNATURES)


class G729Codec:
    """One direction pair of G.729: 80 samples are 10 bytes. We send speech frames only (annexb=no)."""

    name = "G729"
    payload_type = 18
    clock_hz = NARROWBAND_HZ
    sample_hz = NARROWBAND_HZ

    def __init__(self) -> None:
        """Open both directions. Raises UnavailableError when the library is not there."""
        library = self._library = open_library(LIBRARY, SIGNATURES)
        self._encoder, self._decoder = library.initBcg729EncoderChannel(0), library.initBcg729DecoderChannel()
        self._free = [
            weakref.finalize(self, library.closeBcg729EncoderChannel, self._encoder),
            weakref.finalize(self, library.closeBcg729DecoderChannel, self._decoder),
        ]
        self._packet = ctypes.create_string_buffer(FRAME_BYTES)
        self._length = _Byte()
        self._decoded = np.zeros(FRAME_SAMPLES, np.int16)

    def encode(self, frame: PcmFrame) -> bytes:
        """Encode a multiple of 10 ms. State carries over. Raises ValueError for any other length."""
        if not len(frame) or len(frame) % FRAME_SAMPLES or not self._encoder:
            raise ValueError(f"G.729 cannot encode {len(frame)} samples")
        samples = np.ascontiguousarray(frame)
        parts = []
        for start in range(0, len(samples), FRAME_SAMPLES):
            self._library.bcg729Encoder(
                self._encoder, samples[start:].ctypes.data, self._packet, ctypes.byref(self._length)
            )
            parts.append(self._packet.raw[: self._length.value])
        return b"".join(parts)

    def decode(self, payload: bytes) -> PcmFrame:
        """Decode speech frames and comfort noise.

        Raises RemoteProtocolError for a length that no frames have.
        """
        speech, rest = divmod(len(payload), FRAME_BYTES)
        if not payload or rest not in {0, NOISE_BYTES} or not self._decoder:
            raise RemoteProtocolError(f"a G.729 payload of {len(payload)} bytes")
        parts = [
            self._decode(payload[at : at + FRAME_BYTES]) for at in range(0, speech * FRAME_BYTES, FRAME_BYTES)
        ]
        if rest:
            parts.append(self._decode(payload[-NOISE_BYTES:], is_noise=1))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def conceal(self, sample_count: int) -> PcmFrame:
        """Cover a lost packet with the decoder's own concealment, in its 10 ms frames."""
        if not self._decoder or sample_count <= 0:
            return silence(max(0, sample_count))
        parts = [self._decode(b"", is_lost=1) for _ in range(-(-sample_count // FRAME_SAMPLES))]
        return np.concatenate(parts)[:sample_count]

    def recover(self, following: bytes, sample_count: int) -> PcmFrame:  # noqa: ARG002 - carries no redundancy
        """Cover a lost packet; the one after it holds nothing of it."""
        return self.conceal(sample_count)

    def expect_loss(self, percent: int) -> None:
        """Do nothing: there is no redundancy to add."""

    def close(self) -> None:
        """Free the native state. Safe to repeat."""
        for free in self._free:
            free()
        self._encoder = self._decoder = None

    def _decode(self, frame: bytes, *, is_lost: int = 0, is_noise: int = 0) -> PcmFrame:
        self._library.bcg729Decoder(
            self._decoder, frame, len(frame), is_lost, is_noise, 0, self._decoded.ctypes.data
        )
        return self._decoded.copy()
