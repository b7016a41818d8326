"""Measuring audio: level, the power of one frequency, the dominant tone, when a tone starts.

Used to prove that people hear each other, not in the live path.
"""

import math
from typing import Final

import numpy as np

from linegram.audio.frame import FULL_SCALE, PcmFrame

SILENCE_DBFS: Final = -120.0
_WINDOW_MS: Final = 20


def level_dbfs(samples: PcmFrame) -> float:
    """Measure the RMS level; a full-scale sine is -3 dBFS, digital silence -120."""
    if not len(samples):
        return SILENCE_DBFS
    mean_square = float(np.mean(np.square(samples.astype(np.float64) / FULL_SCALE)))
    return _decibels(mean_square)


def tone_dbfs(samples: PcmFrame, frequency_hz: float, sample_hz: int) -> float:
    """Measure the level of one frequency (Goertzel's filter as a dot product).

    A pure tone measures the same here as with `level_dbfs`.
    """
    if not len(samples):
        return SILENCE_DBFS
    angles = 2.0 * math.pi * frequency_hz / sample_hz * np.arange(len(samples))
    scaled = samples.astype(np.float64) / FULL_SCALE
    real = float(np.dot(scaled, np.cos(angles)))
    imaginary = float(np.dot(scaled, np.sin(angles)))
    amplitude_square = (real * real + imaginary * imaginary) * 4.0 / len(samples) ** 2
    return _decibels(amplitude_square / 2.0)


def dominant_hz(samples: PcmFrame, sample_hz: int) -> float:
    """Find the strongest frequency, finer than one bin of the transform; 0.0 for silence."""
    if len(samples) < 8 or not np.any(samples):
        return 0.0
    windowed = samples.astype(np.float64) * np.hanning(len(samples))
    power = np.abs(np.fft.rfft(windowed)) ** 2
    power[0] = 0.0
    peak = int(np.argmax(power))
    return (peak + _peak_offset(power, peak)) * sample_hz / len(samples)


def has_tone(samples: PcmFrame, frequency_hz: float, sample_hz: int, *, margin_db: float = 6.0) -> bool:
    """Say whether the tone carries the sound: it is no more than `margin_db` below the whole level."""
    level = level_dbfs(samples)
    return level > -70.0 and tone_dbfs(samples, frequency_hz, sample_hz) >= level - margin_db


def tone_onset_s(
    samples: PcmFrame, frequency_hz: float, sample_hz: int, *, threshold_dbfs: float = -40.0
) -> float | None:
    """Find when the tone first exceeds the threshold, to within 5 ms; None if it never does."""
    window = sample_hz * _WINDOW_MS // 1000
    for start in range(0, max(0, len(samples) - window) + 1, window // 4):
        if tone_dbfs(samples[start : start + window], frequency_hz, sample_hz) >= threshold_dbfs:
            return start / sample_hz
    return None


def snr_db(reference: PcmFrame, received: PcmFrame) -> float:
    """Compare a received signal with its aligned reference; the level difference is taken out first."""
    wanted = reference.astype(np.float64)
    heard = received.astype(np.float64)
    energy = float(np.dot(wanted, wanted))
    if energy == 0.0:
        return SILENCE_DBFS
    fitted = wanted * (float(np.dot(wanted, heard)) / energy)
    noise = float(np.sum(np.square(heard - fitted)))
    signal = float(np.sum(np.square(fitted)))
    return 10.0 * math.log10(max(signal, 1e-12) / max(noise, 1e-12))


def _peak_offset(power: "np.ndarray[tuple[int], np.dtype[np.float64]]", peak: int) -> float:
    """Fit a parabola through the logarithms around the peak bin."""
    if not 0 < peak < len(power) - 1:
        return 0.0
    left, top, right = (math.log(max(float(power[peak + step]), 1e-30)) for step in (-1, 0, 1))
    curvature = left - 2.0 * top + right
    return 0.0 if curvature == 0.0 else 0.5 * (left - right) / curvature


def _decibels(mean_square: float) -> float:
    return max(SILENCE_DBFS, 10.0 * math.log10(max(mean_square, 1e-12)))
