"""The table of a call's life: complete, closed, and honest about what cannot happen."""

import pytest

from linegram.calls import bridge
from linegram.calls.bridge import EVENTS, TRANSITIONS, Event, PartEnded, State
from linegram.errors import UnexpectedEventError
from linegram.outcomes import EndReason

ENDINGS = ("FarEnded", "PhoneEnded", "VoiceEnded", "Stopped")
LEGAL = {
    State.NEW: {"CallArrived", "CallbackAsked", "DirectAsked"},
    State.ANNOUNCING: {"CardShown", "FarEnded", "Stopped"},
    State.RINGING_EMPLOYEE: {
        "EmployeeRang", "EmployeeAnswered", "TimePassed", "FarEnded", "PhoneEnded", "Stopped"
    },
    State.JOINING: {"VoiceJoined", "VoiceFailed", *ENDINGS},
    State.ANSWERING: {"FarAnswered", *ENDINGS},
    State.CALLING_BACK: {
        "CardShown", "EmployeeRang", "EmployeeAnswered", "TimePassed", "PhoneEnded", "Stopped"
    },
    State.AWAITING_EMPLOYEE: {"CardShown", "EmployeeCalled", "TimePassed", "Stopped"},
    State.JOINING_FIRST: {
        "CardShown", "EmployeeAnswered", "VoiceJoined", "VoiceFailed", "PhoneEnded", "VoiceEnded", "Stopped"
    },
    State.DIALLING: {"FarRang", "EarlyMediaHeard", "FarAnswered", "CardShown", *ENDINGS},
    State.FAR_RINGING: {"FarRang", "EarlyMediaHeard", "FarAnswered", "CardShown", *ENDINGS},
    State.SIGNING_OFF: {"TimePassed", "CardShown", "PhoneEnded", "VoiceEnded", "Stopped"},
    State.TALKING: {"EarlyMediaHeard", "CardShown", *ENDINGS},
    State.ENDED: {event.__name__ for event in EVENTS},
}  # fmt: skip
ILLEGAL = {state: {event.__name__ for event in EVENTS} - legal for state, legal in LEGAL.items()}


def make(event: type[Event]) -> Event:
    return event(EndReason.COMPLETED) if issubclass(event, PartEnded) else event()


@pytest.mark.parametrize("state", list(State))
def test_the_illegal_events_of_each_state_are_exactly_these(state: State) -> None:
    illegal = {event.__name__ for event in EVENTS if (state, event) not in TRANSITIONS}
    assert illegal == ILLEGAL[state]


@pytest.mark.parametrize("state", list(State))
def test_an_illegal_event_raises(state: State) -> None:
    for event in EVENTS:
        if event.__name__ in ILLEGAL[state]:
            with pytest.raises(UnexpectedEventError):
                bridge.step(state, make(event))


def test_every_state_is_reached_from_new_and_leads_to_the_end() -> None:
    after: dict[State, set[State]] = {state: set() for state in State}
    for (state, _), row in TRANSITIONS.items():
        after[state].add(row.state)

    def reachable(start: State) -> set[State]:
        seen, todo = {start}, [start]
        while todo:
            fresh = after[todo.pop()] - seen
            seen |= fresh
            todo.extend(fresh)
        return seen

    assert reachable(State.NEW) == set(State)
    assert all(State.ENDED in reachable(state) for state in State)


def test_the_end_is_final() -> None:
    assert all(bridge.step(State.ENDED, make(event)) == (State.ENDED, ()) for event in EVENTS)


def test_every_limited_state_ends_when_its_time_is_over() -> None:
    assert all(bridge.step(state, bridge.TimePassed()).state is State.ENDED for state in bridge.LIMITS)
