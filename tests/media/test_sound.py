"""Tones by name: defaults, replacement, and what a wrong setting says."""

import numpy as np
import pytest

from linegram.audio.spectrum import has_tone
from linegram.link.commands import Tone
from linegram.media.sound import ToneSound, cadences_by_tone


def test_every_tone_but_none_has_a_cadence() -> None:
    assert set(cadences_by_tone({})) == set(Tone) - {Tone.NONE}


def test_a_setting_replaces_a_tone() -> None:
    sound = ToneSound(Tone.BUSY, cadences_by_tone({"busy": "620/1000"})[Tone.BUSY])
    heard = np.concatenate([sound.frame(8000) for _ in range(25)])
    assert has_tone(heard, 620, 8000)


def test_a_setting_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such tone: bell"):
        cadences_by_tone({"bell": "425/1000"})
    with pytest.raises(ValueError, match="not a beat"):
        cadences_by_tone({"busy": "loud"})


def test_only_the_waiting_tone_is_heard_beside_the_conversation() -> None:
    cadences = cadences_by_tone({})
    assert [tone for tone in cadences if ToneSound(tone, cadences[tone]).is_beside_talk] == [Tone.WAITING]


def test_a_tone_follows_the_rate_of_the_voice_leg() -> None:
    sound = ToneSound(Tone.RING_BACK, cadences_by_tone({})[Tone.RING_BACK])
    assert [len(sound.frame(rate)) for rate in (8000, 16000, 48000)] == [160, 320, 960]
