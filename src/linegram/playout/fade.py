"""How loud invented sound may be: full for a moment, then less, then nothing; and softly back.

A decoder left alone drones on for as long as it is asked, and the sound after that would begin with a click.
"""

from typing import Final

import numpy as np

from linegram.audio.frame import PcmFrame, saturate, silence

_FULL_MS: Final = 80
_GONE_MS: Final = 200
_RETURN_MS: Final = 5


class Fade:
    """Follows how long sound has been invented, in milliseconds of it."""

    def __init__(self, sample_hz: int) -> None:
        self._per_ms = sample_hz / 1000
        self._invented_ms = 0.0

    def invented(self, samples: PcmFrame) -> PcmFrame:
        """Give invented samples the loudness that is left for them."""
        begins_ms = self._invented_ms
        self._invented_ms += len(samples) / self._per_ms
        if self._invented_ms <= _FULL_MS:
            return samples
        if begins_ms >= _GONE_MS:
            return silence(len(samples))
        at_ms = begins_ms + np.arange(len(samples)) / self._per_ms
        loudness = np.clip((_GONE_MS - at_ms) / (_GONE_MS - _FULL_MS), 0.0, 1.0)
        return saturate(samples * loudness)

    def silence(self, sample_count: int) -> PcmFrame:
        """Give silence; what comes after it begins softly."""
        self._invented_ms = _GONE_MS
        return silence(sample_count)

    def heard(self, samples: PcmFrame) -> PcmFrame:
        """Let real sound through, softly at first if what was invented before it had become quiet."""
        quiet_ms, self._invented_ms = self._invented_ms, 0.0
        if quiet_ms <= _FULL_MS or not len(samples):
            return samples
        left = max(0.0, (_GONE_MS - quiet_ms) / (_GONE_MS - _FULL_MS))
        count = min(len(samples), round(_RETURN_MS * self._per_ms))
        joined = samples.copy()
        joined[:count] = saturate(samples[:count] * np.linspace(left, 1.0, count, endpoint=False))
        return joined
