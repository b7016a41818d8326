"""Covering lost frames for codecs that have no concealment of their own.

The last pitch period is repeated while it fades out over 60 ms, and the first
good frame afterwards is faded in: the idea of G.711 Appendix I, made small.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from linegram.audio.frame import PcmFrame, saturate, silence

_SHORTEST_PERIOD_MS: Final = 2.5
_LONGEST_PERIOD_MS: Final = 15
_FADE_OUT_MS: Final = 60
_FADE_IN_MS: Final = 4


class Concealer:
    """Remembers the last good audio of one direction of one stream."""

    def __init__(self, sample_hz: int) -> None:
        self._sample_hz = sample_hz
        self._before: PcmFrame = silence(0)
        self._last: PcmFrame = silence(0)
        self._period: npt.NDArray[np.float32] | None = None
        self._concealed_samples = 0

    def heard(self, frame: PcmFrame) -> PcmFrame:
        """Take in a good frame and give what to play: the same, or faded in after a loss."""
        if self._period is not None:
            frame = self._fade_in(frame)
            self._period = None
            self._concealed_samples = 0
        self._before = self._last
        self._last = frame
        return frame

    def conceal(self, sample_count: int) -> PcmFrame:
        """Invent `sample_count` samples that continue what was heard last; silence after 60 ms."""
        if self._period is None:
            self._period = self._last_period()
        frame = self._continue(sample_count)
        self._concealed_samples += sample_count
        return frame

    def _continue(self, sample_count: int) -> PcmFrame:
        period = self._period
        fade_length = self._sample_hz * _FADE_OUT_MS // 1000
        if period is None or not len(period) or self._concealed_samples >= fade_length:
            return silence(sample_count)
        positions = np.arange(self._concealed_samples, self._concealed_samples + sample_count)
        envelope = np.maximum(0.0, 1.0 - positions / fade_length)
        return saturate(period[positions % len(period)] * envelope)

    def _fade_in(self, frame: PcmFrame) -> PcmFrame:
        length = min(self._sample_hz * _FADE_IN_MS // 1000, len(frame))
        rising = np.linspace(0.0, 1.0, length, endpoint=False, dtype=np.float32)
        joined = frame.copy()
        joined[:length] = saturate(frame[:length] * rising + self._continue(length) * (1.0 - rising))
        return joined

    def _last_period(self) -> npt.NDArray[np.float32]:
        """Cut out the last pitch period by the best normalised autocorrelation."""
        history = np.concatenate((self._before, self._last)).astype(np.float32)
        shortest = int(self._sample_hz * _SHORTEST_PERIOD_MS / 1000)
        longest = min(self._sample_hz * _LONGEST_PERIOD_MS // 1000, len(history) // 2)
        if longest <= shortest or not np.any(history):
            return history[len(history) - longest :]
        pattern = history[-longest:]
        lags = np.arange(shortest, longest + 1)
        windows = np.lib.stride_tricks.sliding_window_view(history, longest)[len(history) - longest - lags]
        energy = np.sqrt(np.sum(np.square(windows), axis=1)) + 1.0
        best = int(lags[int(np.argmax((windows @ pattern) / energy))])
        return history[-best:]
