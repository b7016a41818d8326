"""The table of a call's life: complete, closed, and honest about what cannot happen."""

import pytest

from linegram.calls import bridge
from linegram.calls.bridge import EVENTS, TRANSITIONS, Event, PartEnded, State
from linegram.errors import UnexpectedEventError
from linegram.outcomes import EndReason

ENDINGS = ("FarEnded", "PhoneEnded", "VoiceEnded", "Stopped")
ILLEGAL = {
    State.NEW: {event.__name__ for event in EVENTS} - {"CallArrived", "CallbackAsked", "DirectAsked"},
    State.ANNOUNCING: {event.__name__ for event in EVENTS} - {"CardShown", "FarEnded", "Stopped"},
    State.RINGING_EMPLOYEE: {event.__name__ for event in EVENTS}
    - {"EmployeeRang", "EmployeeAnswered", "FarEnded", "PhoneEnded", "Stopped"},
    State.JOINING: {event.__name__ for event in EVENTS} - {"VoiceJoined", "VoiceFailed", *ENDINGS},
    State.ANSWERING: {event.__name__ for event in EVENTS} - {"FarAnswered", *ENDINGS},
    State.CALLING_BACK: {event.__name__ for event in EVENTS}
    - {"CardShown", "WindowClosed", "EmployeeRang", "EmployeeAnswered", "PhoneEnded", "Stopped"},
    State.AWAITING_EMPLOYEE: {event.__name__ for event in EVENTS}
    - {"CardShown", "EmployeeCalled", "WindowClosed", "Stopped"},
    State.JOINING_FIRST: {event.__name__ for event in EVENTS}
    - {
        "CardShown",
        "WindowClosed",
        "EmployeeAnswered",
        "VoiceJoined",
        "VoiceFailed",
        "PhoneEnded",
        "VoiceEnded",
        "Stopped",
    },
    State.DIALLING: {event.__name__ for event in EVENTS}
    - {"FarRang", "EarlyMediaHeard", "FarAnswered", "CardShown", "WindowClosed", *ENDINGS},
    State.FAR_RINGING: {event.__name__ for event in EVENTS}
    - {"FarRang", "EarlyMediaHeard", "FarAnswered", "CardShown", "WindowClosed", *ENDINGS},
    State.SIGNING_OFF: {event.__name__ for event in EVENTS}
    - {"SignedOff", "CardShown", "WindowClosed", "PhoneEnded", "VoiceEnded", "Stopped"},
    State.TALKING: {event.__name__ for event in EVENTS}
    - {"EarlyMediaHeard", "CardShown", "WindowClosed", *ENDINGS},
    State.ENDED: set[str](),
}


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
