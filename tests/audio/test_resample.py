"""Rates change; nothing else does."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.audio.frame import PcmFrame
from linegram.audio.resample import Resampler
from linegram.audio.spectrum import dominant_hz, level_dbfs, tone_dbfs

PAIRS = [
    (8_000, 16_000),
    (8_000, 48_000),
    (16_000, 8_000),
    (16_000, 48_000),
    (48_000, 8_000),
    (48_000, 16_000),
]


def tone(sample_hz: int, frequency_hz: float, seconds: float = 1.0) -> PcmFrame:
    angles = 2 * math.pi * frequency_hz / sample_hz * np.arange(int(sample_hz * seconds))
    samples: PcmFrame = (10_000 * np.sin(angles)).astype(np.int16)
    return samples


def convert(samples: PcmFrame, from_hz: int, to_hz: int) -> list[PcmFrame]:
    resampler, step = Resampler(from_hz, to_hz), from_hz // 50
    return [resampler.convert(samples[start : start + step]) for start in range(0, len(samples), step)]


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_every_frame_gives_exactly_one_frame(from_hz: int, to_hz: int) -> None:
    frames = convert(tone(from_hz, 440), from_hz, to_hz)
    assert {len(frame) for frame in frames} == {to_hz // 50}


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_tone_keeps_its_frequency_level_and_purity(from_hz: int, to_hz: int) -> None:
    samples = tone(from_hz, 1_000)
    heard = np.concatenate(convert(samples, from_hz, to_hz))[to_hz // 10 :]
    assert dominant_hz(heard, to_hz) == pytest.approx(1_000, abs=0.5)
    assert level_dbfs(heard) == pytest.approx(level_dbfs(samples), abs=0.1)
    assert tone_dbfs(heard, 1_000, to_hz) == pytest.approx(level_dbfs(heard), abs=0.01)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_delay_is_below_4_ms_and_known(from_hz: int, to_hz: int) -> None:
    click = np.zeros(from_hz // 5, np.int16)
    click[from_hz // 10] = 30_000
    heard = np.concatenate(convert(click, from_hz, to_hz))
    delay_ms = (int(np.argmax(np.abs(heard))) / to_hz - 0.1) * 1000
    assert delay_ms <= 4.0
    assert Resampler(from_hz, to_hz).delay_ms == pytest.approx(delay_ms, abs=0.2)


def test_what_the_lower_rate_cannot_hold_is_filtered_out() -> None:
    heard = np.concatenate(convert(tone(48_000, 6_000), 48_000, 8_000))[800:]
    assert level_dbfs(heard) < -70


def test_ten_minutes_of_telephone_audio_do_not_drift_by_a_sample() -> None:
    resampler, frame = Resampler(8_000, 48_000), tone(8_000, 300, 0.02)
    assert sum(len(resampler.convert(frame)) for _ in range(30_000)) == 30_000 * 960


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 900), max_size=30), st.sampled_from([*PAIRS, (44_100, 8_000), (8_000, 8_000)]))
def test_odd_frame_lengths_are_kept_to_within_the_filter(lengths: list[int], pair: tuple[int, int]) -> None:
    from_hz, to_hz = pair
    resampler = Resampler(from_hz, to_hz)
    given_samples = taken_samples = 0
    for length in lengths:
        given_samples += length
        taken_samples += len(resampler.convert(np.zeros(length, np.int16)))
        assert 0 <= given_samples * to_hz / from_hz - taken_samples <= 1 + to_hz * 0.004


def test_the_same_input_gives_the_same_output() -> None:
    samples = tone(16_000, 700, 0.4)
    first, second = (np.concatenate(convert(samples, 16_000, 48_000)) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Resampler(0, 8_000)
