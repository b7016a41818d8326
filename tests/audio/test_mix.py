"""Sums, gains and glides stay inside 16 bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from linegram.audio.frame import PcmFrame, silence
from linegram.audio.mix import apply_gain, cross_fade, mix

FRAMES = arrays(np.int16, 40)


@given(st.lists(FRAMES, min_size=1, max_size=5))
def test_a_mix_is_the_sum_held_at_full_scale(frames: list[PcmFrame]) -> None:
    exact = np.sum([frame.astype(np.int64) for frame in frames], axis=0)
    assert np.array_equal(mix(frames), np.clip(exact, -32_768, 32_767))


def test_one_frame_is_passed_on_and_none_is_a_mistake() -> None:
    frame = np.arange(5, dtype=np.int16)
    assert mix([frame]) is frame
    with pytest.raises(ValueError, match="nothing"):
        mix([])
    with pytest.raises(ValueError, match="broadcast"):
        mix([frame, np.zeros(6, np.int16)])


@given(FRAMES, st.floats(0, 8))
def test_gain_scales_and_saturates(frame: PcmFrame, gain: float) -> None:
    exact = np.clip(frame.astype(np.float64) * gain, -32_768, 32_767)
    assert np.abs(apply_gain(frame, gain) - exact).max() <= 1.0


def test_gain_of_one_costs_nothing() -> None:
    frame = np.arange(5, dtype=np.int16)
    assert apply_gain(frame, 1.0) is frame


@given(FRAMES, FRAMES)
def test_a_cross_fade_begins_with_the_old_and_stays_between_both(old: PcmFrame, new: PcmFrame) -> None:
    glide = cross_fade(old, new)
    assert glide[0] == old[0]
    assert np.all(glide >= np.minimum(old, new).astype(np.int32) - 1)
    assert np.all(glide <= np.maximum(old, new).astype(np.int32) + 1)


def test_silence_is_shared_and_cannot_be_written() -> None:
    assert silence(160) is silence(160)
    with pytest.raises(ValueError, match="read-only"):
        silence(160)[0] = 1
