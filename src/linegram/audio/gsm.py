"""GSM 06.10 full rate at 13 kbit/s through the system's libgsm (RFC 3551 section 4.5.8)."""

import ctypes
import weakref
from typing import Final

import numpy as np

from linegram.audio.conceal import Concealer
from linegram.audio.frame import NARROWBAND_HZ, PcmFrame
from linegram.audio.system_library import is_loadable, open_library
from linegram.errors import RemoteProtocolError

LIBRARY: Final = "gsm"
FRAME_SAMPLES: Final = 160
FRAME_BYTES: Final = 33

_Handle = ctypes.c_void_p
SIGNATURES: Final = {
    "gsm_create": (_Handle, ()),
    "gsm_destroy": (None, (_Handle,)),
    "gsm_encode": (None, (_Handle, _Handle, _Handle)),
    "gsm_decode": (ctypes.c_int, (_Handle, ctypes.c_char_p, _Handle)),
}


def is_available() -> bool:
    """Say whether libgsm can be loaded here."""
    return is_loadable(LIBRARY, SIGNATURES)


class GsmCodec:
    """One direction pair of GSM: 160 samples are 33 bytes; a payload holds one frame or several."""

    name = "GSM"
    payload_type = 3
    clock_hz = NARROWBAND_HZ
    sample_hz = NARROWBAND_HZ

    def __init__(self) -> None:
        """Open both directions. Raises UnavailableError when the library is not there."""
        self._library = open_library(LIBRARY, SIGNATURES)
        self._encoder, self._decoder = self._library.gsm_create(), self._library.gsm_create()
        self._free = [
            weakref.finalize(self, self._library.gsm_destroy, handle)
            for handle in (self._encoder, self._decoder)
        ]
        self._packet = ctypes.create_string_buffer(FRAME_BYTES)
        self._decoded = np.zeros(FRAME_SAMPLES, np.int16)
        self._concealer = Concealer(self.sample_hz)

    def encode(self, frame: PcmFrame) -> bytes:
        """Encode a multiple of 20 ms. State carries over. Raises ValueError for any other length."""
        if not len(frame) or len(frame) % FRAME_SAMPLES or not self._encoder:
            raise ValueError(f"GSM cannot encode {len(frame)} samples")
        samples = np.ascontiguousarray(frame)
        parts = []
        for start in range(0, len(samples), FRAME_SAMPLES):
            self._library.gsm_encode(self._encoder, samples[start:].ctypes.data, self._packet)
            parts.append(self._packet.raw)
        return b"".join(parts)

    def decode(self, payload: bytes) -> PcmFrame:
        """Decode one payload.

        Raises RemoteProtocolError unless `payload` is whole frames with their signature.
        """
        if not payload or len(payload) % FRAME_BYTES or not self._decoder:
            raise RemoteProtocolError(f"a GSM payload of {len(payload)} bytes")
        parts = []
        for start in range(0, len(payload), FRAME_BYTES):
            one = payload[start : start + FRAME_BYTES]
            if self._library.gsm_decode(self._decoder, one, self._decoded.ctypes.data):
                raise RemoteProtocolError("not a GSM frame")
            parts.append(self._decoded.copy())
        return self._concealer.heard(parts[0] if len(parts) == 1 else np.concatenate(parts))

    def conceal(self, sample_count: int) -> PcmFrame:
        """Cover a lost packet."""
        return self._concealer.conceal(sample_count)

    def recover(self, following: bytes, sample_count: int) -> PcmFrame:  # noqa: ARG002 - carries no redundancy
        """Cover a lost packet; the one after it holds nothing of it."""
        return self._concealer.conceal(sample_count)

    def expect_loss(self, percent: int) -> None:
        """Do nothing: there is no redundancy to add."""

    def close(self) -> None:
        """Free the native state. Safe to repeat."""
        for free in self._free:
            free()
        self._encoder = self._decoder = None
