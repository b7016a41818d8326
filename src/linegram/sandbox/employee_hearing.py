"""What an employee hears: every frame with its arrival time, and the tone in each 100 ms.

Runs in the voice process; the analysis of a block is pure and used on both sides of the pipe.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linegram.sandbox.employee_voice_messages import BlockHeard

BLOCK_FRAMES = 10
PEAK_BINS = 2


def analyse(samples: NDArray[np.int16], rate_hz: int, at_s: float) -> BlockHeard:
    """Find the loudest frequency of a block, its share of the block's energy, and the level."""
    wave = samples.astype(float)
    rms = float(np.sqrt(np.mean(wave**2))) if len(wave) else 0.0
    energy = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2 if len(wave) else np.zeros(1)
    energy[0] = 0.0
    total = float(energy.sum())
    if total <= 0.0:
        return BlockHeard(at_s, 0.0, 0.0, rms)
    peak = int(np.argmax(energy))
    near = slice(max(peak - PEAK_BINS, 0), peak + PEAK_BINS + 1)
    weights = energy[near]
    centre = float((np.arange(len(energy))[near] * weights).sum() / weights.sum())
    return BlockHeard(at_s, centre * rate_hz / len(wave), float(weights.sum()) / total, rms)


class Hearing:
    """Collects the frames of one call."""

    def __init__(self, rate_hz: int, report: Callable[[BlockHeard], None]) -> None:
        self._rate_hz = rate_hz
        self._report = report
        self._frames: list[tuple[float, bytes]] = []

    def take(self, _phone_call_id: int, _mode: Any, _device: Any, frames: Any) -> None:
        """Keep a frame of ntgcalls'; runs on its play-out thread and only copies."""
        if frames:
            self.keep(bytes(frames[0].data))

    def keep(self, pcm: bytes) -> None:
        """Keep 10 ms; each tenth frame closes a block."""
        now_s = time.monotonic()
        self._frames.append((now_s, pcm))
        if len(self._frames) % BLOCK_FRAMES == 0:
            block = b"".join(body for _at, body in self._frames[-BLOCK_FRAMES:])
            self._report(analyse(np.frombuffer(block, "<i2"), self._rate_hz, now_s))

    def clear(self) -> None:
        """Forget the call before."""
        self._frames = []

    def all(self) -> tuple[bytes, tuple[float, ...]]:
        """Return everything heard, and the monotonic arrival time of each 10 ms frame."""
        frames = list(self._frames)
        return b"".join(body for _at, body in frames), tuple(at_s for at_s, _body in frames)
