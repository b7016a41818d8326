"""Keypad tones are heard in audio; speech, music and single tones are not taken for keys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.audio.frame import PcmFrame, silence
from linegram.audio.g711 import G711Codec
from linegram.audio.keypad_detector import KeypadDetector
from linegram.audio.tones import Cadence, ToneGenerator, keypad_cadence, parse_cadence
from linegram.rtp.telephone_event import DIGITS

HZ = 8000


def sound(cadence: Cadence, seconds: float, level_dbfs: float = -16.0, sample_hz: int = HZ) -> PcmFrame:
    return ToneGenerator(cadence, sample_hz, level_dbfs).frame(int(seconds * sample_hz))


def pressed(digits: str, duration_ms: int = 100, pause_ms: int = 60, sample_hz: int = HZ) -> PcmFrame:
    return np.concatenate(
        [
            silence(100),
            *(
                sound(
                    keypad_cadence(d, duration_ms, pause_ms),
                    (duration_ms + pause_ms) / 1000,
                    sample_hz=sample_hz,
                )
                for d in digits
            ),
        ]
    )


def heard(samples: PcmFrame, sample_hz: int = HZ, step: int = 160) -> str:
    detector = KeypadDetector(sample_hz)
    return "".join(
        digit for at in range(0, len(samples), step) for digit in detector.hear(samples[at : at + step])
    )


@pytest.mark.parametrize("sample_hz", [8000, 16000, 48000])
def test_every_key_is_heard_once_and_in_order(sample_hz: int) -> None:
    assert heard(pressed(DIGITS, sample_hz=sample_hz), sample_hz) == DIGITS


def test_the_same_key_twice_is_two_keys() -> None:
    assert heard(pressed("5500")) == "5500"


def test_a_long_press_is_one_key() -> None:
    assert heard(pressed("7", duration_ms=3000)) == "7"


@settings(max_examples=30, deadline=None)
@given(
    st.text(DIGITS, min_size=1, max_size=8), st.integers(50, 200), st.integers(45, 120), st.integers(1, 500)
)
def test_any_number_arrives_whatever_the_rhythm_and_the_frames(
    digits: str, duration_ms: int, pause_ms: int, step: int
) -> None:
    assert heard(pressed(digits, duration_ms, pause_ms), step=step) == digits


def test_keys_survive_a_law_and_noise() -> None:
    codec = G711Codec("PCMA")
    noise = np.random.default_rng(1).normal(0, 150, 16 * 1280 + 100).astype(np.int16)
    clean = pressed(DIGITS)
    noisy = (clean + noise[: len(clean)]).astype(np.int16)
    assert heard(codec.decode(codec.encode(noisy))) == DIGITS


@pytest.mark.parametrize(
    "cadence", ["350+440/1000", "425/1000", "697/1000", "1209/1000", "697+770/1000", "697+1209+1600/1000"]
)
def test_other_tones_are_no_keys(cadence: str) -> None:
    assert heard(sound(parse_cadence(cadence), 2.0)) == ""


def test_noise_and_silence_are_no_keys() -> None:
    noise = np.random.default_rng(2).normal(0, 4000, 60 * HZ).clip(-32000, 32000).astype(np.int16)
    assert heard(noise) == ""
    assert heard(silence(HZ)) == ""


def test_sounds_like_speech_are_no_keys() -> None:
    random = np.random.default_rng(3)
    t = np.arange(60 * HZ) / HZ
    pitch = 120 + 40 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / HZ
    voice = sum(
        np.sin(phase * k) / k * (1 + np.sin(2 * np.pi * random.uniform(1, 4) * t)) for k in range(1, 20)
    )
    assert heard((3000 * np.asarray(voice)).clip(-32000, 32000).astype(np.int16)) == ""


def test_a_tone_that_is_too_short_or_too_soft_is_no_key() -> None:
    assert heard(pressed("5", duration_ms=15)) == ""
    assert heard(sound(keypad_cadence("5", 500), 0.5, level_dbfs=-50.0)) == ""
