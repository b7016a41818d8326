"""Calls when things come in odd orders, at once, from inside a command, or while the service stops."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from linegram.calls.card import CardButton, CardState
from linegram.calls.ports import CallRecord, PhoneCallOpened, StoredLeg
from linegram.link import commands, events
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_clock import settle
from linegram.units import LegId
from tests.calls.call_office import ANN, ANNS_LINE, BOB, BOBS_LINE, CallOffice
from tests.calls.test_runner import arrive, assert_closed_once, be_answered, is_released, reach_the_pbx


async def test_both_sides_that_hang_up_at_once_end_one_call() -> None:
    office = CallOffice()
    await arrive(office)
    await be_answered(office)
    office.worker.end_pbx(office.far_leg, EndReason.COMPLETED)
    office.phone.finish(office.employee_leg, EndReason.COMPLETED)
    await settle()
    assert_closed_once(office, EndReason.COMPLETED)
    assert office.worker.of(commands.EndPbx) == []


async def test_a_cancel_that_crosses_the_answer_ends_the_call() -> None:
    office = CallOffice()
    await arrive(office)
    office.phone.answer(office.employee_leg)
    office.worker.end_pbx(office.far_leg, EndReason.CANCELLED)
    await settle()
    assert_closed_once(office, EndReason.CANCELLED)
    assert [command.leg_id for command in office.worker.of(commands.CloseVoice)] == [office.phone.ended[0][0]]


async def test_an_answer_before_the_ringing_was_told_is_an_answer() -> None:
    office = CallOffice()
    await arrive(office)
    leg = office.employee_leg
    await office.do(lambda: office.phone.answer(leg), lambda: office.worker.connect_voice(leg))
    assert office.commands == ["OpenVoice", "AnswerPbx", "ConnectAudio"]


async def test_what_still_comes_from_legs_that_are_over_does_nothing() -> None:
    office = CallOffice()
    await arrive(office)
    far, employee = office.far_leg, office.employee_leg
    await be_answered(office)
    await office.press(CardButton.HANG_UP)
    before = (list(office.worker.sent), list(office.phone.ended), list(office.journal.notes))
    for report in (
        events.PbxAnswered(far, "PCMA"),
        events.PbxEnded(far, EndReason.BUSY),
        events.VoiceConnected(employee),
        events.VoiceEnded(employee, EndReason.VOICE_LOST),
        events.DigitReceived(LegId("never was"), "1"),
    ):
        office.switchboard.take_report(report)
    await settle()
    assert before == (office.worker.sent, office.phone.ended, office.journal.notes)


async def test_an_unexpected_event_is_logged_and_changes_nothing() -> None:
    office = CallOffice()
    await arrive(office)
    with capture_logs() as logs:
        office.switchboard.take_report(events.PbxAnswered(office.far_leg, "PCMA"))
    unexpected = [entry for entry in logs if entry["event"] == "unexpected_event"]
    assert [(entry["state"], entry["event_name"]) for entry in unexpected] == [
        ("ringing_employee", "FarAnswered")
    ]
    assert office.card().state is CardState.INCOMING
    await be_answered(office)
    assert office.card().state is CardState.TALKING


async def test_numbers_are_masked_in_logs() -> None:
    office = CallOffice()
    with capture_logs() as logs:
        office.worker.call(ANNS_LINE, "79261234567", "Mr Caller")
        await settle()
        await be_answered(office)
        await office.press(CardButton.HANG_UP)
    assert "79*******67" in str(logs)
    assert "79261234567" not in str(logs)
    assert "Mr Caller" not in str(logs)


# ---- ports that call back from inside a command


def at_once(news: Callable[[], None]) -> None:
    """Deliver while the command is still being carried out."""
    news()


@pytest.mark.parametrize("is_callback", [True, False])
async def test_ports_that_report_synchronously_are_as_good_as_others(is_callback: bool) -> None:
    office = CallOffice(is_callback=is_callback, deliver=at_once)
    await arrive(office)
    await be_answered(office)
    await office.press(CardButton.HANG_UP)
    assert_closed_once(office, EndReason.COMPLETED)


async def test_a_request_that_fails_from_inside_ends_the_call() -> None:
    office = CallOffice(deliver=at_once)
    request = office.phone.request

    def refuse(leg_id: LegId, user_id: object) -> None:
        request(leg_id, ANN)
        office.phone.finish(leg_id, EndReason.EMPLOYEE_UNKNOWN)

    office.phone.request = refuse  # type: ignore[method-assign]
    office.switchboard.take_text(ANN, "4711")
    await settle()
    assert_closed_once(office, EndReason.EMPLOYEE_UNKNOWN)
    await arrive(office)
    assert is_released(office)
    assert len(office.records) == 2


async def test_an_answer_that_fails_from_inside_releases_the_employee() -> None:
    office = CallOffice(deliver=at_once)
    send = office.worker.send

    def fail_to_answer(command: commands.Command) -> None:
        send(command)
        if isinstance(command, commands.AnswerPbx):
            office.worker.end_pbx(command.leg_id, EndReason.CODEC_MISMATCH, 488)

    office.worker.send = fail_to_answer  # type: ignore[method-assign]
    await arrive(office)
    await office.answer_phone()
    assert_closed_once(office, EndReason.CODEC_MISMATCH)


# ---- the journal


async def test_open_legs_are_noted_as_they_open_and_the_record_comes_last() -> None:
    office = CallOffice()
    await arrive(office)
    far, employee = office.far_leg, office.employee_leg
    await be_answered(office)
    await office.press(CardButton.HANG_UP)
    assert [note.leg_id if isinstance(note, StoredLeg) else "record" for note in office.journal.notes] == [
        employee,
        far,
        "record",
    ]
    phone, dialog = (note.recovery for note in office.journal.notes if isinstance(note, StoredLeg))
    assert phone["phone_call"] == {"phone_call_id": employee}
    assert dialog["dialog"] == {"call_id": far}
    assert dialog["call"]["number"] == "4711"
    assert dialog["call"]["answered_at"] is not None
    assert phone["call"]["answered_at"] is None
    assert await office.journal.stored_legs() == []


async def test_a_journal_that_fails_once_does_not_lose_the_later_notes() -> None:
    office = CallOffice()
    keep = office.journal.leg_opened

    async def fail_once(*_: object) -> None:
        office.journal.leg_opened = keep  # type: ignore[method-assign]
        raise OSError("disk is full")

    office.journal.leg_opened = fail_once  # type: ignore[method-assign, assignment]
    await arrive(office)
    await be_answered(office)
    await office.press(CardButton.HANG_UP)
    assert [type(note) for note in office.journal.notes] == [StoredLeg, CallRecord]


# ---- the end of the service


async def test_a_closing_service_ends_every_call_and_waits_for_all() -> None:
    office = CallOffice()
    await arrive(office)
    await be_answered(office)
    await office.do(lambda: office.switchboard.take_text(BOB, "4711"))
    await office.runner.close(EndReason.SERVICE_STOPPED)
    assert is_released(office)
    assert [record.end_reason for record in office.records] == [EndReason.SERVICE_STOPPED] * 2
    assert {cards[-1].state for cards in office.chat.history.values()} == {CardState.ENDED}
    assert sorted(command.call_id for command in office.worker.of(commands.EndCall)) == sorted(
        record.call_id for record in office.records
    )


async def test_a_closing_service_waits_for_parts_that_are_slow_to_confirm() -> None:
    held: list[Callable[[], None]] = []
    office = CallOffice(deliver=held.append)
    office.worker.call(ANNS_LINE)
    held.pop()()
    await settle()
    closing = asyncio.create_task(office.runner.close(EndReason.SERVICE_STOPPED))
    await settle()
    assert not closing.done()
    for news in held:
        news()
    await closing
    assert_closed_once(office, EndReason.SERVICE_STOPPED)


async def test_a_call_that_comes_while_the_service_closes_is_refused() -> None:
    held: list[Callable[[], None]] = []
    office = CallOffice(deliver=held.append)
    office.worker.call(ANNS_LINE)
    held.pop()()
    await settle()
    closing = asyncio.create_task(office.runner.close(EndReason.SERVICE_STOPPED))
    await settle()
    late = office.worker.call(BOBS_LINE)
    held.insert(0, held.pop())
    while held:
        held.pop(0)()
        await settle()
    assert closing.done()
    refusals = {command.leg_id: command.status for command in office.worker.of(commands.EndPbx)}
    assert refusals[late.leg_id] == 503
    assert is_released(office)


async def test_an_idle_service_closes_at_once_and_no_timer_is_left() -> None:
    office = CallOffice(is_callback=False)
    await reach_nothing(office)
    await office.runner.close(EndReason.SERVICE_STOPPED)
    assert_closed_once(office, EndReason.SERVICE_STOPPED)
    assert office.runner._timers == {}


async def reach_nothing(office: CallOffice) -> None:
    """A direct call is awaited: only a timer runs."""
    await office.text("4711")


async def test_an_outgoing_call_is_cancelled_at_the_pbx_when_the_employee_goes() -> None:
    office = CallOffice()
    await reach_the_pbx(office)
    await office.do(lambda: office.phone.finish(office.employee_leg, EndReason.COMPLETED))
    assert_closed_once(office, EndReason.CANCELLED)
    assert len(office.worker.of(commands.EndPbx)) == 1


async def test_a_closing_service_that_is_cut_short_leaves_nothing_running_and_keeps_its_notes() -> None:
    office = CallOffice(deliver=lambda _: None)  # nothing is ever confirmed
    office.switchboard.take_text(ANN, "4711")
    office.switchboard.take_phone_event(PhoneCallOpened(office.employee_leg, {"phone_call_id": 7}))
    closing = asyncio.create_task(office.runner.close(EndReason.SERVICE_STOPPED))
    await settle()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "call journal"]
    assert len(await office.journal.stored_legs()) == 1
