"""A worker for tests of the hub: what is sent to it is kept, and what happens at its PBX is played by hand.

It keeps a worker's promises: nothing is reported of a leg that is over, every
leg that began reports its end once, and commands about what is unknown or
over are ignored.
"""

import itertools
from collections.abc import Callable
from typing import TypeVar

from linegram.link import commands, events
from linegram.link.commands import Command
from linegram.link.events import Event
from linegram.outcomes import EndReason
from linegram.units import AccountId, CallId, LegId

CommandKind = TypeVar("CommandKind")
Deliver = Callable[[Callable[[], None]], None]
"""Runs what it is given now or later, in order; so a test chooses when news arrives."""


class WorkerDouble:
    """Implements `calls.ports.Worker`. `report` gets the events, when `deliver` lets them go."""

    def __init__(self, report: Callable[[Event], None], deliver: Deliver) -> None:
        self.sent: list[Command] = []
        self.pbx_legs: dict[LegId, CallId] = {}
        self.voice_legs: dict[LegId, CallId] = {}
        self._report = report
        self._deliver = deliver
        self._numbers = itertools.count(1)

    def of(self, kind: type[CommandKind]) -> list[CommandKind]:
        """Return the commands of one kind, oldest first."""
        return [command for command in self.sent if isinstance(command, kind)]

    def send(self, command: Command) -> None:
        """Take a command; each end that is asked for is confirmed."""
        self.sent.append(command)
        match command:
            case commands.DialPbx():
                self.pbx_legs[command.leg_id] = command.call_id
            case commands.OpenVoice():
                self.voice_legs[command.leg_id] = command.call_id
            case commands.EndPbx():
                self.end_pbx(command.leg_id, EndReason.COMPLETED, command.status)
            case commands.CloseVoice():
                self.end_voice(command.leg_id, EndReason.COMPLETED)
            case commands.EndCall():
                self._tell(events.CallMeasured(call_id=command.call_id))
            case _:
                pass

    def call(self, account_id: AccountId, number: str = "4711", name: str = "") -> events.PbxCallArrived:
        """Let the PBX call an account."""
        serial = next(self._numbers)
        arrived = events.PbxCallArrived(
            CallId(f"in-{serial}"), LegId(f"far-{serial}"), account_id, f"sip-{serial}", number, name
        )
        self.pbx_legs[arrived.leg_id] = arrived.call_id
        self._tell(arrived)
        return arrived

    def ring(self, leg_id: LegId) -> None:
        """Let the dialled party ring."""
        self._tell_of_pbx(leg_id, events.PbxRinging(leg_id))

    def send_early_media(self, leg_id: LegId) -> None:
        """Let the PBX be heard before the answer."""
        self._tell_of_pbx(leg_id, events.EarlyMediaStarted(leg_id))

    def answer(self, leg_id: LegId, codec: str = "PCMA") -> None:
        """Let the PBX leg be up; how to end it from another process is told first, as a worker does."""
        stored = events.DialogStored(leg_id, AccountId(1), {"call_id": leg_id})
        self._tell_of_pbx(leg_id, stored)
        self._tell_of_pbx(leg_id, events.PbxAnswered(leg_id, codec))

    def end_pbx(
        self, leg_id: LegId, reason: EndReason, status: int = 0, *, retry_after_s: int | None = None
    ) -> None:
        """Let a PBX leg be over."""
        if self.pbx_legs.pop(leg_id, None) is not None:
            self._tell(events.PbxEnded(leg_id, reason, status, "", retry_after_s))

    def connect_voice(self, leg_id: LegId) -> None:
        """Let audio flow on a voice leg."""
        self._tell_of_voice(leg_id, events.VoiceConnected(leg_id))

    def signal_voice(self, leg_id: LegId, payload: bytes) -> None:
        """Let a voice leg have signalling for its far end."""
        self._tell_of_voice(leg_id, events.VoiceSignalled(leg_id, payload))

    def end_voice(self, leg_id: LegId, reason: EndReason) -> None:
        """Let a voice leg be over."""
        if self.voice_legs.pop(leg_id, None) is not None:
            self._tell(events.VoiceEnded(leg_id, reason))

    def change_registration(self, change: events.RegistrationChanged) -> None:
        """Let a registration have a new state."""
        self._tell(change)

    def _tell_of_pbx(self, leg_id: LegId, event: Event) -> None:
        if leg_id in self.pbx_legs:
            self._tell(event)

    def _tell_of_voice(self, leg_id: LegId, event: Event) -> None:
        if leg_id in self.voice_legs:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        self._deliver(lambda: self._report(event))
