"""What the person hears in a call of the field test, and when it is his turn. Pure."""

from typing import Final

from linegram.audio.tones import Beat, Cadence

NOTES_HZ: Final = (523.0, 659.0, 784.0)
BEEP_HZ: Final = 1000.0
_NOTE_MS: Final = 500
_BEEP_MS: Final = 200


class Programme:
    """Three rising notes twice, then beeps to clap after, then silence in which the person speaks."""

    def __init__(self, *, beeps: int = 3, clap_ms: int = 1800, speak_ms: int = 7000) -> None:
        melody = [Beat((note,), _NOTE_MS) for note in NOTES_HZ] * 2
        start = [Beat((), 1000), *melody, Beat((), 1000)]
        claps = [Beat((BEEP_HZ,), _BEEP_MS), Beat((), clap_ms)] * beeps
        self.cadence = Cadence((*start, *claps, Beat((), speak_ms)), is_repeated=False)
        first_beep_ms = sum(beat.duration_ms for beat in start)
        self.beeps_s = tuple((first_beep_ms + index * (_BEEP_MS + clap_ms)) / 1000 for index in range(beeps))
        self.clap_s = clap_ms / 1000
        self.length_s = sum(beat.duration_ms for beat in self.cadence.beats) / 1000
        self.melody_s = (1.0, 1.0 + len(melody) * _NOTE_MS / 1000)
