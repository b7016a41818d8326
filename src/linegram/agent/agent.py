"""The worker's brain-stem: hands link commands to the part that does them and reports what happens."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import structlog

from linegram.agent.call_audio import CallAudio
from linegram.agent.hosts import HostDied, PoolEvent
from linegram.agent.pbx_legs import PbxLegs
from linegram.agent.registrations import Registrations
from linegram.agent.voice_legs import VoiceLegs
from linegram.link import commands, events
from linegram.media.control import MediaSilent
from linegram.outcomes import EndReason
from linegram.sip import events as sip
from linegram.units import LegId

_log = structlog.get_logger()

_REMEMBERED_LEGS: Final = 4096


class Agent:
    """Does what the hub says. Commands about what is unknown or over are ignored."""

    def __init__(
        self,
        registrations: Registrations,
        pbx_legs: PbxLegs,
        voice_legs: VoiceLegs,
        *,
        pool: CallAudio,
        report: Callable[[events.Event], None],
    ) -> None:
        self._registrations = registrations
        self._pbx_legs = pbx_legs
        self._voice_legs = voice_legs
        self._pool = pool
        self._report = report
        self._begun: dict[LegId, None] = {}
        self._do: Final[Mapping[type, Callable[[Any], None]]] = MappingProxyType(
            {
                commands.DescribeWorker: lambda _: report(events.WorkerDescribed(voice_legs.engines)),
                commands.PutAccount: registrations.put,
                commands.DropAccount: registrations.drop,
                commands.EndStoredDialog: registrations.end_stored,
                commands.DialPbx: pbx_legs.dial,
                commands.RingPbx: pbx_legs.ring,
                commands.AnswerPbx: pbx_legs.answer,
                commands.EndPbx: pbx_legs.end,
                commands.HoldPbx: pbx_legs.moves.hold,
                commands.TransferPbxCall: pbx_legs.moves.transfer_call,
                commands.JoinPbx: pbx_legs.moves.join,
                commands.PressDigits: pbx_legs.digits.press,
                commands.OpenVoice: voice_legs.open,
                commands.SignalVoice: voice_legs.signal,
                commands.CloseVoice: voice_legs.close,
                commands.ConnectAudio: lambda command: pool.connect_audio(command.call_id),
                commands.PlayTone: lambda command: pool.play_tone(command.call_id, command.tone),
                commands.EndCall: lambda command: pool.end_call(command.call_id),
            }
        )

    def take_command(self, command: commands.Command) -> None:
        """Do what the hub says. A leg begins once: a repeated command may come after its end."""
        if isinstance(command, commands.DialPbx | commands.OpenVoice) and not self._begins(command.leg_id):
            _log.info("leg_has_begun_before", leg_id=command.leg_id, command=type(command).__name__)
            return
        self._do[type(command)](command)

    def _begins(self, leg_id: LegId) -> bool:
        """Take note of a leg; False if it is known already."""
        if leg_id in self._begun:
            return False
        self._begun[leg_id] = None
        if len(self._begun) > _REMEMBERED_LEGS:
            del self._begun[next(iter(self._begun))]
        return True

    def take_sip_event(self, event: sip.SipEvent) -> None:
        """Take what happened at a PBX."""
        if isinstance(event, sip.RegistrationChanged | sip.MessagesWaiting):
            self._registrations.take(event)
        else:
            self._pbx_legs.take(event)

    def take_media_event(self, event: PoolEvent) -> None:
        """Take what happened in a media host."""
        match event:
            case HostDied(call_ids):
                self._lose_host(call_ids)
            case MediaSilent(leg_id):
                self._pbx_legs.cut(leg_id, EndReason.NO_MEDIA)
            case events.VoiceEnded(leg_id, reason):
                self._voice_legs.end(leg_id, reason)
            case _:
                self._report(event)

    def _lose_host(self, call_ids: tuple[Any, ...]) -> None:
        """End what a dead host carried. A call with a voice leg hears of it there and ends as a whole."""
        told = self._voice_legs.lose_calls(call_ids)
        untold = tuple(call_id for call_id in call_ids if call_id not in told)
        for leg_id in self._pbx_legs.of_calls(untold):
            self._pbx_legs.cut(leg_id, EndReason.MEDIA_HOST_DIED)
