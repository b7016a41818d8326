"""G.711 A-law and mu-law by table look-up (ITU-T G.711; RFC 3551 section 4.5.14)."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from linegram.audio.conceal import Concealer
from linegram.audio.frame import NARROWBAND_HZ, PcmFrame

DecodeTable = npt.NDArray[np.int16]
EncodeTable = npt.NDArray[np.uint8]


class G711Codec:
    """One direction pair of PCMA or PCMU; the tables are shared, the concealment is not."""

    clock_hz = NARROWBAND_HZ
    sample_hz = NARROWBAND_HZ

    def __init__(self, name: str) -> None:
        if name not in ("PCMA", "PCMU"):
            raise ValueError(f"not a law of G.711: {name}")
        self.name = name
        self.payload_type = 8 if name == "PCMA" else 0
        self._decode_table, self._encode_table = _tables(name)
        self._concealer = Concealer(self.sample_hz)

    def encode(self, frame: PcmFrame) -> bytes:
        """Encode any number of samples, one byte each."""
        return self._encode_table[frame.view(np.uint16)].tobytes()

    def decode(self, payload: bytes) -> PcmFrame:
        """Decode one payload: one byte is one sample. Every byte is valid."""
        return self._concealer.heard(self._decode_table[np.frombuffer(payload, np.uint8)])

    def conceal(self, sample_count: int) -> PcmFrame:
        """Cover a lost packet."""
        return self._concealer.conceal(sample_count)

    def recover(self, following: bytes, sample_count: int) -> PcmFrame:  # noqa: ARG002 - carries no redundancy
        """Cover a lost packet; the one after it holds nothing of it."""
        return self._concealer.conceal(sample_count)

    def expect_loss(self, percent: int) -> None:
        """Do nothing: there is no redundancy to add."""

    def close(self) -> None:
        """Do nothing: all state is Python's."""


@lru_cache(maxsize=2)
def _tables(name: str) -> tuple[DecodeTable, EncodeTable]:
    decode = _alaw_levels() if name == "PCMA" else _mulaw_levels()
    return decode, _nearest_codes(decode)


def _alaw_levels() -> DecodeTable:
    code = np.arange(256) ^ 0x55
    segment = (code & 0x70) >> 4
    step = (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _mulaw_levels() -> DecodeTable:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _nearest_codes(levels: DecodeTable) -> EncodeTable:
    """Map each 16-bit sample, taken as unsigned, to the code whose level is nearest.

    Mu-law has two zeros; the stable sort keeps the positive one (0xFF) last, where a zero sample looks.
    """
    order = np.argsort(levels, kind="stable")
    ascending = levels[order].astype(np.int32)
    middles = (ascending[:-1] + ascending[1:] + 1) // 2
    samples = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    return order[np.searchsorted(middles, samples, side="right")].astype(np.uint8)
