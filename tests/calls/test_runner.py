"""Whole lives of calls between doubles: what is commanded, noted, shown and released."""

from collections.abc import Awaitable, Callable

import pytest

from linegram.calls.card import CardButton, CardState
from linegram.calls.ports import CallRecord, DiscardReason
from linegram.link import commands
from linegram.link.commands import Tone
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_clock import settle
from tests.calls.call_office import ANN, ANNS_LINE, CallOffice

DIRECT_WINDOW_S = 60.0
SIGN_OFF_S = 3.0
RING_S = 45.0

Begin = Callable[[], Awaitable[CallOffice]]
Step = Callable[[CallOffice], Awaitable[None]]


async def arrive(office: CallOffice) -> None:
    """A call of the PBX's to Ann; her phone is being rung."""
    office.worker.call(ANNS_LINE, "4711", "Mr Caller")
    await settle()


async def be_answered(office: CallOffice) -> None:
    """Ann answers and the PBX confirms."""
    await office.answer_phone()
    await office.do(lambda: office.worker.answer(office.far_leg))


async def reach_the_pbx(office: CallOffice) -> None:
    """Ann texts a number and answers her phone; the number is being dialled."""
    await office.text("4711")
    await office.answer_phone()


def is_released(office: CallOffice) -> bool:
    """Nothing is open any more, anywhere."""
    worker, phone = office.worker, office.phone
    return not (worker.pbx_legs or worker.voice_legs or phone.legs or len(office.runner.desk))


def assert_closed_once(office: CallOffice, reason: EndReason) -> CallRecord:
    assert is_released(office)
    (record,) = office.records
    assert record.end_reason is reason
    assert office.journal.notes[-1] == record
    assert len(office.worker.of(commands.EndCall)) == 1
    assert office.card().state is CardState.ENDED
    assert office.card().end_reason is reason
    return record


# ---- incoming


async def test_an_incoming_call_rings_joins_talks_and_ends() -> None:
    office = CallOffice()
    await arrive(office)
    assert office.card().state is CardState.INCOMING
    card = office.card()
    assert (card.number, card.name, card.line) == ("4711", "Mr Caller", "Ann's line")
    await office.answer_phone()
    assert office.commands == ["RingPbx", "OpenVoice", "AnswerPbx", "ConnectAudio"]
    await office.do(lambda: office.worker.answer(office.far_leg, "opus"))
    assert office.card().state is CardState.TALKING
    await office.clock.advance(65.0)
    await office.do(lambda: office.worker.end_pbx(office.far_leg, EndReason.COMPLETED))
    record = assert_closed_once(office, EndReason.COMPLETED)
    assert office.commands[4:] == ["CloseVoice", "EndCall"]
    assert [reason for _, reason in office.phone.ended] == [DiscardReason.HANG_UP]
    assert (record.codec, record.is_incoming, record.user_id) == ("opus", True, ANN)
    assert office.card().duration_s == 65
    assert office.card().buttons == (CardButton.CALL_BACK,)


async def test_the_phone_is_rung_only_after_the_card_stands() -> None:
    office = CallOffice()
    office.chat.hurdle.clear()
    await arrive(office)
    assert office.phone.requested == []
    office.chat.hurdle.set()
    await settle()
    assert len(office.phone.requested) == 1


async def test_a_chat_that_takes_no_card_does_not_keep_the_phone_from_ringing() -> None:
    office = CallOffice()
    office.chat.refuses = True
    await arrive(office)
    await be_answered(office)
    office.phone.finish(office.employee_leg, EndReason.COMPLETED)
    await settle()
    assert is_released(office)
    assert [record.end_reason for record in office.records] == [EndReason.COMPLETED]


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (EndReason.DECLINED, 603),
        (EndReason.BUSY, 486),
        (EndReason.NO_ANSWER, 480),
        (EndReason.PRIVACY_BLOCKED, 403),
        (EndReason.EMPLOYEE_UNKNOWN, 404),
    ],
)
async def test_an_employee_who_cannot_be_had_refuses_the_pbx_with_the_reason(
    reason: EndReason, status: int
) -> None:
    office = CallOffice()
    await arrive(office)
    await office.do(lambda: office.phone.finish(office.employee_leg, reason))
    assert_closed_once(office, reason)
    assert [command.status for command in office.worker.of(commands.EndPbx)] == [status]


async def test_an_employee_who_lets_it_ring_does_not_answer() -> None:
    office = CallOffice()
    await arrive(office)
    await office.clock.advance(1.0)
    await office.do(lambda: office.phone.ring(office.employee_leg))
    await office.clock.advance(RING_S - 1.1)
    assert office.phone.ended == []
    await office.clock.advance(0.2)
    assert_closed_once(office, EndReason.NO_ANSWER)
    assert [reason for _, reason in office.phone.ended] == [DiscardReason.MISSED]
    assert [command.status for command in office.worker.of(commands.EndPbx)] == [480]


async def test_an_answered_call_is_not_ended_by_the_ring_time() -> None:
    office = CallOffice()
    await arrive(office)
    await be_answered(office)
    await office.clock.advance(RING_S * 100)
    assert office.card().state is CardState.TALKING


async def test_a_flood_limit_tells_the_pbx_when_to_try_again() -> None:
    office = CallOffice()
    await arrive(office)
    leg = office.employee_leg
    await office.do(lambda: office.phone.finish(leg, EndReason.FLOOD_LIMITED, retry_after_s=30))
    (refusal,) = office.worker.of(commands.EndPbx)
    assert (refusal.status, refusal.retry_after_s) == (503, 30)
    assert office.card().retry_after_s == 30


async def test_a_caller_who_gives_up_stops_the_ringing() -> None:
    office = CallOffice()
    await arrive(office)
    await office.do(lambda: office.phone.ring(office.employee_leg))
    await office.do(lambda: office.worker.end_pbx(office.far_leg, EndReason.CANCELLED))
    assert_closed_once(office, EndReason.CANCELLED)
    assert [reason for _, reason in office.phone.ended] == [DiscardReason.MISSED]
    assert office.worker.of(commands.EndPbx) == []


async def test_signalling_of_the_voice_goes_both_ways() -> None:
    office = CallOffice()
    await arrive(office)
    leg = office.employee_leg
    office.phone.receive_signal(leg, b"early")
    await office.do(
        lambda: office.phone.answer(leg),
        lambda: office.phone.receive_signal(leg, b"in"),
        lambda: office.worker.signal_voice(leg, b"out"),
    )
    assert [command.payload for command in office.worker.of(commands.SignalVoice)] == [b"early", b"in"]
    assert office.commands.index("OpenVoice") < office.commands.index("SignalVoice")
    assert office.phone.signalled == [(leg, b"out")]


# ---- outgoing


async def test_a_callback_call_dials_when_the_employee_hears_us() -> None:
    office = CallOffice()
    await office.text("4711")
    assert office.card().state is CardState.CALLING_BACK
    await office.answer_phone()
    assert office.commands == ["OpenVoice", "DialPbx"]
    far = office.far_leg
    await office.do(lambda: office.worker.ring(far), lambda: office.worker.send_early_media(far))
    assert office.worker.sent[2:] == [
        commands.PlayTone(office.call_id, Tone.RING_BACK),
        commands.ConnectAudio(office.call_id),
    ]
    assert office.card().state is CardState.FAR_RINGING
    await office.do(lambda: office.worker.answer(far))
    assert office.card().state is CardState.TALKING
    await office.clock.advance(10.0)
    await office.do(lambda: office.phone.finish(office.employee_leg, EndReason.COMPLETED))
    record = assert_closed_once(office, EndReason.COMPLETED)
    assert record.answered_at is not None
    assert record.ended_at - record.answered_at == 10.0


async def test_a_refused_number_is_heard_for_a_while_and_the_card_says_why_at_once() -> None:
    office = CallOffice()
    await reach_the_pbx(office)
    await office.do(lambda: office.worker.end_pbx(office.far_leg, EndReason.BUSY, 486))
    assert office.worker.sent[-1] == commands.PlayTone(office.call_id, Tone.BUSY)
    assert office.card().end_reason is EndReason.BUSY
    await office.clock.advance(SIGN_OFF_S - 0.1)
    assert office.phone.ended == []
    await office.clock.advance(0.2)
    record = assert_closed_once(office, EndReason.BUSY)
    assert record.sip_status == 486


async def test_an_employee_who_does_not_wait_for_the_end_of_the_tone_ends_the_call() -> None:
    office = CallOffice()
    await reach_the_pbx(office)
    await office.do(lambda: office.worker.end_pbx(office.far_leg, EndReason.BUSY, 486))
    await office.do(lambda: office.phone.finish(office.employee_leg, EndReason.COMPLETED))
    assert_closed_once(office, EndReason.BUSY)
    await office.clock.advance(SIGN_OFF_S)
    assert len(office.records) == 1


async def test_a_direct_call_waits_for_the_employee_and_dials() -> None:
    office = CallOffice(is_callback=False)
    await office.text("4711")
    assert office.card().state is CardState.PRESS_PHONE
    leg = office.phone.call(ANN)
    await settle()
    assert office.phone.accepted == [leg]
    assert office.phone.requested == []
    await office.do(lambda: office.phone.answer(leg), lambda: office.worker.connect_voice(leg))
    assert office.commands == ["OpenVoice", "DialPbx"]
    await office.clock.advance(DIRECT_WINDOW_S + 1)
    await office.do(lambda: office.worker.answer(office.far_leg))
    assert office.card().state is CardState.TALKING


async def test_a_direct_call_that_nobody_makes_expires() -> None:
    office = CallOffice(is_callback=False)
    await office.text("4711")
    await office.clock.advance(DIRECT_WINDOW_S + 1)
    assert_closed_once(office, EndReason.DIRECT_CALL_EXPIRED)
    assert office.commands == ["EndCall"]


# ---- a voice that does not come up


async def join_and_fail(office: CallOffice) -> None:
    """The employee answers, but no audio comes."""
    leg = office.employee_leg
    await office.do(
        lambda: office.phone.open(leg),
        lambda: office.phone.answer(leg),
        lambda: office.worker.end_voice(leg, EndReason.VOICE_NOT_CONNECTED),
    )


async def incoming() -> CallOffice:
    office = CallOffice()
    await arrive(office)
    return office


async def outgoing() -> CallOffice:
    office = CallOffice()
    await office.text("4711")
    return office


@pytest.mark.parametrize("begin", [incoming, outgoing])
async def test_a_voice_that_does_not_come_up_gets_one_second_chance(begin: Begin) -> None:
    office = await begin()
    first = office.employee_leg
    await join_and_fail(office)
    second = office.employee_leg
    assert second != first
    assert office.phone.ended == [(first, DiscardReason.DISCONNECT)]
    assert [leg for leg, _ in office.phone.requested] == [first, second]
    await join_and_fail(office)
    assert_closed_once(office, EndReason.VOICE_NOT_CONNECTED)
    assert [leg for leg, _ in office.phone.ended] == [first, second]


async def test_the_second_chance_can_succeed() -> None:
    office = await incoming()
    await join_and_fail(office)
    await be_answered(office)
    assert office.card().state is CardState.TALKING
    await office.press(CardButton.HANG_UP)
    assert_closed_once(office, EndReason.COMPLETED)


# ---- the hang-up button, at each stage


async def nothing_more(_: CallOffice) -> None:
    """Stay where the call is."""


async def ring_phone(office: CallOffice) -> None:
    await office.do(lambda: office.phone.ring(office.employee_leg))


async def answer_without_voice(office: CallOffice) -> None:
    await office.do(lambda: office.phone.answer(office.employee_leg))


@pytest.mark.parametrize("begin", [incoming, outgoing])
@pytest.mark.parametrize(
    "go_on", [nothing_more, ring_phone, answer_without_voice, CallOffice.answer_phone, be_answered]
)
async def test_the_hang_up_button_releases_everything_once_at_any_stage(begin: Begin, go_on: Step) -> None:
    office = await begin()
    await go_on(office)
    has_talked = go_on is be_answered or (go_on is CallOffice.answer_phone and begin is incoming)
    far, employee = office.far_leg, office.employee_leg
    is_far_open = far in office.worker.pbx_legs
    await office.press(CardButton.HANG_UP)
    assert_closed_once(office, EndReason.COMPLETED if has_talked else EndReason.CANCELLED)
    assert [leg for leg, _ in office.phone.ended] == [employee]
    assert [command.leg_id for command in office.worker.of(commands.EndPbx)] == [far] * is_far_open
    over = office.records[0].call_id
    await office.do(lambda: office.switchboard.take_button(ANN, over, CardButton.HANG_UP, ""))
    assert len(office.phone.ended) == 1
