"""A made-up voice: syllables of vowels with pitch, formants and pauses, the same for the same seed.

It stays below 3.4 kHz, so that any telephone codec can carry all of it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt

from linegram.audio.frame import FULL_SCALE, PcmFrame, saturate

LEVEL_DBFS: Final = -20.0
_HIGHEST_HZ: Final = 3400.0
_VOWELS_HZ: Final = (
    (730.0, 1090.0, 2440.0),
    (530.0, 1840.0, 2480.0),
    (300.0, 2250.0, 2900.0),
    (570.0, 840.0, 2410.0),
    (320.0, 870.0, 2240.0),
)
"""Formants of a, e, i, o, u."""
_GAINS: Final = (1.0, 0.6, 0.3)
_BANDWIDTHS_HZ: Final = (80.0, 110.0, 160.0)
_RAMP_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose voice it is."""

    pitch_hz: float
    seed: int
    tract: float = 1.0


def speech(speaker: Speaker, duration_s: float, rate_hz: int) -> PcmFrame:
    """Speak for so long, at 16 bits and a level of -20 dBFS while there is voice."""
    random = Random(speaker.seed)
    sound = np.zeros(round(duration_s * rate_hz))
    at = 0
    for length_s, pause_s in _rhythm(random):
        syllable = _syllable(speaker, length_s, rate_hz, random)
        piece = syllable[: len(sound) - at]
        sound[at : at + len(piece)] = piece
        at += len(syllable) + round(pause_s * rate_hz)
        if at >= len(sound):
            break
    voiced = sound[np.abs(sound) > 0.0]
    wanted = FULL_SCALE * 10.0 ** (LEVEL_DBFS / 20.0)
    return saturate(sound * (wanted / math.sqrt(float(np.mean(voiced**2)))))


def _rhythm(random: Random) -> Iterator[tuple[float, float]]:
    """Give the length of each syllable, and of the pause behind it."""
    while True:
        for left in range(random.randint(4, 7), 0, -1):
            pause_s = random.uniform(0.01, 0.05) if left > 1 else random.uniform(0.2, 0.35)
            yield random.uniform(0.11, 0.24), pause_s


def _syllable(speaker: Speaker, length_s: float, rate_hz: int, random: Random) -> npt.NDArray[np.float64]:
    count = round(length_s * rate_hz)
    rise = random.uniform(0.85, 1.2), random.uniform(0.8, 1.15)
    pitch_hz = speaker.pitch_hz * np.linspace(*rise, count)
    phase = 2.0 * math.pi * np.cumsum(pitch_hz) / rate_hz
    formants_hz = [speaker.tract * formant for formant in random.choice(_VOWELS_HZ)]
    sound = np.zeros(count)
    for number in range(1, int(_HIGHEST_HZ / pitch_hz.max()) + 1):
        sound += _loudness(number * pitch_hz, formants_hz) * np.sin(number * phase) / math.sqrt(number)
    ramp = np.minimum(1.0, np.arange(count) / (_RAMP_S * rate_hz))
    loudness = random.uniform(0.6, 1.0)
    result: npt.NDArray[np.float64] = loudness * sound * ramp * ramp[::-1]
    return result


def _loudness(harmonic_hz: npt.NDArray[np.float64], formants_hz: list[float]) -> npt.NDArray[np.float64]:
    loudness = np.full(len(harmonic_hz), 0.02)
    for formant_hz, gain, bandwidth_hz in zip(formants_hz, _GAINS, _BANDWIDTHS_HZ, strict=True):
        loudness += gain / (1.0 + ((harmonic_hz - formant_hz) / bandwidth_hz) ** 2)
    return loudness
