"""What is invented for lost frames sounds like what was before, and joins without a click."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from linegram.audio.conceal import Concealer
from linegram.audio.frame import PcmFrame
from linegram.audio.spectrum import level_dbfs, snr_db


def tone(frequency_hz: float, frames: int, sample_hz: int = 8_000) -> list[PcmFrame]:
    count = sample_hz // 50
    angles = 2 * math.pi * frequency_hz / sample_hz * np.arange(frames * count)
    samples: PcmFrame = (8_000 * np.sin(angles)).astype(np.int16)
    return [samples[start : start + count] for start in range(0, len(samples), count)]


@pytest.mark.parametrize("frequency_hz", [100, 160, 250, 400, 800])
def test_a_voiced_sound_goes_on_in_phase(frequency_hz: int) -> None:
    frames = tone(frequency_hz, 4)
    concealer = Concealer(8_000)
    for frame in frames[:3]:
        concealer.heard(frame)
    invented = concealer.conceal(160)
    assert snr_db(frames[3][:80], invented[:80]) > 12
    assert -1.0 < level_dbfs(frames[3]) - level_dbfs(invented) < 4.0


def test_the_sound_fades_out_in_60_ms() -> None:
    concealer = Concealer(8_000)
    for frame in tone(250, 3):
        concealer.heard(frame)
    levels = [level_dbfs(concealer.conceal(160)) for _ in range(4)]
    assert levels[0] > levels[1] > levels[2] > levels[3] == -120.0


def test_the_first_good_frame_after_a_loss_is_joined_without_a_click() -> None:
    frames = tone(250, 6)
    concealer = Concealer(8_000)
    for frame in frames[:3]:
        concealer.heard(frame)
    lost = concealer.conceal(160)
    joined = np.concatenate((lost, concealer.heard(frames[4]))).astype(np.int32)
    steepest = 2 * math.pi * 250 / 8_000 * 8_000
    assert np.abs(np.diff(joined)).max() < 1.6 * steepest
    assert np.array_equal(joined[160 + 32 :], frames[4][32:])


def test_without_loss_frames_pass_untouched() -> None:
    concealer = Concealer(8_000)
    for frame in tone(250, 3):
        assert concealer.heard(frame) is frame


@settings(deadline=None)
@given(
    st.lists(st.none() | st.integers(0, 500).flatmap(lambda count: arrays(np.int16, count)), max_size=12),
    st.sampled_from([8_000, 16_000]),
)
def test_any_row_of_frames_and_losses_gives_as_many_samples_as_asked(
    fates: list[PcmFrame | None], sample_hz: int
) -> None:
    concealer = Concealer(sample_hz)
    for frame in fates:
        played = concealer.conceal(160) if frame is None else concealer.heard(frame)
        assert len(played) == (160 if frame is None else len(frame))
        assert played.dtype == np.int16
