"""What was heard of a person is measured: speech, claps, tones, keys, our own echo."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.audio.frame import PcmFrame, saturate, silence
from linegram.audio.tones import Beat, Cadence, ToneGenerator, keypad_cadence, parse_cadence
from linegram.cli.fieldtest.listening import Heard, listen
from linegram.cli.fieldtest.programme import Programme

RATE_HZ = 16_000
PROGRAMME = Programme()


def quiet() -> PcmFrame:
    noise = np.random.default_rng(1).normal(0.0, 8.0, round(PROGRAMME.length_s * RATE_HZ))
    return saturate(noise)


def put(samples: PcmFrame, at_s: float, sound: PcmFrame) -> PcmFrame:
    mixed = samples.astype(np.float64)
    first = round(at_s * RATE_HZ)
    mixed[first : first + len(sound)] += sound[: len(mixed) - first]
    return saturate(mixed)


def play(cadence: Cadence, duration_s: float, level_dbfs: float = -20.0) -> PcmFrame:
    return ToneGenerator(cadence, RATE_HZ, level_dbfs).frame(round(duration_s * RATE_HZ))


def clap() -> PcmFrame:
    noise = np.random.default_rng(2).normal(0.0, 9000.0, RATE_HZ // 25)
    return saturate(noise * np.exp(-np.arange(len(noise)) / 150))


def hear(samples: PcmFrame) -> Heard:
    return listen(samples, RATE_HZ, PROGRAMME)


def test_a_quiet_room_is_nothing() -> None:
    heard = hear(quiet())
    assert heard == Heard(level_dbfs=heard.level_dbfs)
    assert not heard.is_anything


def test_claps_are_timed_from_their_beeps() -> None:
    samples = quiet()
    for beep_s, delay_s in zip(PROGRAMME.beeps_s, (0.3, 0.5, 0.4), strict=True):
        samples = put(samples, beep_s + delay_s, clap())
    assert hear(samples).clap_delays_ms == (300, 500, 400)


def test_a_beep_without_a_clap_has_no_delay() -> None:
    samples = put(quiet(), PROGRAMME.beeps_s[1] + 0.4, clap())
    assert hear(samples).clap_delays_ms == (400,)


def test_speech_is_counted_with_its_level() -> None:
    rng = np.random.default_rng(3)
    words = saturate(rng.normal(0.0, 2000.0, 2 * RATE_HZ))
    heard = hear(put(quiet(), PROGRAMME.length_s - 3.0, words))
    assert heard.is_anything
    assert heard.audible_s == pytest.approx(2.0, abs=0.1)
    assert heard.level_dbfs == pytest.approx(-24.3, abs=1.0)
    assert (heard.tone_hz, heard.keys, heard.echo_dbfs) == (0, "", None)


def test_a_steady_tone_is_named() -> None:
    heard = hear(put(quiet(), 12.0, play(parse_cadence("880/5000"), 1.0)))
    assert heard.tone_hz == pytest.approx(880, abs=3)


def test_keys_held_to_the_microphone_are_read_once_each() -> None:
    beats: list[Beat] = []
    for key in "1590#":
        beats += keypad_cadence(key, 300, 200).beats
    heard = hear(put(quiet(), 11.0, play(Cadence(tuple(beats), is_repeated=False), 2.5)))
    assert heard.keys == "1590#"


def test_our_own_notes_that_come_back_are_an_echo() -> None:
    said = ToneGenerator(PROGRAMME.cadence, RATE_HZ, -40.0).frame(round(PROGRAMME.length_s * RATE_HZ))
    heard = hear(put(quiet(), 0.0, put(silence(len(said)), 0.15, said)))
    assert heard.echo_dbfs == pytest.approx(-50.0, abs=3.0)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 2 * RATE_HZ), st.integers(0, 2**32 - 1))
def test_any_sound_of_any_length_can_be_listened_to(length: int, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(-32768, 32767, length, dtype=np.int16)
    heard = hear(samples)
    assert 0.0 <= heard.audible_s <= length / RATE_HZ + 0.02


def test_the_programme_is_as_long_as_it_says() -> None:
    generator = ToneGenerator(PROGRAMME.cadence, RATE_HZ)
    generator.frame(round(PROGRAMME.length_s * RATE_HZ) - 1)
    assert not generator.is_finished
    generator.frame(1)
    assert generator.is_finished
