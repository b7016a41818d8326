"""Opus from a PBX leg to a voice leg and back without opening it: no codec, no jitter buffer, no mixing.

The ends hear the other one's own encoder, and its losses and pauses as they were. Knows nothing
of when a call may do so; that is `MediaCall`'s.
"""

from typing import Final

from linegram.audio.frame import samples_per_frame, silence
from linegram.media.pbx_leg import PbxLeg
from linegram.media.voice_side import VoiceSide

_QUIET_TICKS: Final = 30
"""An Opus end with nothing to say sends a packet every 400 ms (RFC 7587 section 3.1.3); a muted one none."""


class OpusPassage:
    """Moves packets each tick; where an end sends nothing the other one gets silence of our own.

    A PBX would give up a call without packets, and an app would tell of a bad connection.
    """

    def __init__(self) -> None:
        self._pbx_quiet_ticks = self._voice_quiet_ticks = 0

    @staticmethod
    def may_pass(leg: PbxLeg, voice: VoiceSide) -> bool:
        """Say whether both ends take the other one's packets now."""
        return leg.passes_opus and voice.passes_opus

    def tick(self, leg: PbxLeg, voice: VoiceSide, now: float) -> None:
        """Move what came in the last 20 ms, both ways."""
        from_pbx, from_voice = leg.pull_opus(), voice.pull_opus()
        voice.handle_timer(now)
        nothing = silence(samples_per_frame(voice.sample_hz))
        self._pbx_quiet_ticks = 0 if from_pbx else self._pbx_quiet_ticks + 1
        if self._pbx_quiet_ticks > _QUIET_TICKS:
            voice.push(nothing)
        else:
            voice.push_opus(from_pbx)
        self._voice_quiet_ticks = 0 if from_voice else self._voice_quiet_ticks + 1
        if self._voice_quiet_ticks > _QUIET_TICKS:
            leg.push(nothing, voice.sample_hz, now)
        else:
            leg.push_opus(from_voice, now)

    def pause(self) -> None:
        """Note that this tick's audio was opened."""
        self._pbx_quiet_ticks = self._voice_quiet_ticks = 0
