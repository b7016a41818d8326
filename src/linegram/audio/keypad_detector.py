"""Hears keypad tones in audio, for peers that have no other way to send digits (ITU-T Q.23, Q.24). Pure."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from linegram.audio.frame import FULL_SCALE, PcmFrame, silence
from linegram.audio.tones import KEYPAD_COLUMNS_HZ, KEYPAD_ROWS_HZ, keypad_digit

_BLOCK_S: Final = 0.01275
"""Long enough to tell 697 from 770 Hz, short enough for three blocks in the shortest valid tone of 40 ms."""
_LEAST_DBFS: Final = -36.0
_LEAST_SHARE: Final = 0.8
"""Of a block's energy that both tones together must have: speech has less, noise far less."""
_MOST_TWIST_DB: Final = 8.0
_LEAST_LEAD_DB: Final = 6.0
"""By which a tone must stand out among those of its group."""
_BLOCKS_TO_BEGIN: Final = 2
_BLOCKS_TO_END: Final = 2


class KeypadDetector:
    """Gives each key once, when its tone has lasted for two blocks; a pause of two blocks ends it."""

    def __init__(self, sample_hz: int) -> None:
        """Prepare for frames at `sample_hz`."""
        self.sample_hz = sample_hz
        self._length = round(sample_hz * _BLOCK_S)
        angles = 2.0 * math.pi / sample_hz * np.arange(self._length)
        frequencies = np.array((*KEYPAD_ROWS_HZ, *KEYPAD_COLUMNS_HZ), np.float64)
        self._waves: npt.NDArray[np.complex128] = np.exp(-1j * np.outer(frequencies, angles))
        self._rest: PcmFrame = silence(0)
        self._candidate: str | None = None
        self._candidate_blocks = 0
        self._current: str | None = None
        self._quiet_blocks = 0

    def hear(self, frame: PcmFrame) -> list[str]:
        """Take the next samples, any number; give the keys that have begun in them, in order."""
        samples = np.concatenate((self._rest, frame)) if len(self._rest) else frame
        whole = len(samples) // self._length * self._length
        self._rest = samples[whole:]
        found = []
        for start in range(0, whole, self._length):
            digit = self._follow(self._digit_in(samples[start : start + self._length]))
            if digit is not None:
                found.append(digit)
        return found

    def _follow(self, digit: str | None) -> str | None:
        """Count blocks; give a digit that has just lasted long enough."""
        if digit is not None and digit == self._current:
            self._quiet_blocks = 0
            return None
        if self._current is not None:
            self._quiet_blocks += 1
            if self._quiet_blocks >= _BLOCKS_TO_END:
                self._current = None
        self._candidate_blocks = self._candidate_blocks + 1 if digit == self._candidate else 1
        self._candidate = digit
        if digit is None or self._candidate_blocks < _BLOCKS_TO_BEGIN or self._current is not None:
            return None
        self._current, self._quiet_blocks = digit, 0
        return digit

    def _digit_in(self, block: PcmFrame) -> str | None:
        """Name the key that a block holds, None for anything else."""
        samples = block.astype(np.float64) / FULL_SCALE
        energy = float(np.dot(samples, samples)) / self._length
        if energy < 10.0 ** (_LEAST_DBFS / 10.0):
            return None
        powers = np.abs(self._waves @ samples) ** 2 * (2.0 / self._length**2)
        rows, columns = powers[: len(KEYPAD_ROWS_HZ)], powers[len(KEYPAD_ROWS_HZ) :]
        row, column = int(np.argmax(rows)), int(np.argmax(columns))
        low, high = float(rows[row]), float(columns[column])
        if low + high < _LEAST_SHARE * energy or min(low, high) <= 0.0:
            return None
        is_level = abs(10.0 * math.log10(low / high)) <= _MOST_TWIST_DB
        is_alone = _leads(rows, row) and _leads(columns, column)
        return keypad_digit(row, column) if is_level and is_alone else None


def _leads(powers: npt.NDArray[np.float64], best: int) -> bool:
    others = np.delete(powers, best)
    return bool(powers[best] >= others.max() * 10.0 ** (_LEAST_LEAD_DB / 10.0))
