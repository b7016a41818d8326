"""A signal that can be found again to the millisecond: chirps at a steady beat. Pure."""

import numpy as np
from numpy.typing import NDArray

EVERY_S = 2.0
LONGEST_DELAY_S = 1.5
_LENGTH_S = 0.06
_BAND_HZ = (900.0, 1100.0)
_LEVEL = 8_000
_LOWEST_LIKENESS = 0.5

Wave = NDArray[np.float64]


def chirp(rate_hz: int) -> Wave:
    """Make one chirp: a rising tone with soft edges."""
    at_s = np.arange(round(_LENGTH_S * rate_hz)) / rate_hz
    low_hz, high_hz = _BAND_HZ
    phase = 2 * np.pi * (low_hz * at_s + (high_hz - low_hz) / (2 * _LENGTH_S) * at_s**2)
    wave: Wave = _LEVEL * np.sin(phase) * np.hanning(len(at_s))
    return wave


def beat(rate_hz: int, seconds: float) -> NDArray[np.int16]:
    """Make `seconds` of silence with a chirp at every beat, the first one at once."""
    one = chirp(rate_hz).astype(np.int16)
    samples = np.zeros(round(seconds * rate_hz), dtype=np.int16)
    for start in range(0, len(samples) - len(one), round(EVERY_S * rate_hz)):
        samples[start : start + len(one)] = one
    return samples


def delays_ms(
    samples: NDArray[np.int16], arrival_s: NDArray[np.float64], rate_hz: int, said_at_s: float
) -> list[float]:
    """Give the delay of every chirp that was found; `arrival_s` holds the time of each 10 ms of `samples`."""
    one = chirp(rate_hz)
    frame = rate_hz // 100
    found = []
    for begins_s in np.arange(said_at_s, float(arrival_s[-1]) - EVERY_S, EVERY_S):
        first, last = np.searchsorted(arrival_s, (begins_s, begins_s + LONGEST_DELAY_S))
        window = samples[first * frame : last * frame].astype(np.float64)
        if len(window) < len(one):
            continue
        place = _find(one, window)
        if place is not None:
            # A frame is dated when it is whole, so its first sample is 10 ms older than that.
            at_s = arrival_s[first + place // frame] + (place % frame) / rate_hz - 0.01
            found.append((at_s - begins_s) * 1000)
    return found


def _find(one: Wave, window: Wave) -> int | None:
    """Find the place where the window is most like the chirp; None where nothing is."""
    size = len(window) + len(one)
    products = np.fft.irfft(np.fft.rfft(window, size) * np.conj(np.fft.rfft(one, size)), size)
    place = int(np.argmax(products[: len(window) - len(one) + 1]))
    heard = window[place : place + len(one)]
    likeness = products[place] / max(1.0, float(np.linalg.norm(heard) * np.linalg.norm(one)))
    return place if likeness >= _LOWEST_LIKENESS else None
