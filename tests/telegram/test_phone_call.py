"""The state machine of one Telegram call, without a loop, a socket or a clock."""

from collections.abc import Callable
from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.calls.ports import (
    DiscardReason,
    PhoneAnswered,
    PhoneCallArrived,
    PhoneCallOpened,
    PhoneEnded,
    PhoneEvent,
    PhoneRinging,
    PhoneSignalled,
)
from linegram.errors import UnexpectedEventError
from linegram.outcomes import EndReason
from linegram.telegram import phone_events as on
from linegram.telegram.endings import ASKED_ENDINGS, EXPIRED, PEER_ENDINGS
from linegram.telegram.key_exchange import (
    KEY_BYTES,
    KNOWN_PRIME,
    CalleeExchange,
    CallerExchange,
    checked_group,
)
from linegram.telegram.phone_call import EARLY_SIGNALS, PhoneCall
from linegram.telegram.phone_call_table import TIMERS, TRANSITIONS, CallTimeouts
from linegram.telegram.phone_events import CallReference, PeerReason, Refusal, State, VoiceTerms
from linegram.units import LegId, Seconds, TelegramUserId

GROUP = checked_group(3, KNOWN_PRIME.to_bytes(KEY_BYTES, "big"))
CALLER = CallerExchange(GROUP, b"\x41" * 256)
CALLEE = CalleeExchange(GROUP, b"\x43" * 256, CALLER.g_a_hash)
KEY = CALLER.agree(CALLEE.g_b)
REFERENCE = CallReference(77, -5)
TERMS = VoiceTerms(("13.0.0", "9.0.0"), (), True)
LEG = LegId("leg-1")
EMPLOYEE = TelegramUserId(501)
TIMEOUTS = CallTimeouts(receive_s=20, ring_s=90, connect_s=30)
START = Seconds(1000.0)

ASKED = on.CallAsked(CALLER)
OFFERED = on.CallOffered(REFERENCE)
GRANTED = on.RequestGranted(REFERENCE)
REACHED = on.PeerReached()
ACCEPTED = on.PeerAccepted(CALLEE.g_b)
CONFIRMED = on.CallEstablished(CALLEE.g_b, KEY.fingerprint, TERMS)
ACCEPT = on.AcceptAsked(CALLEE)
STANDS = on.CallEstablished(CALLER.g_a, KEY.fingerprint, TERMS)
TAKEN = on.StepRefused(Refusal(EndReason.ANSWERED_ELSEWHERE, is_gone=True))
GONE = on.StepRefused(Refusal(EndReason.CANCELLED, is_gone=True))
OCCUPIED = on.RequestRefused(Refusal(EndReason.CALLING_ACCOUNT_BUSY, may_retry=True))
LATE = on.DeadlinePassed()

PATHS: dict[State, list[on.Event]] = {
    State.NEW: [],
    State.REQUESTING: [ASKED],
    State.WAITING: [ASKED, GRANTED],
    State.RINGING: [ASKED, GRANTED, REACHED],
    State.CONFIRMING: [ASKED, GRANTED, REACHED, ACCEPTED],
    State.OFFERED: [OFFERED],
    State.ACCEPTING: [OFFERED, ACCEPT],
    State.DOUBTED: [OFFERED, ACCEPT, TAKEN],
    State.READY: [ASKED, GRANTED, REACHED, ACCEPTED, CONFIRMED],
    State.ABANDONED: [ASKED, on.EndAsked(DiscardReason.HANG_UP)],
    State.ENDED: [on.EndAsked(DiscardReason.HANG_UP)],
}


def new_call() -> PhoneCall:
    return PhoneCall(LEG, EMPLOYEE, TIMEOUTS, START)


def run(*events: on.Event, at: float = START) -> tuple[PhoneCall, list[on.Command]]:
    """Feed events to a new call; returns it and all that it asked for."""
    call = new_call()
    commands = [command for event in events for command in call.handle(event, Seconds(at))]
    return call, commands


def call_in(state: State) -> PhoneCall:
    call, _ = run(*PATHS[state])
    assert call.state is state
    return call


def told(commands: list[on.Command]) -> list[PhoneEvent]:
    return [command.event for command in commands if isinstance(command, on.Tell)]


def endings(commands: list[on.Command]) -> list[EndReason]:
    return [event.reason for event in told(commands) if isinstance(event, PhoneEnded)]


def discards(commands: list[on.Command]) -> list[DiscardReason]:
    return [command.reason for command in commands if isinstance(command, on.DiscardCall)]


# ---- the straight ways


def test_an_outgoing_call_goes_from_request_to_voice() -> None:
    call, commands = run(*PATHS[State.READY])
    assert call.state is State.READY
    assert commands[0] == on.RequestCall(CALLER.g_a_hash)
    assert commands[3] == on.ConfirmCall(REFERENCE, CALLER.g_a, KEY.fingerprint)
    opened, ringing, answered = told(commands)
    assert opened == PhoneCallOpened(LEG, {"phone_call_id": 77, "access_hash": -5})
    assert ringing == PhoneRinging(LEG)
    assert isinstance(answered, PhoneAnswered)
    assert answered.parameters.key == KEY.key
    assert answered.parameters.is_outgoing
    assert answered.parameters.versions == ("13.0.0", "9.0.0")


def test_an_incoming_call_goes_from_offer_to_voice() -> None:
    call, commands = run(OFFERED, ACCEPT, STANDS)
    assert call.state is State.READY
    assert commands[0] == on.ReceiveCall(REFERENCE)
    assert commands[3] == on.AcceptCall(REFERENCE, CALLEE.g_b)
    arrived, opened, answered = told(commands)
    assert arrived == PhoneCallArrived(LEG, EMPLOYEE)
    assert isinstance(opened, PhoneCallOpened)
    assert isinstance(answered, PhoneAnswered)
    assert answered.parameters.key == KEY.key
    assert not answered.parameters.is_outgoing


def test_an_answer_before_the_ringing_was_reported_is_taken() -> None:
    call, commands = run(ASKED, GRANTED, ACCEPTED, CONFIRMED)
    assert call.state is State.READY
    assert not [event for event in told(commands) if isinstance(event, PhoneRinging)]


def test_the_call_that_was_talked_is_discarded_with_its_duration() -> None:
    call = call_in(State.READY)
    commands = call.handle(on.EndAsked(DiscardReason.HANG_UP), Seconds(START + 61.7))
    assert commands == [
        on.DiscardCall(REFERENCE, DiscardReason.HANG_UP, 61),
        on.Tell(PhoneEnded(LEG, EndReason.COMPLETED)),
    ]


# ---- signalling


@pytest.mark.parametrize("path", [[ASKED, GRANTED], PATHS[State.CONFIRMING][:-1], PATHS[State.ACCEPTING]])
def test_early_signalling_waits_for_the_answer_and_keeps_its_order(path: list[on.Event]) -> None:
    early: list[on.Event] = [on.SignalArrived(b"one"), on.SignalArrived(b"two")]
    rest: list[on.Event] = [STANDS] if path[0] is OFFERED else [ACCEPTED, CONFIRMED]
    call, before = run(*path, *early)
    assert not [event for event in told(before) if isinstance(event, PhoneSignalled)]
    after = [event for step in rest for event in told(call.handle(step, START))]
    assert isinstance(after[0], PhoneAnswered)
    assert after[1:] == [PhoneSignalled(LEG, b"one"), PhoneSignalled(LEG, b"two")]
    assert told(call.handle(on.SignalArrived(b"three"), START)) == [PhoneSignalled(LEG, b"three")]


def test_a_talkative_peer_cannot_fill_the_memory() -> None:
    call = call_in(State.CONFIRMING)
    for number in range(EARLY_SIGNALS + 50):
        call.handle(on.SignalArrived(bytes([number % 256])), START)
    assert len(told(call.handle(CONFIRMED, START))) == 1 + EARLY_SIGNALS


def test_our_signalling_goes_out_once_the_call_stands() -> None:
    commands = call_in(State.READY).handle(on.SignalAsked(b"offer"), START)
    assert commands == [on.SendSignal(REFERENCE, b"offer")]


# ---- endings


@pytest.mark.parametrize(
    ("state", "reason", "ending"),
    [(state, reason, ending) for state, row in PEER_ENDINGS.items() for reason, ending in row.items()],
)
def test_what_telegram_ended_is_told_and_not_discarded(
    state: State, reason: PeerReason, ending: EndReason
) -> None:
    commands = call_in(state).handle(on.PeerDiscarded(reason), START)
    assert commands == [on.Tell(PhoneEnded(LEG, ending))]


def test_every_discard_reason_has_an_ending_in_every_state_that_can_meet_it() -> None:
    met = {state for state, event in TRANSITIONS if event is on.PeerDiscarded} - {State.ENDED}
    assert set(PEER_ENDINGS) == met
    assert all(set(row) == set(PeerReason) for row in PEER_ENDINGS.values())
    quiet = {State.ABANDONED, State.ENDED}
    asked = {state for state, event in TRANSITIONS if event is on.EndAsked} - quiet
    assert set(ASKED_ENDINGS) == asked
    assert all(set(row) == set(DiscardReason) for row in ASKED_ENDINGS.values())
    assert set(EXPIRED) == set(TIMERS)


def test_busy_before_the_ringing_is_busy_and_after_it_is_declined() -> None:
    assert PEER_ENDINGS[State.WAITING][PeerReason.BUSY] is EndReason.BUSY
    assert PEER_ENDINGS[State.RINGING][PeerReason.BUSY] is EndReason.DECLINED


def test_an_answer_on_another_device_is_an_ending_of_its_own() -> None:
    assert endings(call_in(State.OFFERED).handle(on.PeerDiscarded(PeerReason.NONE), START)) == [
        EndReason.ANSWERED_ELSEWHERE
    ]


@pytest.mark.parametrize("state", [State.WAITING, State.RINGING, State.READY, State.OFFERED])
def test_a_move_to_a_conference_is_an_ending_of_its_own(state: State) -> None:
    commands = call_in(state).handle(on.PeerDiscarded(PeerReason.MIGRATED), START)
    assert endings(commands) == [EndReason.MOVED_TO_CONFERENCE]


@pytest.mark.parametrize(
    ("state", "ending", "discard"),
    [
        (State.WAITING, EndReason.EMPLOYEE_OFFLINE, [DiscardReason.MISSED]),
        (State.RINGING, EndReason.NO_ANSWER, [DiscardReason.MISSED]),
        (State.CONFIRMING, EndReason.TELEGRAM_UNREACHABLE, [DiscardReason.DISCONNECT]),
        (State.OFFERED, EndReason.NO_ANSWER, [DiscardReason.MISSED]),
        (State.ACCEPTING, EndReason.TELEGRAM_UNREACHABLE, [DiscardReason.DISCONNECT]),
        (State.REQUESTING, EndReason.TELEGRAM_UNREACHABLE, []),
        (State.NEW, EndReason.TELEGRAM_UNREACHABLE, []),
    ],
)
def test_a_timer_that_runs_out_ends_the_call(
    state: State, ending: EndReason, discard: list[DiscardReason]
) -> None:
    commands = call_in(state).handle(LATE, START)
    assert endings(commands) == [ending]
    assert discards(commands) == discard


def test_each_state_waits_as_long_as_the_server_says() -> None:
    waits = {State.WAITING: 20, State.RINGING: 90, State.CONFIRMING: 30, State.OFFERED: 90}
    for state, seconds in waits.items():
        assert call_in(state).deadline == START + seconds
    assert call_in(State.READY).deadline is None
    assert call_in(State.ENDED).deadline is None


def test_a_repeated_ringing_does_not_prolong_the_ringing() -> None:
    call = call_in(State.RINGING)
    call.handle(REACHED, Seconds(START + 50))
    assert call.deadline == START + 90


# ---- refusals


def test_an_occupied_calling_account_is_asked_once_more() -> None:
    call, _ = run(ASKED)
    assert call.handle(OCCUPIED, START) == [on.RequestCall(CALLER.g_a_hash)]
    assert call.state is State.REQUESTING
    assert call.handle(OCCUPIED, START) == [on.Tell(PhoneEnded(LEG, EndReason.CALLING_ACCOUNT_BUSY))]


def test_a_retry_does_not_start_the_timer_anew() -> None:
    call, _ = run(ASKED)
    call.handle(OCCUPIED, Seconds(START + 15))
    assert call.deadline == START + 20


def test_a_flood_wait_keeps_its_seconds() -> None:
    refused = on.RequestRefused(Refusal(EndReason.FLOOD_LIMITED, retry_after_s=291))
    call, _ = run(ASKED)
    assert call.handle(refused, START) == [on.Tell(PhoneEnded(LEG, EndReason.FLOOD_LIMITED, 291))]


def test_what_telegram_grants_after_we_gave_up_is_discarded() -> None:
    call, _ = run(ASKED)
    assert call.handle(on.EndAsked(DiscardReason.MISSED), START) == [
        on.Tell(PhoneEnded(LEG, EndReason.CANCELLED))
    ]
    assert not call.is_over
    assert call.handle(GRANTED, START) == [on.DiscardCall(REFERENCE, DiscardReason.MISSED, 0)]
    assert call.is_over


def test_a_signal_refused_because_the_call_is_gone_ends_the_talk() -> None:
    assert call_in(State.READY).handle(GONE, START) == [on.Tell(PhoneEnded(LEG, EndReason.COMPLETED))]


def test_a_refused_confirmation_ends_and_discards() -> None:
    commands = call_in(State.CONFIRMING).handle(GONE, START)
    assert discards(commands) == [DiscardReason.DISCONNECT]
    assert len(endings(commands)) == 1


def test_no_common_version_ends_the_call() -> None:
    empty = on.CallEstablished(CALLEE.g_b, KEY.fingerprint, VoiceTerms((), (), True))
    commands = call_in(State.CONFIRMING).handle(empty, START)
    assert endings(commands) == [EndReason.NO_COMMON_VERSION]
    assert discards(commands) == [DiscardReason.DISCONNECT]


# ---- accepted, but by whom?


def test_an_acceptance_whose_answer_was_lost_still_leads_to_voice() -> None:
    call = call_in(State.DOUBTED)
    assert isinstance(told(call.handle(STANDS, START))[0], PhoneAnswered)


def test_a_call_that_another_device_took_is_left_alone() -> None:
    for state, event in ((State.DOUBTED, LATE), (State.OFFERED, TAKEN)):
        commands = call_in(state).handle(event, START)
        assert commands == [on.Tell(PhoneEnded(LEG, EndReason.ANSWERED_ELSEWHERE))]


# ---- keys


@pytest.mark.parametrize("state", [State.WAITING, State.RINGING])
def test_an_unsafe_half_from_the_employee_ends_the_call(state: State) -> None:
    commands = call_in(state).handle(on.PeerAccepted(b"\x01"), START)
    assert endings(commands) == [EndReason.KEY_MISMATCH]
    assert discards(commands) == [DiscardReason.DISCONNECT]


@pytest.mark.parametrize(
    "event",
    [
        on.CallEstablished(CALLER.g_a, KEY.fingerprint ^ 1, TERMS),
        on.CallEstablished(CALLEE.g_b, KEY.fingerprint, TERMS),
        on.CallEstablished(b"", KEY.fingerprint, TERMS),
    ],
)
def test_a_caller_with_another_key_is_hung_up_on(event: on.CallEstablished) -> None:
    commands = call_in(State.ACCEPTING).handle(event, START)
    assert endings(commands) == [EndReason.KEY_MISMATCH]
    assert len(discards(commands)) == 1


def test_a_fingerprint_that_telegram_changed_ends_the_call() -> None:
    commands = call_in(State.CONFIRMING).handle(
        on.CallEstablished(CALLEE.g_b, KEY.fingerprint ^ 1, TERMS), START
    )
    assert endings(commands) == [EndReason.KEY_MISMATCH]


# ---- the table as a whole

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
