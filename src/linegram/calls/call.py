"""One call: its state, which of its parts are open, and how it ended. Pure.

`Call.advance` turns an event into commands. Whatever the events, each part
that was opened is either reported over by its own side or released by us, and
released at most once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeGuard

from linegram.calls import bridge
from linegram.calls.bridge import Command, State
from linegram.calls.card import Card, CardButton, CardState
from linegram.calls.engine_choice import EngineChoice
from linegram.outcomes import EndReason
from linegram.units import AccountId, CallId, LegId, TelegramUserId


class Part(Enum):
    """What of a call can be open: the PBX leg, and the two halves of the employee's."""

    FAR = "far"
    PHONE = "phone"
    VOICE = "voice"


_OPENED_BY_COMMAND: Final[Mapping[Command, Part]] = MappingProxyType(
    {
        Command.DIAL_FAR: Part.FAR,
        Command.RING_EMPLOYEE: Part.PHONE,
        Command.ACCEPT_EMPLOYEE: Part.PHONE,
        Command.OPEN_VOICE: Part.VOICE,
    }
)
_OPENED_BY_EVENT: Final[Mapping[type[bridge.Event], Part]] = MappingProxyType(
    {bridge.CallArrived: Part.FAR, bridge.EmployeeCalled: Part.PHONE}
)
_CLOSED_BY_EVENT: Final[Mapping[type[bridge.Event], Part]] = MappingProxyType(
    {
        bridge.FarEnded: Part.FAR,
        bridge.PhoneEnded: Part.PHONE,
        bridge.VoiceEnded: Part.VOICE,
        bridge.VoiceFailed: Part.VOICE,
    }
)
# BYE first, while the audio still flows: the far side must not wonder about silence.
_RELEASES: Final[tuple[tuple[Part, Command], ...]] = (
    (Part.FAR, Command.END_FAR),
    (Part.PHONE, Command.END_PHONE),
    (Part.VOICE, Command.END_VOICE),
)

_CARD_STATE: Final[Mapping[State, CardState]] = MappingProxyType(
    {
        State.NEW: CardState.INCOMING,
        State.ANNOUNCING: CardState.INCOMING,
        State.RINGING_EMPLOYEE: CardState.INCOMING,
        State.JOINING: CardState.INCOMING,
        State.ANSWERING: CardState.TALKING,
        State.CALLING_BACK: CardState.CALLING_BACK,
        State.AWAITING_EMPLOYEE: CardState.PRESS_PHONE,
        State.JOINING_FIRST: CardState.DIALLING,
        State.DIALLING: CardState.DIALLING,
        State.FAR_RINGING: CardState.FAR_RINGING,
        State.SIGNING_OFF: CardState.ENDED,
        State.TALKING: CardState.TALKING,
        State.ENDED: CardState.ENDED,
    }
)
_BUTTONS: Final[Mapping[CardState, tuple[CardButton, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(CardState, (CardButton.HANG_UP,)),
        CardState.ENDED: (CardButton.CALL_BACK,),
    }
)
_TIME_OVER: Final[Mapping[State, EndReason]] = MappingProxyType(
    {
        State.RINGING_EMPLOYEE: EndReason.NO_ANSWER,
        State.CALLING_BACK: EndReason.NO_ANSWER,
        State.AWAITING_EMPLOYEE: EndReason.DIRECT_CALL_EXPIRED,
    }
)
_VOICE_MAY_FAIL: Final = frozenset({State.JOINING, State.JOINING_FIRST})
_ANSWERED_STATES: Final = frozenset({State.ANSWERING, State.TALKING})


@dataclass(kw_only=True)
class Call:
    """A call between an employee and somebody behind the PBX.

    `now` values are UTC epoch seconds. `retry_after_s` and `sip_status` go
    with `end_reason` when the side that ended the call gave them.
    """

    call_id: CallId
    account_id: AccountId
    user_id: TelegramUserId
    number: str
    is_incoming: bool
    far_leg_id: LegId
    employee_leg_id: LegId
    started_at: float
    name: str = ""
    line: str = ""
    diverted_by: str = ""
    state: State = State.NEW
    end_reason: EndReason | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    codec: str = ""
    sip_status: int = 0
    retry_after_s: int | None = None
    engine: EngineChoice | None = None
    open_parts: set[Part] = field(default_factory=set)
    _released: set[Part] = field(default_factory=set)
    _has_redialled: bool = False

    def advance(self, event: bridge.Event, now: float) -> tuple[Command, ...]:
        """Take one event and return what is to be done, in order.

        Raises UnexpectedEventError, with nothing changed, if the state knows no such event.
        """
        event = self._with_second_chance(event)
        row = bridge.step(self.state, event)
        self._note_ending(event, now)
        self._note_parts(event)
        self.state = row.state
        if self.answered_at is None and row.state in _ANSWERED_STATES:
            self.answered_at = now
        if self.ended_at is None and row.state is State.ENDED:
            self.ended_at = now
        commands = tuple(expanded for command in row.commands for expanded in self._expand(command))
        self.open_parts.update(
            _OPENED_BY_COMMAND[command] for command in commands if command in _OPENED_BY_COMMAND
        )
        return commands

    @property
    def is_over(self) -> bool:
        """True once the call has ended and every part has reported its own end."""
        return self.state is State.ENDED and not self.open_parts

    def card(self) -> Card:
        """Return what the employee reads about this call now."""
        state = _CARD_STATE[self.state]
        return Card(
            state=state,
            number=self.number,
            name=self.name,
            line=self.line,
            diverted_by=self.diverted_by,
            is_incoming=self.is_incoming,
            end_reason=self.end_reason,
            duration_s=self.duration_s,
            retry_after_s=self.retry_after_s,
            buttons=_BUTTONS[state],
        )

    @property
    def duration_s(self) -> int | None:
        """Length of the talk in whole seconds; None while it lasts or if there was none."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return round(self.ended_at - self.answered_at)

    def _with_second_chance(self, event: bridge.Event) -> bridge.Event:
        """Let the first voice that does not come up be followed by another Telegram call.

        We may notice it, or the employee's app, which then gives its call up.
        """
        if self.state not in _VOICE_MAY_FAIL or not _tells_of_no_voice(event):
            return event
        if self._has_redialled:
            return type(event)(EndReason.VOICE_NOT_CONNECTED)
        self._has_redialled = True
        return bridge.VoiceFailed()

    def _note_ending(self, event: bridge.Event, now: float) -> None:
        if self.end_reason is not None:
            return
        if isinstance(event, bridge.TimePassed):
            self.end_reason = _TIME_OVER.get(self.state)
        elif isinstance(event, bridge.PartEnded):
            hung_up_early = event.reason is EndReason.COMPLETED and self.answered_at is None
            self.end_reason = EndReason.CANCELLED if hung_up_early else event.reason
            self.ended_at = now

    def _note_parts(self, event: bridge.Event) -> None:
        opened = _OPENED_BY_EVENT.get(type(event))
        if opened is not None and self.state is not State.ENDED:
            self.open_parts.add(opened)
        closed = _CLOSED_BY_EVENT.get(type(event))
        if closed is not None:
            self.open_parts.discard(closed)

    def _expand(self, command: Command) -> tuple[Command, ...]:
        if command is not Command.RELEASE:
            return (command,)
        releases = tuple(
            (part, end) for part, end in _RELEASES if part in self.open_parts and part not in self._released
        )
        self._released.update(part for part, _ in releases)
        return tuple(end for _, end in releases)


def _tells_of_no_voice(event: bridge.Event) -> TypeGuard[bridge.PartEnded]:
    match event:
        case bridge.VoiceEnded(EndReason.VOICE_NOT_CONNECTED):
            return True
        case bridge.PhoneEnded(EndReason.VOICE_NOT_CONNECTED | EndReason.VOICE_LOST):
            return True
        case _:
            return False
