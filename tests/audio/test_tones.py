"""Cadences as data, and what they sound like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.audio.frame import PcmFrame, samples_per_frame
from linegram.audio.spectrum import has_tone, level_dbfs, tone_dbfs
from linegram.audio.tones import DEFAULT_CADENCES, Beat, Cadence, ToneGenerator, keypad_cadence, parse_cadence


def play(cadence: Cadence, sample_hz: int, seconds: float) -> PcmFrame:
    generator = ToneGenerator(cadence, sample_hz)
    return np.concatenate([generator.frame() for _ in range(round(seconds * 50))])


def test_the_defaults_cover_what_a_caller_hears_and_are_425_hz() -> None:
    assert set(DEFAULT_CADENCES) == {"dial", "ring_back", "busy", "congestion", "waiting"}
    for cadence in DEFAULT_CADENCES.values():
        assert {frequency for beat in cadence.beats for frequency in beat.frequencies_hz} == {425.0}


def test_a_cadence_is_read_from_text() -> None:
    assert parse_cadence("425/400, 0/400") == Cadence((Beat((425.0,), 400), Beat((), 400)))
    assert parse_cadence("!350+440/2000") == Cadence((Beat((350.0, 440.0), 2000),), is_repeated=False)


@pytest.mark.parametrize(
    "text", ["", "425", "425/", "/100", "425/x", "-1/100", "5000/100", "425/0", "425/100,,0/1"]
)
def test_what_is_no_cadence_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cadence"):
        parse_cadence(text)


@pytest.mark.parametrize("sample_hz", [8_000, 16_000, 48_000])
def test_busy_sounds_and_is_silent_in_turn(sample_hz: int) -> None:
    heard = play(DEFAULT_CADENCES["busy"], sample_hz, 1.6)
    beat = sample_hz * 4 // 10
    for index in range(4):
        piece = heard[index * beat : (index + 1) * beat]
        if index % 2 == 0:
            assert has_tone(piece, 425, sample_hz, margin_db=0.5)
            assert level_dbfs(piece) == pytest.approx(-16, abs=0.5)
        else:
            assert not np.any(piece)


def test_a_steady_tone_has_no_seam_between_frames_or_beats() -> None:
    heard = play(parse_cadence("425/1000"), 8_000, 3.0).astype(np.int32)
    steepest = 2 * np.pi * 425 / 8_000 * np.abs(heard).max()
    assert np.abs(np.diff(heard)).max() <= steepest * 1.05
    assert tone_dbfs(heard[8_000:].astype(np.int16), 425, 8_000) == pytest.approx(-16, abs=0.1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=40), st.sampled_from(sorted(DEFAULT_CADENCES)))
def test_the_sound_does_not_depend_on_how_it_is_cut_into_frames(lengths: list[int], name: str) -> None:
    whole = ToneGenerator(DEFAULT_CADENCES[name], 8_000).frame(sum(lengths))
    pieces = ToneGenerator(DEFAULT_CADENCES[name], 8_000)
    assert np.array_equal(np.concatenate([np.zeros(0, np.int16), *map(pieces.frame, lengths)]), whole)


def test_edges_of_a_beat_are_soft() -> None:
    heard = np.abs(play(parse_cadence("425/100,0/100"), 8_000, 0.2).astype(np.int32))
    assert heard[0] == 0
    assert heard[:8].max() < 0.3 * heard.max()
    assert heard[792:800].max() < 0.3 * heard.max()


@pytest.mark.parametrize(("digit", "low", "high"), [("1", 697, 1209), ("0", 941, 1336), ("D", 941, 1633)])
def test_a_key_sounds_as_its_pair_once(digit: str, low: float, high: float) -> None:
    generator = ToneGenerator(keypad_cadence(digit), 8_000)
    heard = generator.frame(800)
    assert tone_dbfs(heard, low, 8_000) == pytest.approx(tone_dbfs(heard, high, 8_000), abs=1.0)
    assert tone_dbfs(heard, low, 8_000) > level_dbfs(heard) - 3.5
    states = [generator.is_finished]
    assert not np.any(generator.frame(480))
    states.append(generator.is_finished)
    assert states == [False, True]
    assert not np.any(generator.frame())


@pytest.mark.parametrize("digit", ["", "E", "11", "A1"])
def test_what_is_no_key_has_no_tone(digit: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        keypad_cadence(digit)


def test_a_cadence_without_sound_or_length_is_refused() -> None:
    with pytest.raises(ValueError, match="needs beats"):
        Cadence(())
    with pytest.raises(ValueError, match="needs beats"):
        Cadence((Beat((425.0,), 0),))


def test_a_frame_is_20_ms_unless_told_otherwise() -> None:
    assert len(ToneGenerator(DEFAULT_CADENCES["dial"], 48_000).frame()) == samples_per_frame(48_000) == 960
