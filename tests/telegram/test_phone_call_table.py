"""The table of a Telegram call as a whole: what is illegal, what always holds."""

from collections.abc import Callable
from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.calls.ports import (
    DiscardReason,
    PhoneEnded,
)
from linegram.errors import UnexpectedEventError
from linegram.outcomes import EndReason
from linegram.telegram import phone_events as on
from linegram.telegram.phone_call_table import TRANSITIONS
from linegram.telegram.phone_events import PeerReason, Refusal, State
from linegram.units import Seconds
from tests.telegram.call_events import (
    ACCEPT,
    ACCEPTED,
    ASKED,
    CONFIRMED,
    GONE,
    GRANTED,
    LATE,
    OCCUPIED,
    OFFERED,
    PATHS,
    REACHED,
    STANDS,
    START,
    TAKEN,
    call_in,
    discards,
    endings,
    new_call,
    told,
)

SAMPLES: dict[type[on.Event], on.Event] = {
    on.CallAsked: ASKED,
    on.CallOffered: OFFERED,
    on.RequestGranted: GRANTED,
    on.RequestRefused: on.RequestRefused(Refusal(EndReason.PRIVACY_BLOCKED)),
    on.RequestRefusedOnce: on.RequestRefusedOnce(Refusal(EndReason.CALLING_ACCOUNT_BUSY)),
    on.PeerReached: REACHED,
    on.PeerAccepted: ACCEPTED,
    on.CallEstablished: STANDS,
    on.KeyRejected: on.KeyRejected("odd"),
    on.StepRefused: on.StepRefused(Refusal(EndReason.TELEGRAM_REFUSED)),
    on.CallTaken: on.CallTaken(Refusal(EndReason.ANSWERED_ELSEWHERE)),
    on.PeerDiscarded: on.PeerDiscarded(PeerReason.HANG_UP),
    on.AcceptAsked: ACCEPT,
    on.EndAsked: on.EndAsked(DiscardReason.HANG_UP),
    on.SignalArrived: on.SignalArrived(b"x"),
    on.SignalAsked: on.SignalAsked(b"x"),
    on.DeadlinePassed: LATE,
}

ANSWERS_TO_A_REQUEST = {"RequestGranted", "RequestRefused", "RequestRefusedOnce"}
INCOMING_ONLY = {"CallOffered", "AcceptAsked"}
ILLEGAL: dict[State, set[str]] = {
    State.NEW: {
        "RequestGranted", "RequestRefusedOnce", "PeerReached", "PeerAccepted", "CallEstablished",
        "KeyRejected", "StepRefused", "CallTaken", "PeerDiscarded", "AcceptAsked", "SignalArrived",
        "SignalAsked",
    },
    State.REQUESTING: {
        "CallAsked", "PeerReached", "PeerAccepted", "CallEstablished", "KeyRejected", "StepRefused",
        "CallTaken", "PeerDiscarded", "SignalArrived", "SignalAsked",
    } | INCOMING_ONLY,
    State.WAITING: {"CallAsked", "CallEstablished", "SignalAsked"} | INCOMING_ONLY | ANSWERS_TO_A_REQUEST,
    State.RINGING: {"CallAsked", "CallEstablished", "SignalAsked"} | INCOMING_ONLY | ANSWERS_TO_A_REQUEST,
    State.CONFIRMING: {"CallAsked", "SignalAsked"} | INCOMING_ONLY | ANSWERS_TO_A_REQUEST,
    State.OFFERED: {
        "CallAsked", "PeerReached", "PeerAccepted", "CallEstablished", "KeyRejected", "SignalAsked",
    } | ANSWERS_TO_A_REQUEST,
    State.ACCEPTING: {"CallAsked", "PeerReached", "PeerAccepted", "SignalAsked"} | ANSWERS_TO_A_REQUEST,
    State.DOUBTED: {"CallAsked", "PeerReached", "PeerAccepted", "SignalAsked"} | ANSWERS_TO_A_REQUEST,
    State.READY: {"CallAsked", "KeyRejected"} | ANSWERS_TO_A_REQUEST,
    State.ABANDONED: {
        "CallAsked", "PeerReached", "PeerAccepted", "CallEstablished", "KeyRejected", "StepRefused",
        "CallTaken", "PeerDiscarded", "SignalArrived",
    } | INCOMING_ONLY,
    State.ENDED: {"CallOffered", "RequestGranted", "RequestRefusedOnce"},
}  # fmt: skip


def test_the_illegal_pairs_are_these_and_no_others() -> None:
    assert set(SAMPLES) == set(get_args(on.Event))
    missing = {
        state: {kind.__name__ for kind in SAMPLES if (state, kind) not in TRANSITIONS} for state in State
    }
    assert missing == ILLEGAL


@pytest.mark.parametrize(("state", "name"), sorted((s.value, n) for s in State for n in ILLEGAL[s]))
def test_an_illegal_event_is_refused_and_changes_nothing(state: str, name: str) -> None:
    call = call_in(State(state))
    deadline, reference = call.deadline, call.reference
    with pytest.raises(UnexpectedEventError):
        call.handle(SAMPLES[getattr(on, name)], Seconds(START + 1))
    assert (call.state, call.deadline, call.reference) == (State(state), deadline, reference)


@pytest.mark.parametrize(("state", "kind"), list(product(State, SAMPLES)))
def test_every_legal_pair_leads_where_the_table_says(state: State, kind: type[on.Event]) -> None:
    row = TRANSITIONS.get((state, kind))
    if row is None:
        return
    call = call_in(state)
    event = SAMPLES[kind]
    if kind is on.CallEstablished and state is State.CONFIRMING:
        event = CONFIRMED
    call.handle(event, START)
    assert call.state is row.next_state


# ---- whatever happens

MAKERS: list[Callable[[], on.Event]] = [
    *(lambda sample=sample: sample for sample in SAMPLES.values()),
    lambda: CONFIRMED,
    lambda: TAKEN,
    lambda: GONE,
    lambda: OCCUPIED,
    lambda: on.PeerAccepted(b"\x00"),
    lambda: on.PeerDiscarded(PeerReason.NONE),
    lambda: on.EndAsked(DiscardReason.MISSED),
]
ANY_EVENT = st.sampled_from(MAKERS).map(lambda maker: maker())
FROM_OUTSIDE = (on.CallTaken, on.RequestRefusedOnce, on.KeyRejected)


@given(st.sampled_from([[], *PATHS.values()]), st.lists(ANY_EVENT, max_size=12))
@settings(max_examples=150, deadline=None)
def test_whatever_happens_there_is_one_end_and_at_most_one_discard(
    path: list[on.Event], events: list[on.Event]
) -> None:
    call = new_call()
    commands: list[on.Command] = []
    has_telegram_ended = False
    for event in [*path, *events, on.EndAsked(DiscardReason.HANG_UP)]:
        if isinstance(event, FROM_OUTSIDE):
            continue
        is_live = call.state not in {State.ENDED, State.ABANDONED}
        try:
            commands += call.handle(event, START)
        except UnexpectedEventError:
            continue
        over_by_telegram = isinstance(event, on.PeerDiscarded) or event in (TAKEN, GONE)
        has_telegram_ended |= is_live and over_by_telegram and call.is_over
    if call.state is State.ABANDONED:
        commands += call.handle(GRANTED, START)
    assert call.is_over
    assert len(endings(commands)) == 1
    assert len(discards(commands)) <= 1
    if call.reference is not None and not has_telegram_ended and not _was_doubted(commands):
        assert len(discards(commands)) == 1
    after_the_end = told(commands)
    assert isinstance(after_the_end[-1], PhoneEnded)


def _was_doubted(commands: list[on.Command]) -> bool:
    return endings(commands) == [EndReason.ANSWERED_ELSEWHERE]
