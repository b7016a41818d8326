"""Making a piece of audio a little shorter or longer, in step with its own period, hardly heard.

The classical overlap-add: two places that sound alike are laid over each other
and faded, so a voice keeps its pitch and a tone its phase.
"""

from typing import Final

import numpy as np

from linegram.audio.frame import PcmFrame
from linegram.audio.mix import cross_fade

_LONGEST_MS: Final = 20


def shorten(samples: PcmFrame, sample_hz: int) -> PcmFrame:
    """Take out a quarter to a half of the samples, at most 20 ms; fewer than eight stay as they are."""
    window = _window(samples, sample_hz)
    shift = _best_shift(samples, window)
    if not shift:
        return samples
    overlap = cross_fade(samples[:window], samples[shift : shift + window])
    return np.concatenate((overlap, samples[shift + window :]))


def lengthen(samples: PcmFrame, sample_hz: int) -> PcmFrame:
    """Put in a quarter to a half as many samples, at most 20 ms; fewer than eight stay as they are."""
    window = _window(samples, sample_hz)
    shift = _best_shift(samples, window)
    if not shift:
        return samples
    overlap = cross_fade(samples[shift : shift + window], samples[:window])
    return np.concatenate((samples[:shift], overlap, samples[window:]))


def _window(samples: PcmFrame, sample_hz: int) -> int:
    return min(len(samples) // 2, sample_hz * _LONGEST_MS // 1000)


def _best_shift(samples: PcmFrame, window: int) -> int:
    """Find how far on the sound of the first window comes back best; 0 when there is too little sound."""
    if window < 4:
        return 0
    sound = samples.astype(np.float32)
    shortest = window // 2
    places = np.lib.stride_tricks.sliding_window_view(sound[shortest : 2 * window], window)
    loudness = np.sqrt(np.sum(np.square(places), axis=1)) + 1.0
    return shortest + int(np.argmax((places @ sound[:window]) / loudness))
