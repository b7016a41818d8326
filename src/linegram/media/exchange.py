"""All calls of one media host: obeys commands, moves audio each tick, collects events. Knows no process."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from linegram.audio.frame import FULLBAND_HZ
from linegram.audio.tones import Cadence
from linegram.errors import UnavailableError
from linegram.link.commands import (
    CloseVoice,
    ConnectAudio,
    EndCall,
    OpenVoice,
    PlayTone,
    SignalVoice,
    Tone,
)
from linegram.link.events import VoiceEnded
from linegram.media.call import MediaCall
from linegram.media.control import (
    ClosePbxLeg,
    ConnectPbxLeg,
    HostCommand,
    HostEvent,
    HostSettings,
    LocalMedia,
    MediaSilent,
    MuteVoice,
    OpenPbxLeg,
    PbxLegOpened,
    PortRefused,
    PressDigits,
)
from linegram.media.pbx_leg import PbxLeg
from linegram.media.sockets import MediaSockets
from linegram.media.sound import ToneSound, cadences_by_tone
from linegram.media.voice_side import VoiceSide
from linegram.outcomes import EndReason
from linegram.units import CallId, LegId
from linegram.voice.engine import VoiceEngine

log = structlog.get_logger()


class Exchange:
    """Commands about calls and legs that are unknown or over are ignored: each may be repeated."""

    def __init__(self, engine: VoiceEngine, settings: HostSettings) -> None:
        """Raises ValueError when a cadence of the settings cannot be read."""
        self.events: deque[HostEvent] = deque()
        self._engine = engine
        self._settings = settings
        self._cadences: Final[Mapping[Tone, Cadence]] = cadences_by_tone(settings.cadences)
        self._calls: dict[CallId, MediaCall] = {}
        self._call_of_leg: dict[LegId, MediaCall] = {}

    @property
    def call_count(self) -> int:
        """How many calls hold something here."""
        return len(self._calls)

    @property
    def is_setting_up(self) -> bool:
        """A voice leg is connecting: its signalling should not wait for the next tick."""
        return any(call.voice is not None and call.voice.is_connecting for call in self._calls.values())

    def playout_target_ms(self, now: float) -> float:
        """The longest delay that a jitter buffer aims at; zero without PBX legs."""
        legs = (leg for call in self._calls.values() for leg in call.pbx_legs.values())
        return max((leg.playout_target_ms(now) for leg in legs), default=0.0)

    def obey(self, command: HostCommand, now: float) -> None:
        """Carry out one command."""
        match command:
            case OpenPbxLeg():
                self._open_pbx_leg(command)
            case ConnectPbxLeg(leg_id, remote):
                self._with_pbx_leg(leg_id, lambda leg: leg.connect(remote, now))
            case PressDigits(leg_id, digits, in_band):
                self._with_pbx_leg(leg_id, lambda leg: leg.press(digits, in_band=in_band))
            case ClosePbxLeg(leg_id):
                self._close_pbx_leg(leg_id, now)
            case OpenVoice():
                self._open_voice(command)
            case SignalVoice(leg_id, payload):
                self._signal_voice(leg_id, payload)
            case MuteVoice(leg_id, is_muted):
                self._mute_voice(leg_id, is_muted=is_muted)
            case CloseVoice(leg_id):
                self._close_voice(leg_id)
            case ConnectAudio() | PlayTone() | EndCall():
                self._obey_for_call(command, now)

    def drain(self, now: float) -> None:
        """Take in what the network brought for all calls."""
        for call in self._calls.values():
            call.drain(now)

    def tick(self, now: float) -> None:
        """Move 20 ms of audio in all calls. A fault in one call ends that call, not the others.

        Raises UnavailableError when the voice engine is stuck: then the host is of no more use.
        """
        for call in self._calls.values():
            try:
                call.tick(now)
            except UnavailableError:
                raise
            except Exception:
                log.exception("call_failed", call_id=call.call_id)
                self._fail(call, now)

    def collect(self, now: float) -> None:
        """Take over what happened in the calls since the last time."""
        ended: list[LegId] = []
        for call in self._calls.values():
            for report in call.reports(now):
                self.events.append(report)
                if isinstance(report, VoiceEnded):
                    ended.append(report.leg_id)
        for leg_id in ended:
            self._close_voice(leg_id)

    def close(self, now: float) -> None:
        """End all calls without a word, and the engine."""
        for call in self._calls.values():
            call.close(now)
        self._calls.clear()
        self._engine.close()

    def _obey_for_call(self, command: ConnectAudio | PlayTone | EndCall, now: float) -> None:
        call = self._calls.get(command.call_id)
        if call is None:
            return
        match command:
            case ConnectAudio():
                call.connect_audio()
            case PlayTone(_, tone):
                call.play(None if tone is Tone.NONE else ToneSound(tone, self._cadences[tone]))
            case EndCall(call_id):
                self.events.append(call.close(now))
                del self._calls[call_id]
                self._call_of_leg = {leg: one for leg, one in self._call_of_leg.items() if one is not call}

    def _fail(self, call: MediaCall, now: float) -> None:
        """Take the legs of a call away and say so; the call itself is still ended and measured in order."""
        for leg_id in list(call.pbx_legs):
            self.events.append(MediaSilent(leg_id))
            self._close_pbx_leg(leg_id, now)
        if call.voice is not None:
            leg_id = call.voice.leg_id
            self.events.append(VoiceEnded(leg_id, EndReason.INTERNAL_ERROR))
            self._close_voice(leg_id)

    def _call(self, call_id: CallId) -> MediaCall:
        return self._calls.setdefault(call_id, MediaCall(call_id))

    def _with_pbx_leg(self, leg_id: LegId, act: Callable[[PbxLeg], None]) -> None:
        call = self._call_of_leg.get(leg_id)
        leg = call.pbx_legs.get(leg_id) if call is not None else None
        if leg is not None:
            act(leg)

    def _open_pbx_leg(self, command: OpenPbxLeg) -> None:
        known = self._call_of_leg.get(command.leg_id)
        if known is not None:
            sockets = known.pbx_legs[command.leg_id].sockets
        else:
            try:
                sockets = MediaSockets(command.ip, command.port)
            except OSError as error:
                self.events.append(PortRefused(command.leg_id, command.port, str(error)))
                return
            call = self._call_of_leg[command.leg_id] = self._call(command.call_id)
            call.pbx_legs[command.leg_id] = PbxLeg(command.leg_id, sockets, self._settings)
        self.events.append(PbxLegOpened(command.leg_id, LocalMedia(sockets.ip, sockets.port)))

    def _close_pbx_leg(self, leg_id: LegId, now: float) -> None:
        call = self._call_of_leg.get(leg_id)
        if call is not None and leg_id in call.pbx_legs:
            del self._call_of_leg[leg_id]
            call.close_pbx_leg(leg_id, now)

    def _open_voice(self, command: OpenVoice) -> None:
        if command.leg_id in self._call_of_leg:
            return
        call = self._call_of_leg[command.leg_id] = self._call(command.call_id)
        call.close_voice()
        sample_hz = call.sample_hz or FULLBAND_HZ
        leg = self._engine.open(command.parameters, sample_hz)
        call.voice = VoiceSide(command.leg_id, leg, sample_hz)

    def _signal_voice(self, leg_id: LegId, payload: bytes) -> None:
        call = self._call_of_leg.get(leg_id)
        if call is not None and call.voice is not None and call.voice.leg_id == leg_id:
            call.voice.receive_signal(payload)

    def _mute_voice(self, leg_id: LegId, *, is_muted: bool) -> None:
        call = self._call_of_leg.get(leg_id)
        if call is not None and call.voice is not None and call.voice.leg_id == leg_id:
            call.voice.mute(is_muted=is_muted)

    def _close_voice(self, leg_id: LegId) -> None:
        call = self._call_of_leg.get(leg_id)
        if call is not None and call.voice is not None and call.voice.leg_id == leg_id:
            del self._call_of_leg[leg_id]
            call.close_voice()
