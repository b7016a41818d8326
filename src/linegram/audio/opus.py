"""Opus through libopus by ctypes (RFC 6716; RTP payload of RFC 7587).

The copy inside the PyAV wheel is used first, so that nothing has to be
installed; otherwise the system's. PyAV's own encoder is not: it offers
neither forward error correction nor concealment.
"""

import ctypes
import weakref
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

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
_UNITS_PER_SECOND: Final = 400
"""A length that Opus can invent is a multiple of 2.5 ms."""


class Effort(NamedTuple):
    """What the encoder spends: bits a second, and its complexity from 0 to 10."""

    bit_rate: int
    complexity: int


_EFFORTS: Final = {
    8_000: Effort(24_000, 1),
    12_000: Effort(28_000, 2),
    16_000: Effort(32_000, 2),
    24_000: Effort(32_000, 2),
    48_000: Effort(32_000, 2),
}
"""The least at each sample rate with which speech carries redundancy and sounds good beside it.

libopus leaves the redundancy out, whatever is set, when it thinks the bits too few: at 8 000 Hz 16 kbit/s
never had any, 24 kbit/s has it at complexity 1, for the CPU time of 16 kbit/s. Above, less than complexity 2
makes the redundancy spoil the sound itself.
"""

LEAST_LOSS_PERCENT: Final = 10
"""With less than this expected, the bit rates above are too low for redundancy."""

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
    "opus_packet_get_samples_per_frame": (_Int, (_Bytes, _Int)),
}


class OpusCodec:
    """One direction pair of Opus, mono, at one of its five sample rates.

    The RTP clock is 48 000 Hz and the name in SDP is `opus/48000/2` whatever is
    inside (RFC 7587 section 7); `sample_hz` is the bandwidth of the leg behind.
    """

    name = "opus"
    payload_type = None
    clock_hz = FULLBAND_HZ

    def __init__(
        self,
        sample_hz: int = FULLBAND_HZ,
        *,
        effort: Effort | None = None,
        loss_percent: int = LEAST_LOSS_PERCENT,
    ) -> None:
        """Open both directions; `effort` goes by the sample rate unless given."""
        if sample_hz not in _EFFORTS:
            raise ValueError(f"Opus has no sample rate of {sample_hz} Hz")
        self.sample_hz = sample_hz
        self._library = _library()
        self._has_redundancy: Callable[[bytes, int], int] = getattr(
            self._library, "opus_packet_has_lbrr", _perhaps
        )
        self._encoder, self._decoder = _create_encoder(sample_hz), _create_decoder(sample_hz)
        self._free_encoder = weakref.finalize(self, self._library.opus_encoder_destroy, self._encoder)
        self._free_decoder = weakref.finalize(self, self._library.opus_decoder_destroy, self._decoder)
        self._packet = ctypes.create_string_buffer(_LARGEST_PACKET_BYTES)
        self._decoded = np.zeros(sample_hz * _LONGEST_PACKET_MS // 1000, np.int16)
        bit_rate, complexity = _EFFORTS[sample_hz] if effort is None else effort
        self._set(_SET_BITRATE, bit_rate)
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
        return self._filled(self._decode(None, self._possible(sample_count), 0), sample_count)

    def recover(self, following: bytes, sample_count: int) -> PcmFrame:
        """Restore what lies before `following` from the redundancy in it, else conceal it.

        The redundancy stands for a whole frame, 60 ms in a packet of 60 ms, and libopus ignores it when asked
        for less: so all of it is decoded, and its end is given. More than it holds is concealed before it.
        """
        if not self.carries_redundancy(following):
            return self.conceal(sample_count)
        frame = self._library.opus_packet_get_samples_per_frame(following, self.sample_hz)
        length = self._possible(max(sample_count, frame))
        return self._filled(self._decode(following, length, 1), sample_count)

    def carries_redundancy(self, payload: bytes) -> bool:
        """Say whether a packet repeats the end of the one before it (RFC 6716 section 4.2.4)."""
        return len(payload) > 1 and self._has_redundancy(payload, len(payload)) > 0

    def expect_loss(self, percent: int) -> None:
        """Tell the encoder what the peer loses; from `LEAST_LOSS_PERCENT` on speech carries redundancy."""
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

    def _possible(self, sample_count: int) -> int:
        """Round up to what libopus can invent."""
        unit = self.sample_hz // _UNITS_PER_SECOND
        return min(-(-sample_count // unit) * unit, len(self._decoded))

    def _filled(self, count: int, sample_count: int) -> PcmFrame:
        """Copy out the end of what was invented; silence where more is asked than libopus can."""
        if count < sample_count:
            return silence(sample_count)
        return self._decoded[count - sample_count : count].copy()

    def _refuse_when_closed(self) -> None:
        """Keep a null pointer away from the library, which would end the process."""
        if not self._encoder:
            raise ValueError("the Opus codec is closed")


def _perhaps(payload: bytes, length: int) -> int:  # noqa: ARG001 - stands in for a function of libopus
    """Let libopus before 1.5 try: it conceals by itself where there is no redundancy."""
    return 1


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
