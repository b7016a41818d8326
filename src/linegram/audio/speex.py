"""Speex at 8 and 16 kHz through the system's libspeex (RFC 5574)."""

import ctypes
import weakref
from typing import Final

import numpy as np

from linegram.audio.frame import NARROWBAND_HZ, WIDEBAND_HZ, PcmFrame, silence
from linegram.audio.system_library import is_loadable, open_library
from linegram.errors import RemoteProtocolError

LIBRARY: Final = "speex"
_FRAME_MS: Final = 20
_MODES: Final = {NARROWBAND_HZ: 0, WIDEBAND_HZ: 1}
_SET_QUALITY: Final = 4
_SET_COMPLEXITY: Final = 16
_SET_ENHANCEMENT: Final = 0
_QUALITY: Final = 8
"""15 kbit/s narrowband, 27.8 wideband: the quality that telephones use."""
_COMPLEXITY: Final = 3
_LARGEST_BYTES: Final = 1500
_MOST_FRAMES: Final = 10

_Handle = ctypes.c_void_p
_Int = ctypes.c_int


class _Bits(ctypes.Structure):
    """libspeex's bit packer, as its header lays it out."""

    _fields_ = (
        ("chars", _Handle),
        ("bit_count", _Int),
        ("char_position", _Int),
        ("bit_position", _Int),
        ("is_owner", _Int),
        ("has_overflow", _Int),
        ("buffer_bytes", _Int),
        ("reserved1", _Int),
        ("reserved2", _Handle),
    )


_BitsPointer = ctypes.POINTER(_Bits)
SIGNATURES: Final = {
    "speex_lib_get_mode": (_Handle, (_Int,)),
    "speex_encoder_init": (_Handle, (_Handle,)),
    "speex_encoder_destroy": (None, (_Handle,)),
    "speex_encoder_ctl": (_Int, (_Handle, _Int, _Handle)),
    "speex_encode_int": (_Int, (_Handle, _Handle, _BitsPointer)),
    "speex_decoder_init": (_Handle, (_Handle,)),
    "speex_decoder_destroy": (None, (_Handle,)),
    "speex_decoder_ctl": (_Int, (_Handle, _Int, _Handle)),
    "speex_decode_int": (_Int, (_Handle, _BitsPointer, _Handle)),
    "speex_bits_init": (None, (_BitsPointer,)),
    "speex_bits_destroy": (None, (_BitsPointer,)),
    "speex_bits_reset": (None, (_BitsPointer,)),
    "speex_bits_read_from": (None, (_BitsPointer, ctypes.c_char_p, _Int)),
    "speex_bits_write": (_Int, (_BitsPointer, ctypes.c_char_p, _Int)),
    "speex_bits_insert_terminator": (None, (_BitsPointer,)),
}


def is_available() -> bool:
    """Say whether libspeex can be loaded here."""
    return is_loadable(LIBRARY, SIGNATURES)


class SpeexCodec:
    """One direction pair of Speex; a payload holds one 20 ms frame or several, and may end in padding."""

    name = "speex"
    payload_type = None

    def __init__(self, sample_hz: int = NARROWBAND_HZ) -> None:
        """Open both directions. Raises UnavailableError, and ValueError for another rate."""
        if sample_hz not in _MODES:
            raise ValueError(f"no Speex at {sample_hz} Hz")
        self.clock_hz = self.sample_hz = sample_hz
        self._frame_samples = sample_hz * _FRAME_MS // 1000
        library = self._library = open_library(LIBRARY, SIGNATURES)
        mode = library.speex_lib_get_mode(_MODES[sample_hz])
        self._encoder, self._decoder = library.speex_encoder_init(mode), library.speex_decoder_init(mode)
        self._out, self._in = _Bits(), _Bits()
        self._free = [
            weakref.finalize(self, library.speex_encoder_destroy, self._encoder),
            weakref.finalize(self, library.speex_decoder_destroy, self._decoder),
        ]
        for bits in (self._out, self._in):
            library.speex_bits_init(ctypes.byref(bits))
            self._free.append(weakref.finalize(self, library.speex_bits_destroy, ctypes.byref(bits)))
        self._set(library.speex_encoder_ctl, self._encoder, _SET_QUALITY, _QUALITY)
        self._set(library.speex_encoder_ctl, self._encoder, _SET_COMPLEXITY, _COMPLEXITY)
        self._set(library.speex_decoder_ctl, self._decoder, _SET_ENHANCEMENT, 1)
        self._packet = ctypes.create_string_buffer(_LARGEST_BYTES)
        self._decoded = np.zeros(self._frame_samples, np.int16)

    def encode(self, frame: PcmFrame) -> bytes:
        """Encode a multiple of 20 ms. State carries over. Raises ValueError for any other length."""
        if not len(frame) or len(frame) % self._frame_samples or not self._encoder:
            raise ValueError(f"Speex cannot encode {len(frame)} samples")
        library, bits = self._library, ctypes.byref(self._out)
        library.speex_bits_reset(bits)
        samples = frame.copy()  # the encoder writes into what it reads
        for start in range(0, len(samples), self._frame_samples):
            library.speex_encode_int(self._encoder, samples[start:].ctypes.data, bits)
        library.speex_bits_insert_terminator(bits)
        count = library.speex_bits_write(bits, self._packet, _LARGEST_BYTES)
        return ctypes.string_at(self._packet, count)

    def decode(self, payload: bytes) -> PcmFrame:
        """Decode one payload. Raises RemoteProtocolError when there is no frame in it."""
        if not payload or len(payload) > _LARGEST_BYTES or not self._decoder:
            raise RemoteProtocolError(f"a Speex payload of {len(payload)} bytes")
        library, bits = self._library, ctypes.byref(self._in)
        library.speex_bits_read_from(bits, payload, len(payload))
        parts: list[PcmFrame] = []
        while len(parts) < _MOST_FRAMES:
            if library.speex_decode_int(self._decoder, bits, self._decoded.ctypes.data):
                break  # the terminator, or what is no frame
            parts.append(self._decoded.copy())
        if not parts:
            raise RemoteProtocolError("not a Speex packet")
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def conceal(self, sample_count: int) -> PcmFrame:
        """Cover a lost packet with the decoder's own concealment, in its 20 ms frames."""
        if not self._decoder:
            return silence(sample_count)
        parts: list[PcmFrame] = []
        for _ in range(-(-sample_count // self._frame_samples)):
            self._library.speex_decode_int(self._decoder, None, self._decoded.ctypes.data)
            parts.append(self._decoded.copy())
        return np.concatenate(parts)[:sample_count] if parts else silence(0)

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

    def _set(self, control: "ctypes._NamedFuncPointer", state: int, request: int, value: int) -> None:
        control(state, request, ctypes.addressof(_Int(value)))
