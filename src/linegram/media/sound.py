"""What the employee hears besides people: tones into the voice leg, by their names on the link."""

from collections.abc import Mapping

from linegram.audio.frame import PcmFrame
from linegram.audio.tones import DEFAULT_CADENCES, Cadence, ToneGenerator, parse_cadence
from linegram.link.commands import Tone


def cadences_by_tone(replaced: Mapping[str, str]) -> dict[Tone, Cadence]:
    """Give every tone its cadence: the default unless `replaced` writes another.

    Raises ValueError for a name that is no tone and for text that is no cadence.
    """
    unknown = set(replaced) - {tone.value for tone in Tone}
    if unknown:
        raise ValueError(f"no such tone: {', '.join(sorted(unknown))}")
    return {
        tone: parse_cadence(replaced[tone.value]) if tone.value in replaced else DEFAULT_CADENCES[tone.value]
        for tone in Tone
        if tone is not Tone.NONE
    }


class ToneSound:
    """One tone that sounds now; follows the voice leg's rate."""

    def __init__(self, tone: Tone, cadence: Cadence) -> None:
        self.is_beside_talk = tone is Tone.WAITING
        """The waiting tone is heard beside the conversation; every other one takes its place."""
        self._cadence = cadence
        self._sample_hz = 0
        self._generator: ToneGenerator | None = None

    def frame(self, sample_hz: int) -> PcmFrame:
        """Make the next 20 ms."""
        if self._generator is None or self._sample_hz != sample_hz:
            self._generator, self._sample_hz = ToneGenerator(self._cadence, sample_hz), sample_hz
        return self._generator.frame()
