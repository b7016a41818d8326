"""The life of one call, as a table. Pure; this file is the only place that decides.

A call joins a far leg (the PBX) with an employee's leg, which has two parts:
the phone (Telegram's signalling) and the voice (its audio). Incoming calls
ring the employee; outgoing ones bring the employee's voice up first, so that
progress is heard inside the Telegram call.

`docs/states.md` is drawn from `TRANSITIONS`; a test lists the pairs without a
row. An event without a row raises and changes nothing.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from linegram.errors import UnexpectedEventError
from linegram.outcomes import EndReason


class State(Enum):
    """Where a call stands."""

    NEW = "new"
    ANNOUNCING = "announcing"
    RINGING_EMPLOYEE = "ringing_employee"
    JOINING = "joining"
    ANSWERING = "answering"
    CALLING_BACK = "calling_back"
    AWAITING_EMPLOYEE = "awaiting_employee"
    JOINING_FIRST = "joining_first"
    DIALLING = "dialling"
    FAR_RINGING = "far_ringing"
    SIGNING_OFF = "signing_off"
    TALKING = "talking"
    ENDED = "ended"


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a call."""


class CallArrived(Event, frozen=True):
    """The PBX calls the employee."""


class CallbackAsked(Event, frozen=True):
    """The employee texted a number and wants to be called."""


class DirectAsked(Event, frozen=True):
    """The employee texted a number and will call us himself."""


class CardShown(Event, frozen=True):
    """The caller card is in the chat, or was waited for long enough."""


class EmployeeRang(Event, frozen=True):
    """A device of the employee rings."""


class EmployeeCalled(Event, frozen=True):
    """The employee's own Telegram call arrived in the direct-call window."""


class EmployeeAnswered(Event, frozen=True):
    """The Telegram call is accepted and its key checked."""


class VoiceJoined(Event, frozen=True):
    """Audio can flow between us and the employee."""


class FarRang(Event, frozen=True):
    """The dialled party rings."""


class EarlyMediaHeard(Event, frozen=True):
    """The PBX sends audio before the answer."""


class FarAnswered(Event, frozen=True):
    """The PBX leg is up."""


class TimePassed(Event, frozen=True):
    """The time that `LIMITS` gives the present state is over."""


class PartEnded(Event, frozen=True):
    """One part of the call is over; see the three kinds."""

    reason: EndReason


class FarEnded(PartEnded, frozen=True):
    """The PBX leg is over."""


class PhoneEnded(PartEnded, frozen=True):
    """The Telegram call is over."""


class VoiceEnded(PartEnded, frozen=True):
    """The audio of the Telegram call is over."""


class VoiceFailed(Event, frozen=True):
    """The audio of the Telegram call did not come up, for the first time: another Telegram call may help.

    Either side may notice: our voice leg, or the employee's app, which then ends its call.
    """


class Stopped(PartEnded, frozen=True):
    """We end the call: a button, or the service stops."""


class Command(Enum):
    """What a call asks its runner to do."""

    POST_CARD = "post_card"
    RING_EMPLOYEE = "ring_employee"
    ACCEPT_EMPLOYEE = "accept_employee"
    RENEW_EMPLOYEE = "renew_employee"
    OPEN_VOICE = "open_voice"
    RING_FAR = "ring_far"
    ANSWER_FAR = "answer_far"
    DIAL_FAR = "dial_far"
    CONNECT_AUDIO = "connect_audio"
    PLAY_RING_BACK = "play_ring_back"
    PLAY_ENDING = "play_ending"
    RELEASE = "release"
    END_FAR = "end_far"
    END_PHONE = "end_phone"
    END_VOICE = "end_voice"


class Row(NamedTuple):
    """Where an event leads and what is to be done, in order."""

    state: State
    commands: tuple[Command, ...] = ()


_RELEASED: Final = Row(State.ENDED, (Command.RELEASE,))
_SIGN_OFF: Final = Row(State.SIGNING_OFF, (Command.PLAY_ENDING,))
_DIAL: Final = Row(State.DIALLING, (Command.DIAL_FAR,))
_TALK: Final = Row(State.TALKING, (Command.CONNECT_AUDIO,))
_CALL_AGAIN: Final = (Command.RENEW_EMPLOYEE, Command.RING_EMPLOYEE)
_HEAR_FAR: Final = Row(State.FAR_RINGING, (Command.CONNECT_AUDIO,))


class Limit(Enum):
    """How long a state may last; the seconds are settings."""

    RING = "ring"
    DIRECT_WINDOW = "direct_window"
    SIGN_OFF = "sign_off"


LIMITS: Final[Mapping[State, Limit]] = MappingProxyType(
    {
        State.RINGING_EMPLOYEE: Limit.RING,
        State.CALLING_BACK: Limit.RING,
        State.AWAITING_EMPLOYEE: Limit.DIRECT_WINDOW,
        State.SIGNING_OFF: Limit.SIGN_OFF,
    }
)
"""The states that end by themselves. The clock starts when a call comes into such a state."""

_PROGRESS: Final[Mapping[tuple[State, type[Event]], Row]] = {
    # Incoming: the card, then the employee's phone, then his voice, then the PBX's answer.
    (State.NEW, CallArrived): Row(State.ANNOUNCING, (Command.POST_CARD,)),
    (State.ANNOUNCING, CardShown): Row(State.RINGING_EMPLOYEE, (Command.RING_EMPLOYEE,)),
    (State.RINGING_EMPLOYEE, EmployeeRang): Row(State.RINGING_EMPLOYEE, (Command.RING_FAR,)),
    (State.RINGING_EMPLOYEE, EmployeeAnswered): Row(State.JOINING, (Command.OPEN_VOICE,)),
    (State.JOINING, VoiceJoined): Row(State.ANSWERING, (Command.ANSWER_FAR, Command.CONNECT_AUDIO)),
    (State.JOINING, VoiceFailed): Row(State.RINGING_EMPLOYEE, _CALL_AGAIN),
    (State.ANSWERING, FarAnswered): Row(State.TALKING),
    # Outgoing, callback: the employee's phone and voice, then the PBX.
    (State.NEW, CallbackAsked): Row(State.CALLING_BACK, (Command.POST_CARD, Command.RING_EMPLOYEE)),
    (State.CALLING_BACK, CardShown): Row(State.CALLING_BACK),
    (State.CALLING_BACK, EmployeeRang): Row(State.CALLING_BACK),
    (State.CALLING_BACK, EmployeeAnswered): Row(State.JOINING_FIRST, (Command.OPEN_VOICE,)),
    # Outgoing, direct: the employee calls within the window.
    (State.NEW, DirectAsked): Row(State.AWAITING_EMPLOYEE, (Command.POST_CARD,)),
    (State.AWAITING_EMPLOYEE, CardShown): Row(State.AWAITING_EMPLOYEE),
    (State.AWAITING_EMPLOYEE, EmployeeCalled): Row(State.JOINING_FIRST, (Command.ACCEPT_EMPLOYEE,)),
    # Outgoing, both: progress is heard inside the Telegram call.
    (State.JOINING_FIRST, CardShown): Row(State.JOINING_FIRST),
    (State.JOINING_FIRST, EmployeeAnswered): Row(State.JOINING_FIRST, (Command.OPEN_VOICE,)),
    (State.JOINING_FIRST, VoiceJoined): _DIAL,
    (State.JOINING_FIRST, VoiceFailed): Row(State.CALLING_BACK, _CALL_AGAIN),
    (State.DIALLING, FarRang): Row(State.FAR_RINGING, (Command.PLAY_RING_BACK,)),
    (State.DIALLING, EarlyMediaHeard): _HEAR_FAR,
    (State.DIALLING, FarAnswered): _TALK,
    (State.DIALLING, FarEnded): _SIGN_OFF,
    (State.FAR_RINGING, FarRang): Row(State.FAR_RINGING),
    (State.FAR_RINGING, EarlyMediaHeard): _HEAR_FAR,
    (State.FAR_RINGING, FarAnswered): _TALK,
    (State.FAR_RINGING, FarEnded): _SIGN_OFF,
    (State.TALKING, EarlyMediaHeard): Row(State.TALKING),
}

_PARTS_BY_STATE: Final[Mapping[State, tuple[type[PartEnded], ...]]] = {
    State.ANNOUNCING: (FarEnded,),
    State.RINGING_EMPLOYEE: (FarEnded, PhoneEnded),
    State.JOINING: (FarEnded, PhoneEnded, VoiceEnded),
    State.ANSWERING: (FarEnded, PhoneEnded, VoiceEnded),
    State.CALLING_BACK: (PhoneEnded,),
    State.AWAITING_EMPLOYEE: (),
    State.JOINING_FIRST: (PhoneEnded, VoiceEnded),
    State.DIALLING: (PhoneEnded, VoiceEnded),
    State.FAR_RINGING: (PhoneEnded, VoiceEnded),
    State.SIGNING_OFF: (PhoneEnded, VoiceEnded),
    State.TALKING: (FarEnded, PhoneEnded, VoiceEnded),
}
"""Which parts may end in which state, and end the call with them."""

EVENTS: Final[tuple[type[Event], ...]] = (
    CallArrived,
    CallbackAsked,
    DirectAsked,
    CardShown,
    EmployeeRang,
    EmployeeCalled,
    EmployeeAnswered,
    VoiceJoined,
    VoiceFailed,
    FarRang,
    EarlyMediaHeard,
    FarAnswered,
    TimePassed,
    FarEnded,
    PhoneEnded,
    VoiceEnded,
    Stopped,
)

# A card is posted beside the call: its report may be late, and then means nothing.
_LATE_CARD: Final = (State.DIALLING, State.FAR_RINGING, State.SIGNING_OFF, State.TALKING)

TRANSITIONS: Final[Mapping[tuple[State, type[Event]], Row]] = MappingProxyType(
    {
        **_PROGRESS,
        **{(state, part): _RELEASED for state, parts in _PARTS_BY_STATE.items() for part in parts},
        **{(state, Stopped): _RELEASED for state in _PARTS_BY_STATE},
        **{(state, CardShown): Row(state) for state in _LATE_CARD},
        **{(state, TimePassed): _RELEASED for state in LIMITS},
        # What was on its way when the call ended, the confirmations of our own releases among it.
        **{(State.ENDED, event): Row(State.ENDED) for event in EVENTS},
    }
)


def step(state: State, event: Event) -> Row:
    """Look up what `event` means in `state`. Raises UnexpectedEventError if it means nothing."""
    row = TRANSITIONS.get((state, type(event)))
    if row is None:
        raise UnexpectedEventError(state, event)
    return row
