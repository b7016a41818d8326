"""Opus through libopus by ctypes (RFC 6716; RTP payload of RFC 7587).

The copy inside the PyAV wheel is used first, so that nothing has to be
installed; otherwise the system's. PyAV's own encoder is not: it offers
neither forward error correction nor concealment.
"""

import ctypes
import weakref
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from linegram.audio.frame import FULLBAND_HZ, PcmFrame, silence
from linegram.errors import RemoteProtocolError, UnavailableError

_APPLICATION_VOIP: Final = 2048
_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010
_SET_INBAND_FEC: Final = 4012
_SET_PACKET_LOSS_PERCENT: Final = 4014
_SET_SIGNAL: Final = 4024
_SIGNAL_VOICE: Final = 3001
_LARGEST_PACKET_BYTES: Final = 1275
_LONGEST_PACKET_MS: Final = 120
_BIT_RATES: Final = {8_000: 16_000, 12_000: 18_000, 16_000: 24_000, 24_000: 28_000, 48_000: 32_000}
"""Bits a second that speech needs at each sample rate, with forward error correction."""

_Bytes = ctypes.c_char_p
_Handle = ctypes.c_void_p
_Int = ctypes.c_int
_SIGNATURES: Final = {
    "opus_encoder_create": (_Handle, (_Int, _Int, _Int, ctypes.POINTER(_Int))),
    "opus_encode": (_Int, (_Handle, _Handle, _Int, _Handle, _Int)),
    "opus_encoder_ctl": (_Int, (_Handle, _Int, _Int)),
    "opus_encoder_destroy": (None, (_Handle,)),
    "opus_decoder_create": (_Handle, (_Int, _Int, ctypes.POINTER(_Int))),
    "opus_decode": (_Int, (_Handle, _Bytes, _Int, _Handle, _Int, _Int)),
    "opus_decoder_destroy": (None, (_Handle,)),
}


class OpusCodec:
    """One direction pair of Opus, mono, at one of its five sample rates.

    The RTP clock is 48 000 Hz and the name in SDP is `opus/48000/2` whatever is
    inside (RFC 7587 section 7); `sample_hz` is the bandwidth of the leg behind.
    """

    name = "opus"
    payload_type = None
    clock_hz = FULLBAND_HZ

    def __init__(self, sample_hz: int = FULLBAND_HZ, *, complexity: int = 5, loss_percent: int = 10) -> None:
        if sample_hz not in _BIT_RATES:
            raise ValueError(f"Opus has no sample rate of {sample_hz} Hz")
        self.sample_hz = sample_hz
        self._library = _library()
        self._encoder, self._decoder = _create_encoder(sample_hz), _create_decoder(sample_hz)
        self._free_encoder = weakref.finalize(self, self._library.opus_encoder_destroy, self._encoder)
        self._free_decoder = weakref.finalize(self, self._library.opus_decoder_destroy, self._decoder)
        self._packet = ctypes.create_string_buffer(_LARGEST_PACKET_BYTES)
        self._decoded = np.zeros(sample_hz * _LONGEST_PACKET_MS // 1000, np.int16)
        self._set(_SET_BITRATE, _BIT_RATES[sample_hz])
        self._set(_SET_COMPLEXITY, complexity)
        self._set(_SET_SIGNAL, _SIGNAL_VOICE)
        self._set(_SET_INBAND_FEC, 1)
        self.expect_loss(loss_percent)

    def encode(self, frame: PcmFrame) -> bytes:
        """Encode one frame of 2.5, 5, 10, 20, 40 or 60 ms. State carries over.

        Raises ValueError for any other length.
        """
        self._refuse_when_closed()
        contiguous = np.ascontiguousarray(frame)
        count = self._library.opus_encode(
            self._encoder, contiguous.ctypes.data, len(contiguous), self._packet, _LARGEST_PACKET_BYTES
        )
        if count < 0:
            raise ValueError(f"Opus cannot encode {len(frame)} samples (error {count})")
        return ctypes.string_at(self._packet, count)

    def decode(self, payload: bytes) -> PcmFrame:
        """Decode one payload; it may hold up to 120 ms.

        Raises RemoteProtocolError when `payload` is not an Opus packet.
        """
        if not payload:
            raise RemoteProtocolError("empty Opus payload")
        count = self._decode(payload, len(self._decoded), 0)
        if count < 0:
            raise RemoteProtocolError(f"not an Opus packet (error {count})")
        return self._decoded[:count].copy()

    def conceal(self, sample_count: int) -> PcmFrame:
        """Cover a lost packet with the decoder's own concealment."""
        return self._filled(self._decode(None, sample_count, 0), sample_count)

    def recover(self, following: bytes, sample_count: int) -> PcmFrame:
        """Restore a lost packet from the redundancy in the one after it, else conceal it."""
        return self._filled(self._decode(following, sample_count, 1), sample_count)

    def expect_loss(self, percent: int) -> None:
        """Tell the encoder how much the peer loses; from about 5 % on it adds redundancy."""
        self._set(_SET_PACKET_LOSS_PERCENT, max(0, min(100, percent)))

    def close(self) -> None:
        """Free the native state; the codec is unusable afterwards. Safe to repeat."""
        self._free_encoder()
        self._free_decoder()
        self._encoder = self._decoder = 0

    def _set(self, request: int, value: int) -> None:
        self._refuse_when_closed()
        self._library.opus_encoder_ctl(self._encoder, request, value)

    def _decode(self, payload: bytes | None, sample_count: int, from_redundancy: int) -> int:
        self._refuse_when_closed()
        length = 0 if payload is None else len(payload)
        room = self._decoded.ctypes.data
        count: int = self._library.opus_decode(
            self._decoder, payload, length, room, min(sample_count, len(self._decoded)), from_redundancy
        )
        return count

    def _filled(self, count: int, sample_count: int) -> PcmFrame:
        """Copy out what was concealed; a length that libopus refuses (not n × 2.5 ms) is silence."""
        if count != sample_count:
            return silence(sample_count)
        return self._decoded[:count].copy()

    def _refuse_when_closed(self) -> None:
        """Keep a null pointer away from the library, which would end the process."""
        if not self._encoder:
            raise ValueError("the Opus codec is closed")


def is_available() -> bool:
    """Say whether a libopus can be loaded here."""
    try:
        _library()
    except UnavailableError:
        return False
    return True


def _create_encoder(sample_hz: int) -> int:
    error = _Int()
    handle: int | None = _library().opus_encoder_create(sample_hz, 1, _APPLICATION_VOIP, ctypes.byref(error))
    if not handle:
        raise UnavailableError(f"libopus gave no encoder (error {error.value})")
    return handle


def _create_decoder(sample_hz: int) -> int:
    error = _Int()
    handle: int | None = _library().opus_decoder_create(sample_hz, 1, ctypes.byref(error))
    if not handle:
        raise UnavailableError(f"libopus gave no decoder (error {error.value})")
    return handle


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    """Load libopus and describe the functions used.

    Raises UnavailableError when there is none.
    """
    for name in (*_bundled_libraries(), "libopus.so.0", "libopus.0.dylib"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for function, (result, arguments) in _SIGNATURES.items():
            entry = getattr(library, function)
            entry.restype, entry.argtypes = result, arguments
        return library
    raise UnavailableError("no libopus: neither in the PyAV wheel nor in the system")


def _bundled_libraries() -> list[str]:
    """List the copies inside the PyAV wheel; their names carry a hash."""
    package = find_spec("av")
    if package is None or package.origin is None:
        return []
    folder = Path(package.origin).parent
    return [
        str(found)
        for place in (folder.parent / "av.libs", folder / ".dylibs")
        for found in sorted(place.glob("libopus*"))
    ]
