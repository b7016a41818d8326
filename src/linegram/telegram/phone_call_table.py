"""The whole behaviour of one Telegram call's signalling: what each event does in each state.

Only tables live here; `phone_call` walks them. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from linegram.telegram import phone_events as on
from linegram.telegram.phone_events import Event, State


@dataclass(frozen=True, slots=True)
class CallTimeouts:
    """The timers of the server's config (core.telegram.org/constructor/config), with its defaults."""

    receive_s: float = 20.0
    ring_s: float = 90.0
    connect_s: float = 30.0


class Step(Enum):
    """What a row of the table does."""

    REQUEST = "request"
    RECEIVE = "receive"
    ACCEPT = "accept"
    CONFIRM = "confirm"
    DISCARD = "discard"
    DISCARD_LATE = "discard_late"
    SEND_SIGNAL = "send_signal"
    KEEP_SIGNAL = "keep_signal"
    TELL_SIGNAL = "tell_signal"
    TELL_ARRIVED = "tell_arrived"
    TELL_OPENED = "tell_opened"
    TELL_RINGING = "tell_ringing"
    TELL_ANSWERED = "tell_answered"
    TELL_ENDED = "tell_ended"


@dataclass(frozen=True, slots=True)
class Row:
    """Where an event leads, and what is done on the way."""

    next_state: State
    steps: tuple[Step, ...] = ()


_GIVE_UP: Final = Row(State.ENDED, (Step.DISCARD, Step.TELL_ENDED))
_OVER: Final = Row(State.ENDED, (Step.TELL_ENDED,))


def _live(state: State) -> dict[tuple[State, type[Event]], Row]:
    """Rows of every state in which Telegram knows the call."""
    return {
        (state, on.PeerDiscarded): _OVER,
        (state, on.StepRefused): _GIVE_UP,
        (state, on.CallTaken): _GIVE_UP,
        (state, on.EndAsked): _GIVE_UP,
        (state, on.DeadlinePassed): _GIVE_UP,
    }


def _deaf(state: State, *events: type[Event]) -> dict[tuple[State, type[Event]], Row]:
    """Rows of events that come late or twice and change nothing."""
    return {(state, event): Row(state) for event in events}


TRANSITIONS: Final[Mapping[tuple[State, type[Event]], Row]] = MappingProxyType(
    {
        (State.NEW, on.CallAsked): Row(State.REQUESTING, (Step.REQUEST,)),
        (State.NEW, on.CallOffered): Row(State.OFFERED, (Step.RECEIVE, Step.TELL_ARRIVED, Step.TELL_OPENED)),
        (State.NEW, on.RequestRefused): _OVER,
        (State.NEW, on.EndAsked): _OVER,
        (State.NEW, on.DeadlinePassed): _OVER,
        # We call.
        (State.REQUESTING, on.RequestGranted): Row(State.WAITING, (Step.TELL_OPENED,)),
        (State.REQUESTING, on.RequestRefusedOnce): Row(State.REQUESTING, (Step.REQUEST,)),
        (State.REQUESTING, on.RequestRefused): _OVER,
        (State.REQUESTING, on.EndAsked): Row(State.ABANDONED, (Step.TELL_ENDED,)),
        (State.REQUESTING, on.DeadlinePassed): Row(State.ABANDONED, (Step.TELL_ENDED,)),
        **_live(State.WAITING),
        (State.WAITING, on.PeerReached): Row(State.RINGING, (Step.TELL_RINGING,)),
        (State.WAITING, on.PeerAccepted): Row(State.CONFIRMING, (Step.CONFIRM,)),
        (State.WAITING, on.KeyRejected): _GIVE_UP,
        (State.WAITING, on.SignalArrived): Row(State.WAITING, (Step.KEEP_SIGNAL,)),
        **_live(State.RINGING),
        **_deaf(State.RINGING, on.PeerReached),
        (State.RINGING, on.PeerAccepted): Row(State.CONFIRMING, (Step.CONFIRM,)),
        (State.RINGING, on.KeyRejected): _GIVE_UP,
        (State.RINGING, on.SignalArrived): Row(State.RINGING, (Step.KEEP_SIGNAL,)),
        **_live(State.CONFIRMING),
        **_deaf(State.CONFIRMING, on.PeerReached, on.PeerAccepted),
        (State.CONFIRMING, on.CallEstablished): Row(State.READY, (Step.TELL_ANSWERED,)),
        (State.CONFIRMING, on.KeyRejected): _GIVE_UP,
        (State.CONFIRMING, on.SignalArrived): Row(State.CONFIRMING, (Step.KEEP_SIGNAL,)),
        # We are called.
        **_live(State.OFFERED),
        **_deaf(State.OFFERED, on.CallOffered),
        (State.OFFERED, on.AcceptAsked): Row(State.ACCEPTING, (Step.ACCEPT,)),
        (State.OFFERED, on.CallTaken): _OVER,
        (State.OFFERED, on.SignalArrived): Row(State.OFFERED, (Step.KEEP_SIGNAL,)),
        **_live(State.ACCEPTING),
        **_deaf(State.ACCEPTING, on.CallOffered, on.AcceptAsked),
        (State.ACCEPTING, on.CallEstablished): Row(State.READY, (Step.TELL_ANSWERED,)),
        (State.ACCEPTING, on.CallTaken): Row(State.DOUBTED),
        (State.ACCEPTING, on.KeyRejected): _GIVE_UP,
        (State.ACCEPTING, on.SignalArrived): Row(State.ACCEPTING, (Step.KEEP_SIGNAL,)),
        **_live(State.DOUBTED),
        **_deaf(State.DOUBTED, on.CallOffered, on.AcceptAsked),
        (State.DOUBTED, on.CallEstablished): Row(State.READY, (Step.TELL_ANSWERED,)),
        # Now it is certain that another device has it: a discard would end that talk.
        (State.DOUBTED, on.DeadlinePassed): _OVER,
        (State.DOUBTED, on.KeyRejected): _GIVE_UP,
        (State.DOUBTED, on.SignalArrived): Row(State.DOUBTED, (Step.KEEP_SIGNAL,)),
        # Both.
        **_live(State.READY),
        **_deaf(State.READY, on.CallOffered, on.AcceptAsked, on.PeerReached, on.PeerAccepted),
        **_deaf(State.READY, on.CallEstablished, on.DeadlinePassed),
        (State.READY, on.SignalArrived): Row(State.READY, (Step.TELL_SIGNAL,)),
        (State.READY, on.SignalAsked): Row(State.READY, (Step.SEND_SIGNAL,)),
        (State.ABANDONED, on.RequestGranted): Row(State.ENDED, (Step.DISCARD_LATE,)),
        (State.ABANDONED, on.RequestRefusedOnce): Row(State.ENDED),
        (State.ABANDONED, on.RequestRefused): Row(State.ENDED),
        **_deaf(State.ABANDONED, on.EndAsked, on.DeadlinePassed, on.SignalAsked),
        **_deaf(State.ENDED, on.CallAsked, on.RequestRefused, on.PeerReached, on.PeerAccepted),
        **_deaf(
            State.ENDED, on.CallEstablished, on.KeyRejected, on.StepRefused, on.CallTaken, on.PeerDiscarded
        ),
        **_deaf(
            State.ENDED, on.AcceptAsked, on.EndAsked, on.SignalArrived, on.SignalAsked, on.DeadlinePassed
        ),
    }
)

TIMERS: Final[Mapping[State, Callable[[CallTimeouts], float]]] = MappingProxyType(
    {
        State.NEW: lambda timeouts: timeouts.receive_s,
        State.REQUESTING: lambda timeouts: timeouts.receive_s,
        State.WAITING: lambda timeouts: timeouts.receive_s,
        State.RINGING: lambda timeouts: timeouts.ring_s,
        State.CONFIRMING: lambda timeouts: timeouts.connect_s,
        State.OFFERED: lambda timeouts: timeouts.ring_s,
        State.ACCEPTING: lambda timeouts: timeouts.connect_s,
        State.DOUBTED: lambda timeouts: timeouts.receive_s,
    }
)
"""Which timer runs in which state."""
