"""Where calls begin, and where they do not."""

import pytest

from linegram.calls.card import CardButton, CardState
from linegram.calls.ports import DiscardReason
from linegram.calls.switchboard import ALREADY_TALKING, NO_NUMBER_AWAITED
from linegram.link import commands
from linegram.link.accounts import RegistrationState
from linegram.link.events import CallMeasured, RegistrationChanged
from linegram.link.figures import LegFigures
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_clock import settle
from linegram.units import AccountId, CallId
from tests.calls.call_office import ANN, ANNS_LINE, BOB, BOBS_LINE, EVE, NOBODYS_LINE, CallOffice


async def talk(office: CallOffice) -> None:
    """Bring an incoming call of Ann's up."""
    arrived = office.worker.call(ANNS_LINE)
    await settle()
    await office.answer_phone()
    office.worker.answer(arrived.leg_id)
    await settle()


@pytest.mark.parametrize("line", [NOBODYS_LINE, AccountId(99)])
async def test_a_call_to_a_line_that_is_nobodys_is_refused_and_leaves_nothing(line: AccountId) -> None:
    office = CallOffice()
    arrived = office.worker.call(line)
    await settle()
    assert office.worker.sent == [
        commands.EndPbx(arrived.leg_id, 404, "Account Not Assigned"),
        commands.EndCall(arrived.call_id),
    ]
    assert (len(office.runner.desk), office.chat.history, office.phone.requested) == (0, {}, [])


async def test_a_second_call_to_a_talking_employee_is_busy_and_the_first_goes_on() -> None:
    office = CallOffice()
    await talk(office)
    second = office.worker.call(ANNS_LINE)
    await settle()
    assert office.worker.sent[-2:] == [
        commands.EndPbx(second.leg_id, 486, "Busy Here"),
        commands.EndCall(second.call_id),
    ]
    assert office.card().state is CardState.TALKING


async def test_somebody_elses_call_is_not_busy() -> None:
    office = CallOffice()
    await talk(office)
    office.worker.call(BOBS_LINE)
    await settle()
    assert len(office.runner.desk) == 2
    assert [user_id for _, user_id in office.phone.requested] == [ANN, BOB]


async def test_a_call_that_comes_while_the_last_one_is_still_being_released_is_taken() -> None:
    office = CallOffice()
    await talk(office)
    office.switchboard.take_button(ANN, office.call_id, CardButton.HANG_UP, "")
    office.worker.call(ANNS_LINE, "4712")
    await settle()
    assert office.runner.desk.current(ANN) is not None
    assert [user_id for _, user_id in office.phone.requested] == [ANN, ANN]
    assert [record.end_reason for record in office.records] == [EndReason.COMPLETED]


async def test_a_stranger_gets_a_sentence_and_no_call() -> None:
    office = CallOffice()
    office.switchboard.take_text(EVE, "4711")
    assert office.seen == [EVE]
    ((user_id, sentence),) = office.said
    assert user_id == EVE
    assert "no line" in sentence
    assert len(office.runner.desk) == 0


async def test_a_strangers_telegram_call_is_declined_without_a_word() -> None:
    office = CallOffice()
    leg_id = office.phone.call(EVE)
    await settle()
    assert office.phone.ended == [(leg_id, DiscardReason.BUSY)]
    assert (office.said, office.phone.accepted) == ([], [])


async def test_an_employee_who_calls_without_a_number_is_told_what_to_do() -> None:
    office = CallOffice()
    leg_id = office.phone.call(ANN)
    await settle()
    assert office.phone.ended == [(leg_id, DiscardReason.BUSY)]
    assert office.said == [(ANN, NO_NUMBER_AWAITED)]


async def test_the_newest_number_wins_while_the_employees_call_is_awaited() -> None:
    office = CallOffice(is_callback=False)
    first = await office.text("4711")
    second = await office.text("4712")
    assert office.chat.card(first).end_reason is EndReason.CANCELLED
    assert office.chat.card(second).state is CardState.PRESS_PHONE
    office.phone.call(ANN)
    await settle()
    await office.do(
        lambda: office.phone.answer(office.employee_leg),
        lambda: office.worker.connect_voice(office.employee_leg),
    )
    assert [command.number for command in office.worker.of(commands.DialPbx)] == ["4712"]


async def test_words_do_not_take_an_awaited_call_away() -> None:
    office = CallOffice(is_callback=False)
    awaited = await office.text("4711")
    await office.text("one moment please")
    assert office.call_id == awaited
    assert office.chat.card(awaited).state is CardState.PRESS_PHONE
    assert len(office.said) == 1


async def test_a_number_texted_during_a_call_is_not_dialled() -> None:
    office = CallOffice()
    await talk(office)
    await office.text("4712")
    assert office.said == [(ANN, ALREADY_TALKING)]
    assert office.worker.of(commands.DialPbx) == []


async def test_the_line_that_a_number_went_through_is_noted_as_used() -> None:
    office = CallOffice()
    await office.text("4711")
    assert office.used == [ANNS_LINE]


async def test_only_the_own_call_can_be_hung_up() -> None:
    office = CallOffice()
    await talk(office)
    await office.press(CardButton.HANG_UP, BOB)
    assert office.card().state is CardState.TALKING
    await office.press(CardButton.HANG_UP, ANN)
    assert office.card().state is CardState.ENDED


async def test_a_call_back_button_dials_the_number_of_its_card() -> None:
    office = CallOffice()
    await talk(office)
    call_id = office.call_id
    await office.press(CardButton.HANG_UP)
    office.switchboard.take_button(ANN, call_id, CardButton.CALL_BACK, "4711")
    await settle()
    assert office.chat.card(office.call_id).state is CardState.CALLING_BACK


async def test_news_of_registrations_is_passed_on() -> None:
    office = CallOffice()
    change = RegistrationChanged(ANNS_LINE, RegistrationState.ONLINE, 200, "OK")
    office.worker.change_registration(change)
    await settle()
    assert office.registrations == [change]


async def test_what_a_calls_legs_measured_is_kept_and_an_empty_measure_leaves_no_trace() -> None:
    office = CallOffice()
    await talk(office)
    heard = LegFigures(codec="opus", packets_passed=3, mos=4.2)
    office.switchboard.take_report(CallMeasured(call_id=office.call_id, voice=heard))
    office.switchboard.take_report(CallMeasured(call_id=CallId("refused")))
    await office.runner.settle()
    assert dict(await office.journal.figures_of(office.call_id)) == {"voice": heard}
    assert dict(await office.journal.figures_of(CallId("refused"))) == {}
