"""The voice engine of a call in the whole service: our own, the redial by the other, its memory, refusals."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from linegram.calls.engine_choice import REMEMBERED_FOR_S, EngineChoice, EngineReason, RememberedEngine
from linegram.calls.ports import CallRecord
from linegram.errors import LinegramError
from linegram.outcomes import EndReason
from linegram.sandbox.employee_phone import EmployeeCall, EmployeePhone
from linegram.sandbox.office import SandboxOffice
from linegram.sandbox.world.people import Person
from linegram.storage.engines import EngineRepository
from linegram.units import TelegramUserId
from tests.integration.line import Line, running_line
from tests.peers.asterisk import Asterisk
from tests.peers.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

PBX_HZ, EMPLOYEE_HZ = 700, 440
OWN_ONLY = {"media": {"engine": "own"}}


class MovableClock:
    """The hub's clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest_asyncio.fixture(loop_scope="module")
async def line(
    asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory, clock: MovableClock
) -> AsyncIterator[Line]:
    async with running_line(
        asterisk22, tmp_path_factory.mktemp("engines"), number="1008", clock=clock
    ) as running:
        yield running


async def talk(line: Line) -> CallRecord:
    """Have a call of the PBX in which both hear each other; returns its record."""
    await line.phone.voice.play_tone(EMPLOYEE_HZ)
    channel = await line.pbx.call_and_play(line.number, PBX_HZ)
    ringing = await line.phone.wait_for_ring(timeout_s=60)
    await ringing.answer(timeout_s=60)
    return await be_heard_and_end(line, channel, ringing)


async def be_heard_and_end(line: Line, channel: str, call: EmployeeCall) -> CallRecord:
    line.phone.voice.forget_blocks()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.talk(channel)
    await line.pbx.hang_up(channel)
    await call.wait_until_over()
    await line.wait_for_silence()
    await line.assert_heard(channel, EMPLOYEE_HZ)
    return await line.last_record()


async def fail_and_be_redialled(line: Line) -> CallRecord:
    """Lose our signalling of the first Telegram call, and talk in the second one."""
    await line.phone.voice.play_tone(EMPLOYEE_HZ)
    channel = await line.pbx.call_and_play(line.number, PBX_HZ)
    first = await line.phone.wait_for_ring(timeout_s=60)
    line.office.telegram.faults.refuse(
        "phone.sendSignalingData",
        400,
        "DATA_INVALID",
        user_id=line.office.calling_account.user_id,
        times=1000,
    )
    with suppress(LinegramError):
        await first.answer(timeout_s=60)
    second = await line.phone.wait_for_ring(timeout_s=60)
    line.office.telegram.faults.clear()
    await second.answer(timeout_s=60)
    return await be_heard_and_end(line, channel, second)


async def answer_and_look(line: Line) -> EngineChoice:
    """Answer a call, and end it at the PBX as soon as its engine is chosen; returns the choice."""
    channel = await line.pbx.call_and_play(line.number, PBX_HZ)
    ringing = await line.phone.wait_for_ring(timeout_s=60)
    answering = asyncio.create_task(ringing.answer(timeout_s=60))

    async def chosen() -> bool:
        return any(call.engine is not None for call in line.hub.runner.desk)

    await until(chosen, 30)
    (call,) = line.hub.runner.desk
    assert call.engine is not None
    await line.pbx.hang_up(channel)
    await asyncio.gather(answering, return_exceptions=True)
    await line.wait_for_silence()
    return call.engine


def engine_of(record: CallRecord) -> tuple[str, str]:
    assert record.end_reason is EndReason.COMPLETED
    return record.engine, record.engine_reason


async def kept(line: Line) -> dict[TelegramUserId, RememberedEngine]:
    async with await line.office.database() as database:
        return dict(await EngineRepository(database).kept_engines())


async def test_a_redial_uses_the_other_engine_which_is_remembered_for_a_day(
    line: Line, clock: MovableClock
) -> None:
    assert engine_of(await talk(line)) == ("own", "default")
    assert await kept(line) == {}
    assert engine_of(await fail_and_be_redialled(line)) == ("ntgcalls", "own did not connect")
    (remembered,) = (await kept(line)).values()
    assert remembered.engine == "ntgcalls"
    assert engine_of(await talk(line)) == ("ntgcalls", "remembered")
    clock.ahead_s += REMEMBERED_FOR_S
    assert engine_of(await talk(line)) == ("own", "default")


async def test_what_an_earlier_process_remembered_is_used_by_the_next(
    asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("remembered")
    async with running_line(asterisk22, folder, number="1008", prepare=remember_ntgcalls) as line:
        assert await answer_and_look(line) == EngineChoice("ntgcalls", EngineReason.REMEMBERED)


async def remember_ntgcalls(office: SandboxOffice, employee: Person) -> None:
    async with await office.database() as database:
        remembered = RememberedEngine("ntgcalls", time.time() - 3600)
        await EngineRepository(database).keep_engine(TelegramUserId(employee.user_id), remembered)


async def test_a_call_that_asks_for_mtproto_goes_to_ntgcalls(line: Line) -> None:
    line.office.world.calls.custom_parameters = '{"network_use_mtproto":true}'
    choice = EngineChoice("ntgcalls", EngineReason.MTPROTO_ASKED)
    assert await answer_and_look(line) == choice
    record = await line.last_record()
    assert (record.engine, record.engine_reason) == ("ntgcalls", "mtproto asked")


async def test_a_call_that_asks_for_mtproto_is_refused_with_a_sentence_where_only_our_own_engine_may_serve(
    asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("mtproto")
    async with (
        running_line(asterisk22, folder, number="1008", sections=OWN_ONLY) as line,
        line.pbx.ami() as ami,
    ):
        line.office.world.calls.custom_parameters = '{"network_use_mtproto":true}'
        channel = await line.pbx.call_and_play(line.number, PBX_HZ)
        ringing = await line.phone.wait_for_ring()
        with suppress(LinegramError):
            await ringing.answer()
        assert await ringing.wait_until_over() == "disconnect"
        await ami.wait_for("Hangup", Uniqueid=channel)
        await line.card("Ask your administrator to install the voice engine ntgcalls")
        await line.wait_for_silence()
        record = await line.last_record()
        assert record.end_reason is EndReason.VOICE_ENGINE_MISSING
        assert (record.engine, record.engine_reason) == ("own", "set by configuration")


async def test_only_versions_of_the_settings_are_offered(
    asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("versions")
    sections = {"telegram": {"call_versions": "9.0.0, 8.0.0"}}
    async with running_line(asterisk22, folder, number="1008", sections=sections) as line:
        channel = await line.pbx.call_and_play(line.number, PBX_HZ)
        ringing = await line.phone.wait_for_ring()
        assert ringing.requested.protocol.library_versions == ["9.0.0", "8.0.0"]
        await ringing.answer()
        assert ringing.versions == ("9.0.0",)
        await line.phone.voice.wait_until_hears(PBX_HZ)
        await line.pbx.hang_up(channel)
        await ringing.wait_until_over()
        await line.wait_for_silence()


async def test_a_call_without_a_common_version_is_told_of_as_such(
    asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("no-version")
    sections = {"telegram": {"call_versions": "7.0.0"}}
    async with running_line(asterisk22, folder, number="1008", sections=sections, is_callback=False) as line:
        await line.text("600")
        await line.card("Press the phone icon")
        call = await line.phone.dial(line.office.calling_account)
        await line.card("no common call version")
        await call.wait_until_over()
        await line.wait_for_silence()
        assert (await line.last_record()).end_reason is EndReason.NO_COMMON_VERSION


async def test_a_telephone_of_our_own_engine_hears_and_is_heard(line: Line) -> None:
    await line.phone.__aexit__(None, None, None)
    async with EmployeePhone(line.anna, engine="own") as phone:
        line.phone = phone
        assert engine_of(await talk(line)) == ("own", "default")
