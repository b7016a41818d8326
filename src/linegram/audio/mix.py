"""Adding frames together and changing their loudness."""

from collections.abc import Sequence

import numpy as np

from linegram.audio.frame import PcmFrame, saturate


def mix(frames: Sequence[PcmFrame]) -> PcmFrame:
    """Add frames of one length; the sum saturates. One frame comes back as it is.

    Raises ValueError without frames or when their lengths differ.
    """
    if not frames:
        raise ValueError("nothing to mix")
    if len(frames) == 1:
        return frames[0]
    total = frames[0].astype(np.int32)
    for frame in frames[1:]:
        total += frame
    return saturate(total)


def apply_gain(frame: PcmFrame, gain: float) -> PcmFrame:
    """Multiply the amplitude by `gain` (1.0 changes nothing), saturating."""
    if gain == 1.0:
        return frame
    return saturate(frame.astype(np.float32) * gain)


def cross_fade(old: PcmFrame, new: PcmFrame) -> PcmFrame:
    """Glide from `old` into `new`, two frames of one length, over that whole length."""
    rising = np.linspace(0.0, 1.0, len(old), endpoint=False, dtype=np.float32)
    return saturate(old * (1.0 - rising) + new * rising)
