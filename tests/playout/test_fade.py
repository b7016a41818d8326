"""Invented sound: full, then dying, then gone; real sound after it begins softly, and otherwise untouched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.audio.frame import PcmFrame
from linegram.playout.fade import Fade


def loud(ms: int = 20, sample_hz: int = 8_000) -> PcmFrame:
    return np.full(ms * sample_hz // 1000, 10_000, np.int16)


@pytest.mark.parametrize("sample_hz", [8_000, 48_000])
def test_80_ms_are_full_and_after_200_there_is_silence(sample_hz: int) -> None:
    fade = Fade(sample_hz)
    levels = [int(fade.invented(loud(20, sample_hz)).max()) for _ in range(12)]
    assert levels[:4] == [10_000] * 4
    assert levels[4:10] == sorted(levels[4:10], reverse=True)
    assert levels[5] < 10_000
    assert levels[9] < 2_000
    assert levels[10:] == [0, 0]


def test_real_sound_after_silence_rises_in_5_ms() -> None:
    fade = Fade(8_000)
    assert not fade.silence(160).any()
    heard = fade.heard(loud())
    assert heard[0] == 0
    assert list(heard[:40]) == sorted(heard[:40])
    assert np.array_equal(heard[40:], loud()[40:])
    frame = loud()
    assert fade.heard(frame) is frame


def test_real_sound_goes_on_from_the_loudness_that_was_left() -> None:
    fade = Fade(8_000)
    for _ in range(7):
        fade.invented(loud())
    assert 4_500 < int(fade.heard(loud())[0]) < 5_500


def test_after_a_short_loss_real_sound_is_untouched() -> None:
    fade = Fade(8_000)
    for _ in range(4):
        fade.invented(loud())
    frame = loud()
    assert fade.heard(frame) is frame


@given(st.lists(st.tuples(st.sampled_from(["invented", "heard"]), st.integers(0, 900)), max_size=30))
def test_lengths_are_kept(steps: list[tuple[str, int]]) -> None:
    fade = Fade(8_000)
    for kind, count in steps:
        samples = np.full(count, -32_768, np.int16)
        given_back = fade.invented(samples) if kind == "invented" else fade.heard(samples)
        assert len(given_back) == count
        assert given_back.dtype == np.int16
