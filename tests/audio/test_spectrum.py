"""The measuring tools, against sounds whose measures are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.audio.frame import PcmFrame, silence
from linegram.audio.spectrum import dominant_hz, has_tone, level_dbfs, snr_db, tone_dbfs, tone_onset_s


def tone(frequency_hz: float, peak: float = 16_384, seconds: float = 0.5, sample_hz: int = 8_000) -> PcmFrame:
    angles = 2 * math.pi * frequency_hz / sample_hz * np.arange(round(sample_hz * seconds))
    samples: PcmFrame = np.rint(peak * np.sin(angles)).astype(np.int16)
    return samples


def test_a_half_scale_sine_is_9_dbfs_below_full_scale() -> None:
    assert level_dbfs(tone(500)) == pytest.approx(-9.03, abs=0.02)
    assert tone_dbfs(tone(500), 500, 8_000) == pytest.approx(-9.03, abs=0.02)


def test_silence_and_nothing_measure_as_silence() -> None:
    for samples in (silence(800), silence(0)):
        assert level_dbfs(samples) == tone_dbfs(samples, 425, 8_000) == -120.0
        assert dominant_hz(samples, 8_000) == 0.0
        assert not has_tone(samples, 425, 8_000)
        assert tone_onset_s(samples, 425, 8_000) is None


@settings(deadline=None)
@given(st.floats(100, 3_500), st.floats(200, 30_000))
def test_the_dominant_frequency_is_found_to_within_half_a_hertz(frequency_hz: float, peak: float) -> None:
    assert dominant_hz(tone(frequency_hz, peak), 8_000) == pytest.approx(frequency_hz, abs=0.5)


def test_another_tone_is_not_taken_for_ours() -> None:
    assert has_tone(tone(425), 425, 8_000)
    assert not has_tone(tone(625), 425, 8_000)
    assert not has_tone(tone(425, peak=5), 425, 8_000)


def test_the_onset_of_a_tone_is_found_to_within_10_ms() -> None:
    later = np.concatenate((tone(700, seconds=0.3), tone(425)))
    assert tone_onset_s(later, 425, 8_000, threshold_dbfs=-15) == pytest.approx(0.3, abs=0.015)
    assert tone_onset_s(later, 1_500, 8_000, threshold_dbfs=-15) is None


def test_noise_of_a_tenth_of_the_amplitude_is_20_db() -> None:
    reference = tone(500, seconds=2)
    noisy = (reference + np.random.default_rng(1).normal(0, 1_158, len(reference))).astype(np.int16)
    assert snr_db(reference, noisy) == pytest.approx(20, abs=0.3)
    assert snr_db(reference, reference // 2) > 50
    assert snr_db(silence(10), silence(10)) == -120.0
