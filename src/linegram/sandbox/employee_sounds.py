"""What an employee can say into his phone, frame by frame: tones and recordings."""

import math
from typing import Final, Protocol

import numpy as np

FRAME_MS: Final = 10
FULL_SCALE: Final = 32767


class Sound(Protocol):
    """Something to say, frame by frame."""

    def frame(self) -> bytes:
        """Return the next 10 ms, exactly rate/100 samples: ntgcalls does not check."""


class Tone:
    """A steady tone without clicks between frames; frequency 0 is silence."""

    def __init__(self, rate_hz: int, frequency_hz: float, level: float = 0.3) -> None:
        samples = rate_hz * FRAME_MS // 1000
        self._step = 2 * math.pi * frequency_hz / rate_hz
        self._at = np.arange(samples) * self._step
        self._advance = samples * self._step
        self._phase = 0.0
        self._level = level * FULL_SCALE

    def frame(self) -> bytes:
        """Return the next 10 ms."""
        wave = np.sin(self._at + self._phase) * self._level
        self._phase = (self._phase + self._advance) % (2 * math.pi)
        frame: bytes = wave.astype("<i2").tobytes()
        return frame


class Pcm:
    """Samples that are said once; silence follows."""

    def __init__(self, rate_hz: int, pcm: bytes) -> None:
        self._frame_bytes = rate_hz * FRAME_MS // 1000 * 2
        self._pcm = pcm + bytes(-len(pcm) % self._frame_bytes)
        self._at = 0

    def frame(self) -> bytes:
        """Return the next 10 ms."""
        piece = self._pcm[self._at : self._at + self._frame_bytes]
        self._at += self._frame_bytes
        return piece or bytes(self._frame_bytes)
