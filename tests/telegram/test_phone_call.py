"""The state machine of one Telegram call, without a loop, a socket or a clock."""

import pytest

from linegram.calls.ports import (
    DiscardReason,
    PhoneAnswered,
    PhoneCallArrived,
    PhoneCallOpened,
    PhoneEnded,
    PhoneRinging,
    PhoneSignalled,
)
from linegram.outcomes import EndReason
from linegram.telegram import phone_events as on
from linegram.telegram.endings import ASKED_ENDINGS, EXPIRED, PEER_ENDINGS
from linegram.telegram.phone_call import EARLY_SIGNALS
from linegram.telegram.phone_call_table import TIMERS, TRANSITIONS
from linegram.telegram.phone_events import PeerReason, Refusal, State, VoiceTerms
from linegram.units import Seconds
from tests.telegram.call_events import (
    ACCEPT,
    ACCEPTED,
    ASKED,
    CALLEE,
    CALLER,
    CONFIRMED,
    EMPLOYEE,
    GONE,
    GRANTED,
    KEY,
    LATE,
    LEG,
    OCCUPIED,
    OFFERED,
    PATHS,
    REACHED,
    REFERENCE,
    STANDS,
    START,
    TAKEN,
    TERMS,
    call_in,
    discards,
    endings,
    run,
    told,
)

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
