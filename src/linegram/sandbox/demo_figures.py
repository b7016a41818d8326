"""Did people hear each other? What was heard is found again in what was said, piece by piece. Pure.

A piece counts as found where the two waveforms look alike, whatever their
level: noise, silence, a tone or somebody else's words do not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from linegram.audio.frame import PcmFrame
from linegram.audio.spectrum import SILENCE_DBFS, level_dbfs
from linegram.sandbox.pbx_audio import Track

LOWEST_SIMILARITY: Final = 0.7
"""Below this, nobody heard the other: another's words reach 0.3, codecs and jitter buffers leave 0.9."""
PIECE_S: Final = 0.2
_EARLIEST_S: Final = -0.05
_LATEST_S: Final = 1.5
_AUDIBLE_DBFS: Final = -45.0
_BAND_HZ: Final = (200.0, 3400.0)

Wave: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hearing:
    """How well one person heard the other.

    `similarity` is 1.0 for the same waveform and 0.0 for nothing of it; `delay_ms` (from the moment a
    frame was said to the moment it was handed to the ear) is None where nothing was found.
    """

    similarity: float
    delay_ms: float | None
    level_dbfs: float
    found_percent: float

    @property
    def is_heard(self) -> bool:
        """Whether it was the other who was heard."""
        return self.similarity >= LOWEST_SIMILARITY


@dataclass(frozen=True, slots=True)
class _Match:
    likeness: float
    delay_s: float


def compare(said: Track, heard: Track) -> Hearing:
    """Find each audible piece of what was said in what was heard around its time."""
    if not len(said.samples) or not len(heard.samples):
        return Hearing(0.0, None, SILENCE_DBFS, 0.0)
    heard_wave = _telephone_band(heard.samples, heard.rate_hz)
    matches = [
        _find(said, heard, heard_wave, piece)
        for piece in _pieces(_telephone_band(said.samples, said.rate_hz), said.rate_hz)
    ]
    found = [match for match in matches if match.likeness >= LOWEST_SIMILARITY]
    return Hearing(
        similarity=float(np.mean([match.likeness for match in matches])) if matches else 0.0,
        delay_ms=float(np.median([match.delay_s for match in found])) * 1000 if found else None,
        level_dbfs=_level_of_sound(heard.samples),
        found_percent=100.0 * len(found) / len(matches) if matches else 0.0,
    )


def _pieces(wave: Wave, rate_hz: int) -> Iterator[tuple[int, Wave]]:
    """Give the audible pieces with their places."""
    size = round(PIECE_S * rate_hz)
    for start in range(0, len(wave) - size + 1, size):
        piece = wave[start : start + size]
        if level_dbfs(piece.astype(np.int16)) > _AUDIBLE_DBFS:
            yield start, piece


def _find(said: Track, heard: Track, heard_wave: Wave, piece: tuple[int, Wave]) -> _Match:
    start, wave = piece
    said_at_s = said.time_of(start)
    around_s = (said_at_s + _EARLIEST_S, said_at_s + PIECE_S + _LATEST_S)
    first, last = (int(frame) * heard.frame_samples for frame in np.searchsorted(heard.times_s, around_s))
    window = heard_wave[first:last]
    if len(window) < len(wave):
        return _Match(0.0, 0.0)
    likeness = _likeness(wave, window)
    best = int(np.argmax(likeness))
    return _Match(float(likeness[best]), heard.time_of(first + best) - said_at_s)


def _likeness(piece: Wave, window: Wave) -> Wave:
    """Give the normalised cross-correlation of a piece with each place of a window."""
    size = len(window) + len(piece)
    spectrum = np.fft.rfft(window, size) * np.conj(np.fft.rfft(piece, size))
    products = np.fft.irfft(spectrum, size)[: len(window) - len(piece) + 1]
    sums = np.concatenate(([0.0], np.cumsum(window**2)))
    energies = sums[len(piece) :] - sums[: -len(piece)]
    floor = len(piece)  # one step of 16 bits: silence is like nothing
    result: Wave = products / np.sqrt(np.maximum(energies, floor) * max(float(np.sum(piece**2)), floor))
    return result


def _telephone_band(samples: PcmFrame, rate_hz: int) -> Wave:
    """Keep what every telephone carries."""
    spectrum = np.fft.rfft(samples.astype(np.float64))
    frequencies_hz = np.fft.rfftfreq(len(samples), 1.0 / rate_hz)
    spectrum[(frequencies_hz < _BAND_HZ[0]) | (frequencies_hz > _BAND_HZ[1])] = 0.0
    wave: Wave = np.fft.irfft(spectrum, len(samples))
    return wave


def _level_of_sound(samples: PcmFrame) -> float:
    """Measure the level where there is sound at all."""
    size = 320
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    loud = [frame for frame in frames if level_dbfs(frame) > _AUDIBLE_DBFS]
    return level_dbfs(np.concatenate(loud)) if loud else SILENCE_DBFS
