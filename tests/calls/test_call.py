"""A call releases each part exactly once, whatever happens, and remembers how it ended."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.calls import bridge
from linegram.calls.bridge import TRANSITIONS, Command, Event, PartEnded, State
from linegram.calls.call import Call, Part
from linegram.calls.card import CardButton, CardState
from linegram.outcomes import EndReason
from linegram.units import AccountId, CallId, LegId, TelegramUserId

PATIENCE_STEPS = 30
RELEASES = {Command.END_FAR: Part.FAR, Command.END_PHONE: Part.PHONE, Command.END_VOICE: Part.VOICE}
ENDED_BY = {Part.FAR: bridge.FarEnded, Part.PHONE: bridge.PhoneEnded, Part.VOICE: bridge.VoiceEnded}


def new_call(*, is_incoming: bool = True) -> Call:
    return Call(
        call_id=CallId("c"),
        account_id=AccountId(1),
        user_id=TelegramUserId(7),
        number="4711",
        is_incoming=is_incoming,
        far_leg_id=LegId("far"),
        employee_leg_id=LegId("employee"),
        started_at=100.0,
    )


def run(call: Call, *events: Event) -> list[Command]:
    return [command for now, event in enumerate(events, 101) for command in call.advance(event, float(now))]


@given(st.data())
def test_whatever_happens_each_opened_part_is_released_or_reported_over_exactly_once(
    data: st.DataObject,
) -> None:
    call = new_call(is_incoming=data.draw(st.booleans()))
    opened: list[Part] = []
    reported: list[Part] = []
    released: list[Part] = []
    for steps in itertools.count():
        if call.is_over:
            break
        possible = [event for state, event in TRANSITIONS if state is call.state and may_happen(call, event)]
        if steps > PATIENCE_STEPS:  # some events lead nowhere and could be drawn for ever
            possible = [event for event in possible if issubclass(event, PartEnded)]
        event = data.draw(st.sampled_from(sorted(possible, key=lambda kind: kind.__name__)))
        before = set(call.open_parts)
        happened = (
            event(data.draw(st.sampled_from(list(EndReason)))) if issubclass(event, PartEnded) else event()
        )
        commands = call.advance(happened, 1.0)
        reported += [part for part, kind in ENDED_BY.items() if event is kind]
        if Command.RENEW_EMPLOYEE in commands:  # phone and voice begin anew, as if they had never been open
            opened = [part for part in opened if part is Part.FAR]
            reported = [part for part in reported if part is Part.FAR]
            before = before & {Part.FAR}
            assert Part.VOICE not in call.open_parts
        released += [RELEASES[command] for command in commands if command in RELEASES]
        opened += sorted(
            (call.open_parts | set(reported)) - before - set(opened), key=lambda part: part.value
        )
    assert call.end_reason is not None
    assert len(released) == len(set(released))
    assert len(reported) == len(set(reported))
    assert set(reported) == set(opened)


def may_happen(call: Call, event: type[Event]) -> bool:
    """A part reports its end only while it is open; a new beginning comes only once."""
    if event is bridge.VoiceFailed:
        return False  # a call makes it itself, of a VoiceEnded
    for part, kind in ENDED_BY.items():
        if event is kind:
            return part in call.open_parts
    # In ENDED only the confirmations move the call on; the rest changes nothing.
    return call.state is not State.ENDED


def test_an_incoming_call_is_answered_only_when_the_voice_is_up() -> None:
    call = new_call()
    commands = run(
        call,
        bridge.CallArrived(),
        bridge.CardShown(),
        bridge.EmployeeRang(),
        bridge.EmployeeAnswered(),
        bridge.VoiceJoined(),
        bridge.FarAnswered(),
    )
    assert commands == [
        Command.POST_CARD,
        Command.RING_EMPLOYEE,
        Command.RING_FAR,
        Command.OPEN_VOICE,
        Command.ANSWER_FAR,
        Command.CONNECT_AUDIO,
    ]
    assert call.card().state is CardState.TALKING


def test_an_outgoing_call_brings_the_employee_up_before_it_dials() -> None:
    call = new_call(is_incoming=False)
    commands = run(
        call,
        bridge.CallbackAsked(),
        bridge.CardShown(),
        bridge.EmployeeRang(),
        bridge.EmployeeAnswered(),
        bridge.VoiceJoined(),
        bridge.FarRang(),
        bridge.EarlyMediaHeard(),
        bridge.FarAnswered(),
    )
    assert commands == [
        Command.POST_CARD,
        Command.RING_EMPLOYEE,
        Command.OPEN_VOICE,
        Command.DIAL_FAR,
        Command.PLAY_RING_BACK,
        Command.CONNECT_AUDIO,
        Command.CONNECT_AUDIO,
    ]


def test_a_refused_number_is_heard_before_the_call_ends() -> None:
    call = new_call(is_incoming=False)
    run(call, bridge.CallbackAsked(), bridge.EmployeeAnswered(), bridge.VoiceJoined())
    assert run(call, bridge.FarEnded(EndReason.BUSY)) == [Command.PLAY_ENDING]
    assert call.card().state is CardState.ENDED
    assert run(call, bridge.TimePassed()) == [Command.END_PHONE, Command.END_VOICE]
    run(call, bridge.PhoneEnded(EndReason.COMPLETED), bridge.VoiceEnded(EndReason.COMPLETED))
    assert call.is_over
    assert call.end_reason is EndReason.BUSY


def test_a_direct_call_that_never_comes_leaves_nothing_open() -> None:
    call = new_call(is_incoming=False)
    commands = run(call, bridge.DirectAsked(), bridge.CardShown(), bridge.TimePassed())
    assert commands == [Command.POST_CARD]
    assert call.is_over
    assert call.end_reason is EndReason.DIRECT_CALL_EXPIRED


def test_hanging_up_before_the_answer_is_a_cancelled_call() -> None:
    call = new_call(is_incoming=False)
    run(call, bridge.CallbackAsked(), bridge.EmployeeAnswered(), bridge.VoiceJoined())
    assert set(run(call, bridge.PhoneEnded(EndReason.COMPLETED))) == {Command.END_FAR, Command.END_VOICE}
    assert call.end_reason is EndReason.CANCELLED
    assert call.duration_s is None


def test_a_talk_has_a_length_and_its_card_offers_to_call_back() -> None:
    call = new_call()
    run(call, bridge.CallArrived(), bridge.CardShown(), bridge.EmployeeAnswered(), bridge.VoiceJoined())
    call.advance(bridge.FarAnswered(), 105.0)
    call.advance(bridge.FarEnded(EndReason.COMPLETED), 165.0)
    assert call.duration_s == 165 - 104
    assert call.card().buttons == (CardButton.CALL_BACK,)


def test_a_voice_that_does_not_come_up_is_tried_once_more_with_another_telegram_call() -> None:
    failure = bridge.VoiceEnded(EndReason.VOICE_NOT_CONNECTED)
    call = new_call()
    run(call, bridge.CallArrived(), bridge.CardShown(), bridge.EmployeeAnswered())
    assert run(call, failure) == [Command.RENEW_EMPLOYEE, Command.RING_EMPLOYEE]
    assert call.end_reason is None
    assert run(call, bridge.EmployeeAnswered()) == [Command.OPEN_VOICE]
    assert set(run(call, failure)) == {Command.END_FAR, Command.END_PHONE}
    assert call.end_reason is EndReason.VOICE_NOT_CONNECTED


@pytest.mark.parametrize("reason", [EndReason.VOICE_LOST, EndReason.VOICE_NOT_CONNECTED])
def test_an_app_that_gives_up_for_want_of_a_voice_is_called_once_more(reason: EndReason) -> None:
    call = new_call()
    run(call, bridge.CallArrived(), bridge.CardShown(), bridge.EmployeeAnswered())
    assert run(call, bridge.PhoneEnded(reason)) == [Command.RENEW_EMPLOYEE, Command.RING_EMPLOYEE]
    assert call.open_parts == {Part.FAR, Part.PHONE}
    assert run(call, bridge.EmployeeAnswered()) == [Command.OPEN_VOICE]
    assert set(run(call, bridge.PhoneEnded(reason))) == {Command.END_FAR, Command.END_VOICE}
    assert call.end_reason is EndReason.VOICE_NOT_CONNECTED


def test_an_employee_who_hangs_up_while_the_voice_is_awaited_is_not_called_again() -> None:
    call = new_call()
    run(call, bridge.CallArrived(), bridge.CardShown(), bridge.EmployeeAnswered())
    assert set(run(call, bridge.PhoneEnded(EndReason.COMPLETED))) == {Command.END_FAR, Command.END_VOICE}


def test_a_voice_that_is_lost_in_the_talk_ends_the_call() -> None:
    call = new_call()
    run(call, bridge.CallArrived(), bridge.CardShown(), bridge.EmployeeAnswered(), bridge.VoiceJoined())
    assert set(run(call, bridge.PhoneEnded(EndReason.VOICE_LOST))) == {Command.END_FAR, Command.END_VOICE}
    assert call.end_reason is EndReason.VOICE_LOST
