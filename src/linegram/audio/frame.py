"""What a PCM frame is, and silence. Knows no codec and no packet.

A frame is 16-bit signed mono audio in one numpy array; the usual length is
20 ms at 8, 16 or 48 kHz. Frames are passed by reference: nobody writes into a
frame that somebody else made.
"""

from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

PcmFrame: TypeAlias = npt.NDArray[np.int16]

FRAME_MS: Final = 20
FRAMES_PER_SECOND: Final = 1000 // FRAME_MS
NARROWBAND_HZ: Final = 8_000
WIDEBAND_HZ: Final = 16_000
FULLBAND_HZ: Final = 48_000
FULL_SCALE: Final = 32_768.0


def samples_per_frame(sample_hz: int, frame_ms: int = FRAME_MS) -> int:
    """Count the samples in `frame_ms` of audio at `sample_hz`."""
    return sample_hz * frame_ms // 1000


@lru_cache(maxsize=64)
def silence(sample_count: int) -> PcmFrame:
    """Give a read-only frame of zeros; equal lengths share one array."""
    frame = np.zeros(sample_count, np.int16)
    frame.flags.writeable = False
    return frame


def saturate(samples: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> PcmFrame:
    """Round to 16 bits; what is too loud is held at full scale instead of wrapping round."""
    held: PcmFrame = np.clip(np.rint(samples), -32_768, 32_767).astype(np.int16)
    return held
