"""The engine of a call: chosen by the hub, told to the worker, remembered, and written into the record."""

from typing import Any

import msgspec
import pytest

from linegram.calls.card import CardButton
from linegram.calls.engine_choice import REMEMBERED_FOR_S, RememberedEngine
from linegram.link import commands, events
from linegram.link.voice import NTGCALLS, OWN
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_clock import settle
from linegram.sandbox.doubles_phone import PARAMETERS
from tests.calls.call_office import ANN, CallOffice
from tests.calls.test_runner import arrive, assert_closed_once, be_answered, join_and_fail


def asked(office: CallOffice) -> list[str]:
    return [command.engine for command in office.worker.of(commands.OpenVoice)]


async def talk(office: CallOffice) -> tuple[str, str]:
    """Have an incoming call from its ring to the hang-up; returns its engine and why."""
    await arrive(office)
    await be_answered(office)
    await office.press(CardButton.HANG_UP)
    return office.records[-1].engine, office.records[-1].engine_reason


async def test_a_call_is_carried_by_our_own_engine_and_its_record_says_so() -> None:
    office = CallOffice()
    assert await talk(office) == ("own", "default")
    assert asked(office) == [OWN]
    assert await office.journal.kept_engines() == {}


async def test_a_redial_by_the_native_engine_is_recorded_and_remembered_for_a_day() -> None:
    office = CallOffice()
    await arrive(office)
    await join_and_fail(office)
    await be_answered(office)
    connected_at = office.clock()
    await office.press(CardButton.HANG_UP)
    assert asked(office) == [OWN, NTGCALLS]
    record = assert_closed_once(office, EndReason.COMPLETED)
    assert (record.engine, record.engine_reason) == ("ntgcalls", "own did not connect")
    assert await office.journal.kept_engines() == {ANN: RememberedEngine(NTGCALLS, connected_at)}
    assert await talk(office) == ("ntgcalls", "remembered")
    await office.clock.advance(REMEMBERED_FOR_S)
    assert await talk(office) == ("own", "default")


async def test_a_redial_that_fails_too_is_not_remembered() -> None:
    office = CallOffice()
    await arrive(office)
    await join_and_fail(office)
    await join_and_fail(office)
    record = assert_closed_once(office, EndReason.VOICE_NOT_CONNECTED)
    assert (record.engine, record.engine_reason) == ("ntgcalls", "own did not connect")
    assert await office.journal.kept_engines() == {}


async def test_without_the_native_engine_the_redial_uses_our_own_again() -> None:
    office = CallOffice()
    office.switchboard.take_report(events.WorkerDescribed((OWN,)))
    await arrive(office)
    await join_and_fail(office)
    await be_answered(office)
    await office.press(CardButton.HANG_UP)
    assert asked(office) == [OWN, OWN]
    assert office.records[-1].engine_reason == "default"


async def test_a_call_whose_telegram_call_never_began_has_no_engine() -> None:
    office = CallOffice()
    await arrive(office)
    await office.press(CardButton.HANG_UP)
    assert (office.records[-1].engine, office.records[-1].engine_reason) == ("", "")


@pytest.mark.parametrize("engines", [(OWN,), (OWN, NTGCALLS)])
async def test_a_call_that_asks_for_mtproto_is_not_redialled_when_it_is_refused(
    engines: tuple[str, ...],
) -> None:
    office = CallOffice()
    office.switchboard.take_report(events.WorkerDescribed(engines))
    await arrive(office)
    leg = office.employee_leg
    custom = msgspec.structs.replace(PARAMETERS, custom_parameters='{"network_use_mtproto":true}')
    await office.do(
        lambda: office.phone.open(leg),
        lambda: office.phone.answer(leg, custom),
        lambda: office.worker.end_voice(leg, EndReason.VOICE_ENGINE_MISSING),
    )
    assert asked(office) == [engines[-1]]
    assert_closed_once(office, EndReason.VOICE_ENGINE_MISSING)


async def test_what_a_restart_knows_of_a_talking_call_holds_its_engine() -> None:
    office = CallOffice()
    await arrive(office)
    await be_answered(office)
    await settle()
    notes: list[dict[str, Any]] = [leg.recovery["call"] for leg in await office.journal.stored_legs()]
    assert notes[-1]["engine"] == "own"
    assert notes[-1]["engine_reason"] == "default"


async def test_an_app_that_gives_up_before_our_engine_does_is_called_by_the_other_engine() -> None:
    office = CallOffice()
    await arrive(office)
    first = office.employee_leg
    await office.do(
        lambda: office.phone.open(first),
        lambda: office.phone.answer(first),
        lambda: office.phone.finish(first, EndReason.VOICE_LOST),
    )
    assert office.worker.voice_legs == {}
    await be_answered(office)
    assert asked(office) == [OWN, NTGCALLS]
    await office.press(CardButton.HANG_UP)
    assert_closed_once(office, EndReason.COMPLETED)
