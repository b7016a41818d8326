"""Call-progress tones and keypad tones, made frame by frame.

Which tone sounds how is data: a cadence can come from the configuration, since
every country has its own (ITU-T E.180 Supplement 2).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from linegram.audio.frame import FULL_SCALE, PcmFrame, samples_per_frame, saturate, silence

RAMP_MS: Final = 5
DEFAULT_LEVEL_DBFS: Final = -16.0


@dataclass(frozen=True, slots=True)
class Beat:
    """One piece of a cadence: all its frequencies at once, or silence without any."""

    frequencies_hz: tuple[float, ...]
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Cadence:
    """A tone as a row of beats, repeated for ever or played once."""

    beats: tuple[Beat, ...]
    is_repeated: bool = True

    def __post_init__(self) -> None:
        if not self.beats or any(beat.duration_ms <= 0 for beat in self.beats):
            raise ValueError("a cadence needs beats, each longer than nothing")


def parse_cadence(text: str) -> Cadence:
    """Read a cadence such as `425/1000,0/4000` or `350+440/2000`; a leading `!` plays it once.

    Each beat is frequencies (Hz, joined by `+`, 0 for silence) over a duration (ms).
    Raises ValueError with the beat that cannot be read.
    """
    is_repeated = not text.startswith("!")
    beats = tuple(_parse_beat(piece) for piece in text.removeprefix("!").split(","))
    return Cadence(beats, is_repeated)


def _parse_beat(piece: str) -> Beat:
    frequencies, separator, duration = piece.strip().partition("/")
    try:
        heard = tuple(float(part) for part in frequencies.split("+"))
        if not separator or not all(0 <= frequency < 4000 for frequency in heard):
            raise ValueError
        return Beat(tuple(frequency for frequency in heard if frequency), int(duration))
    except ValueError:
        raise ValueError(f"not a beat of a cadence: {piece.strip()!r}") from None


DEFAULT_CADENCES: Final[Mapping[str, Cadence]] = MappingProxyType(
    {
        "dial": parse_cadence("425/1000"),
        "ring_back": parse_cadence("425/1000,0/4000"),
        "busy": parse_cadence("425/400,0/400"),
        "congestion": parse_cadence("425/200,0/200"),
        "waiting": parse_cadence("425/200,0/200,425/200,0/9400"),
    }
)

KEYPAD_ROWS_HZ: Final = (697.0, 770.0, 852.0, 941.0)
KEYPAD_COLUMNS_HZ: Final = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYS: Final = ("123A", "456B", "789C", "*0#D")


def keypad_digit(row: int, column: int) -> str:
    """Name the key of a row and a column."""
    return _KEYS[row][column]


def keypad_cadence(digit: str, duration_ms: int = 100, pause_ms: int = 60) -> Cadence:
    """Give the tone pair of one key of the telephone (ITU-T Q.23), once.

    Raises ValueError for anything but one of `0-9*#A-D`.
    """
    for row_hz, keys in zip(KEYPAD_ROWS_HZ, _KEYS, strict=True):
        if len(digit) == 1 and digit in keys:
            pair = (row_hz, KEYPAD_COLUMNS_HZ[keys.index(digit)])
            return Cadence((Beat(pair, duration_ms), Beat((), pause_ms)), is_repeated=False)
    raise ValueError(f"no key of the telephone: {digit!r}")


class ToneGenerator:
    """Plays one cadence; phase runs on over frame borders, beats have soft edges."""

    def __init__(self, cadence: Cadence, sample_hz: int, level_dbfs: float = DEFAULT_LEVEL_DBFS) -> None:
        self._cadence = cadence
        self._sample_hz = sample_hz
        self._amplitude = FULL_SCALE * math.sqrt(2.0) * 10.0 ** (level_dbfs / 20.0)
        self._ramp = samples_per_frame(sample_hz, RAMP_MS)
        self._position = 0
        self._beat_index = 0
        self._beat_start = 0

    @property
    def is_finished(self) -> bool:
        """Say whether a cadence that plays once is over."""
        return self._beat_index >= len(self._cadence.beats)

    def frame(self, sample_count: int | None = None) -> PcmFrame:
        """Make the next frame (20 ms unless told otherwise); silence once finished."""
        count = samples_per_frame(self._sample_hz) if sample_count is None else sample_count
        pieces: list[PcmFrame] = []
        while count and not self.is_finished:
            piece = self._piece(count)
            count -= len(piece)
            pieces.append(piece)
        if count:
            pieces.append(silence(count))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces or [silence(0)])

    def _piece(self, most: int) -> PcmFrame:
        """Make what is left of the current beat, at most `most` samples."""
        beat = self._cadence.beats[self._beat_index]
        length = samples_per_frame(self._sample_hz, beat.duration_ms)
        count = min(most, self._beat_start + length - self._position)
        piece = self._sound(beat, length, count) if beat.frequencies_hz else silence(count)
        self._position += count
        if self._position >= self._beat_start + length:
            self._next_beat()
        return piece

    def _sound(self, beat: Beat, length: int, count: int) -> PcmFrame:
        positions = np.arange(self._position, self._position + count)
        total = np.zeros(count)
        for frequency in beat.frequencies_hz:
            total += np.sin(2.0 * math.pi * frequency / self._sample_hz * positions)
        scale = self._amplitude / math.sqrt(len(beat.frequencies_hz))
        return saturate(total * scale * self._envelope(positions - self._beat_start, length))

    def _envelope(self, offsets: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.float64] | float:
        """Soften both edges of a beat; a cadence of one endless beat has only its first edge."""
        if self._is_steady:
            return np.minimum(1.0, (offsets + self._beat_start) / self._ramp)
        edge = np.minimum(offsets, length - 1 - offsets)
        return np.clip(edge / self._ramp, 0.0, 1.0)

    @property
    def _is_steady(self) -> bool:
        return self._cadence.is_repeated and len(self._cadence.beats) == 1

    def _next_beat(self) -> None:
        self._beat_start = self._position
        self._beat_index += 1
        if self._cadence.is_repeated:
            self._beat_index %= len(self._cadence.beats)
