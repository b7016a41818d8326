"""All audio of one call inside a media host: its PBX legs, its voice side, its tone."""

from collections.abc import Iterator

from linegram.audio.frame import NARROWBAND_HZ, PcmFrame, samples_per_frame, silence
from linegram.audio.mix import mix
from linegram.link.events import CallMeasured, DigitReceived
from linegram.link.figures import LegFigures
from linegram.media.control import MediaSilent
from linegram.media.opus_passage import OpusPassage
from linegram.media.pbx_leg import PbxLeg
from linegram.media.sound import ToneSound
from linegram.media.voice_side import VoiceReport, VoiceSide
from linegram.units import CallId, LegId


class MediaCall:
    """Lets the legs of a call hear each other, or the employee a tone, frame by frame.

    Inside, a call works at the rate of its voice leg.
    """

    def __init__(self, call_id: CallId) -> None:
        self.call_id = call_id
        self.pbx_legs: dict[LegId, PbxLeg] = {}
        self.voice: VoiceSide | None = None
        self._is_connected = False
        self._tone: ToneSound | None = None
        self._passage = OpusPassage()
        self._pbx_figures: list[LegFigures] = []
        self._voice_figures: list[LegFigures] = []

    @property
    def sample_hz(self) -> int | None:
        """The rate of the first connected PBX leg, None without any."""
        return next((leg.sample_hz for leg in self.pbx_legs.values() if leg.sample_hz), None)

    def connect_audio(self) -> None:
        """Let the legs hear each other; ends any tone."""
        self._is_connected, self._tone = True, None

    def play(self, tone: ToneSound | None) -> None:
        """Let the employee hear a tone, or end it."""
        self._tone = tone
        if tone is not None and not tone.is_beside_talk:
            self._is_connected = False

    def drain(self, now: float) -> None:
        """Take in what the network brought."""
        for leg in self.pbx_legs.values():
            leg.drain(now)

    def tick(self, now: float) -> None:
        """Move 20 ms of audio each way: unopened where that will do.

        Every leg is pulled and pushed in every tick, with silence if need be.
        """
        if self.voice is not None and (leg := self._passing_leg(self.voice)) is not None:
            self._passage.tick(leg, self.voice, now)
        else:
            self._passage.pause()
            self._tick_opened(now)

    def _passing_leg(self, voice: VoiceSide) -> PbxLeg | None:
        """Give the one leg whose packets may go through: nothing is mixed, played or left out."""
        if not self._is_connected or self._tone is not None or len(self.pbx_legs) != 1:
            return None
        (leg,) = self.pbx_legs.values()
        return leg if self._passage.may_pass(leg, voice) else None

    def _tick_opened(self, now: float) -> None:
        voice = self.voice
        room_hz = voice.sample_hz if voice is not None else NARROWBAND_HZ
        from_pbx = self._heard_at_pbx(room_hz, now)
        nothing = silence(samples_per_frame(room_hz))
        from_voice = nothing
        if voice is not None:
            from_voice = voice.pull()
            voice.handle_timer(now)
            voice.push(self._for_voice(from_pbx, room_hz))
        for leg in self.pbx_legs.values():
            leg.push(from_voice if self._is_connected else nothing, room_hz, now)

    def reports(self, now: float) -> Iterator[VoiceReport | DigitReceived | MediaSilent]:
        """Give what happened since the last time."""
        if self.voice is not None:
            yield from self.voice.reports()
        for leg in self.pbx_legs.values():
            yield from leg.reports(now)

    def close_voice(self) -> None:
        """Leave the Telegram call's voice."""
        if self.voice is not None:
            self._voice_figures.append(self.voice.statistics())
            self.voice.close()
            self.voice = None

    def close_pbx_leg(self, leg_id: LegId, now: float) -> None:
        """Free a leg, but keep its figures."""
        leg = self.pbx_legs.pop(leg_id, None)
        if leg is None:
            return
        leg.close(now)
        if leg.figures is not None:
            self._pbx_figures.append(leg.figures)

    def close(self, now: float) -> CallMeasured:
        """Free everything and sum the call up."""
        self.close_voice()
        for leg_id in list(self.pbx_legs):
            self.close_pbx_leg(leg_id, now)
        return self._measured()

    def _measured(self) -> CallMeasured:
        pbx, voice = _most_heard(self._pbx_figures), _most_heard(self._voice_figures)
        figures = pbx or LegFigures()
        return CallMeasured(
            call_id=self.call_id,
            codec=figures.codec,
            packets_received=figures.packets_received,
            packets_lost=figures.packets_lost,
            packets_late=figures.packets_late,
            jitter_ms=figures.jitter_ms,
            round_trip_ms=figures.round_trip_ms,
            far_loss_percent=figures.far_loss_percent,
            pbx=pbx,
            voice=voice,
        )

    def _heard_at_pbx(self, room_hz: int, now: float) -> list[PcmFrame]:
        heard = (leg.pull(room_hz, now) for leg in self.pbx_legs.values())
        return [frame for frame in heard if frame is not None]

    def _for_voice(self, from_pbx: list[PcmFrame], room_hz: int) -> PcmFrame:
        sounds = from_pbx if self._is_connected else []
        if self._tone is not None:
            sounds = [*sounds, self._tone.frame(room_hz)]
        return mix(sounds) if sounds else silence(samples_per_frame(room_hz))


def _most_heard(legs: list[LegFigures]) -> LegFigures | None:
    """Choose the leg that carried most: the others were attempts."""
    return max(legs, key=lambda leg: (leg.packets_received, leg.duration_s), default=None)
