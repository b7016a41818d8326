"""Whether a recording is one steady tone: strict about what is heard, not about where a cut was mended.

A jitter buffer shortens and lengthens sound by whole waves, which moves the phase: a measure over a second
calls that a broken tone, a measure by frames does not. Wrong, garbled or missing sound fails both.
"""

from itertools import groupby
from typing import Final

import numpy as np

from linegram.audio.spectrum import dominant_hz, level_dbfs, tone_dbfs
from linegram.voice.engine import PcmFrame

FRAME_S: Final = 0.05
_OFF_BY: Final = 0.02
_BESIDE_DB: Final = 1.0
"""The tone is no more than this below the whole frame: four fifths of its power."""

_QUIET_DBFS: Final = -40.0
_LONGEST_GAP_S: Final = 0.06
_MOST_WRONG: Final = 0.05
_FRAMES_OF_A_CUT: Final = 2
_FEWEST_FRAMES: Final = 20
_CHUNK_S: Final = 0.01


def tone_faults(heard: PcmFrame, tone_hz: int, sample_hz: int) -> list[str]:
    """Say in sentences what is wrong with a tone; nothing when 95 % of its 50 ms frames are right.

    Two frames may be wrong in any case: so many a mended cut can touch.
    """
    frames = _cut(heard, round(FRAME_S * sample_hz))
    if len(frames) < _FEWEST_FRAMES:
        return [f"only {len(frames)} frames were heard"]
    faults = []
    wrong = [at for at, frame in enumerate(frames) if not is_tone(frame, tone_hz, sample_hz)]
    if len(wrong) > max(_FRAMES_OF_A_CUT, len(frames) * _MOST_WRONG):
        faults.append(f"{len(wrong)} of {len(frames)} frames are not {tone_hz} Hz: {wrong[:20]}")
    if (gap_s := longest_gap_s(heard, sample_hz)) > _LONGEST_GAP_S:
        faults.append(f"silent for {gap_s:.2f} s")
    return faults


def is_tone(frame: PcmFrame, tone_hz: int, sample_hz: int) -> bool:
    """Say whether 50 ms are the tone, its frequency within 2 %, and nearly nothing else."""
    found_hz = dominant_hz(frame, sample_hz)
    level = level_dbfs(frame)
    return (
        level > _QUIET_DBFS
        and abs(found_hz - tone_hz) <= _OFF_BY * tone_hz
        and tone_dbfs(frame, found_hz, sample_hz) >= level - _BESIDE_DB
    )


def longest_gap_s(heard: PcmFrame, sample_hz: int) -> float:
    """Measure the longest silence inside a recording, in steps of 10 ms."""
    chunks = _cut(heard, round(_CHUNK_S * sample_hz))
    quiet = [level_dbfs(chunk) <= _QUIET_DBFS for chunk in chunks]
    return max((len(list(run)) for is_quiet, run in groupby(quiet) if is_quiet), default=0) * _CHUNK_S


def _cut(heard: PcmFrame, length: int) -> list[PcmFrame]:
    return [heard[at : at + length] for at in range(0, len(heard) - length + 1, length)]


def undisturbed(
    chunks: list[tuple[float, PcmFrame]], stalls: list[tuple[float, float]], *, recovery_s: float
) -> PcmFrame:
    """Give the longest stretch that no stall of the machine fell into, nor `recovery_s` after one.

    `chunks` are pieces of sound with when they came; a stall is when a late tick ran and how late it was.
    """
    spoilt = [(at - late_s, at + recovery_s) for at, late_s in stalls]
    runs: list[list[PcmFrame]] = [[]]
    for at, samples in chunks:
        if any(begin <= at <= end for begin, end in spoilt):
            runs.append([])
        else:
            runs[-1].append(samples)
    longest = max(runs, key=len)
    return np.concatenate(longest) if longest else np.zeros(0, np.int16)
