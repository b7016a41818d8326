"""Audio made shorter or longer keeps its sound."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from linegram.audio.frame import PcmFrame, silence
from linegram.audio.spectrum import tone_dbfs
from linegram.audio.splice import lengthen, shorten


def tone(frequency_hz: float, count: int, sample_hz: int = 8_000) -> PcmFrame:
    angles = 2 * math.pi * frequency_hz / sample_hz * np.arange(count)
    samples: PcmFrame = (8_000 * np.sin(angles)).astype(np.int16)
    return samples


@pytest.mark.parametrize("change", [shorten, lengthen])
@pytest.mark.parametrize("sample_hz", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("frequency_hz", [120, 425, 700])
def test_a_tone_runs_on_in_phase(
    change: Callable[[PcmFrame, int], PcmFrame], sample_hz: int, frequency_hz: float
) -> None:
    """A break of the phase would take the tone out of the middle and its power out of the whole."""
    count = sample_hz * 40 // 1000
    whole = tone(frequency_hz, 6 * count, sample_hz)
    spliced = np.concatenate((change(whole[:count], sample_hz), whole[count:]))
    assert tone_dbfs(spliced, frequency_hz, sample_hz) > tone_dbfs(whole, frequency_hz, sample_hz) - 0.6
    steepest = 2 * math.pi * frequency_hz / sample_hz * 8_000
    assert np.abs(np.diff(spliced.astype(np.int32))).max() < 1.8 * steepest + 1


@settings(deadline=None)
@given(st.integers(0, 700).flatmap(lambda count: arrays(np.int16, count)), st.sampled_from([8_000, 16_000]))
def test_the_change_is_10_to_20_ms_for_40_and_less_for_less(samples: PcmFrame, sample_hz: int) -> None:
    shorter, longer = shorten(samples, sample_hz), lengthen(samples, sample_hz)
    window = min(len(samples) // 2, sample_hz // 50)
    taken, put = len(samples) - len(shorter), len(longer) - len(samples)
    assert taken == put
    assert (window // 2 <= taken <= window) if window >= 4 else taken == 0
    assert shorter.dtype == longer.dtype == np.int16
    assert np.array_equal(longer[:1], samples[:1])
    assert np.array_equal(longer[-1:], samples[-1:])


def test_silence_stays_silence() -> None:
    assert not np.any(shorten(silence(320), 8_000))
    assert not np.any(lengthen(silence(320), 8_000))
