"""A whole field test in the sandbox: real calling account, real media hosts, a person with a telephone."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import ANY

import pytest

from linegram.cli.fieldtest.command import resumed_record
from linegram.cli.fieldtest.guide import REPORT_NAME
from linegram.cli.fieldtest.plan import Way, make_plan
from linegram.cli.fieldtest.programme import NOTES_HZ, Programme
from linegram.cli.fieldtest.results import Record, Verdict
from linegram.cli.fieldtest.session import hold
from linegram.errors import LinegramError
from linegram.sandbox.employee import Employee
from linegram.sandbox.employee_phone import EmployeePhone
from linegram.sandbox.office import SandboxOffice
from linegram.voice.engines import installed_engines
from tests.cli.command import command, write_settings
from tests.cli.fieldtest.scripted_person import ScriptedPerson

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

WHISTLE_HZ = 880
VERSIONS = ("13.0.0", "9.0.0")


class PhoneOwner:
    """The person: picks up, calls when told to, whistles all the time, and notes whether he heard us."""

    def __init__(self, office: SandboxOffice, anna: Employee, phone: EmployeePhone) -> None:
        self.person = ScriptedPerson(self._answer, self._hear)
        self._office, self._anna, self._phone = office, anna, phone
        self._tasks: list[asyncio.Task[None]] = []
        self._heard_notes = False

    def _hear(self, said: str) -> None:
        if "write any message" in said:
            self._do(self._write())
        elif said in {"Pick up now.", "Call now."}:
            self._heard_notes = False
            self._do(self._talk(is_calling=said == "Call now."))

    def _answer(self, question: str) -> str:
        if question.startswith("Did you hear the three"):
            return "1" if self._heard_notes else "3"
        return "" if question.startswith("Ready?") else "1"

    def _do(self, steps: object) -> None:
        self._tasks.append(asyncio.create_task(steps))  # type: ignore[arg-type]

    async def _write(self) -> None:
        await self._anna.send(self._office.calling_account, "I am here")

    async def _talk(self, *, is_calling: bool) -> None:
        await self._phone.voice.play_tone(WHISTLE_HZ)
        if is_calling:
            call = await self._phone.dial(self._office.calling_account)
        else:
            call = await self._phone.wait_for_ring()
            with suppress(LinegramError):
                await call.answer()
        with suppress(TimeoutError, LinegramError):
            for note_hz in NOTES_HZ:
                await self._phone.voice.wait_until_hears(note_hz, blocks=2)
            self._heard_notes = True
        await call.wait_until_over(timeout_s=60)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncIterator[PhoneOwner]:
    async with SandboxOffice(tmp_path / "office") as office:
        person = await office.hire("Anna")
        async with Employee(office.telegram, person) as anna, EmployeePhone(anna) as phone:
            made = PhoneOwner(office, anna, phone)
            yield made
            await made.close()


@pytest.mark.parametrize("engine", installed_engines())
async def test_calls_both_ways_are_made_heard_measured_and_reported(
    owner: PhoneOwner, tmp_path: Path, engine: str
) -> None:
    plan = make_plan((engine,), VERSIONS, calls_each_way=1)
    record = Record(linegram="0.1.0", plan=plan)
    programme = Programme(beeps=1, speak_ms=1500)
    folder = tmp_path / "report"
    await hold(owner._office.settings(), owner.person, folder, record, programme=programme)
    kept = resumed_record(folder)
    assert [result.trial.way for result in kept.results] == [Way.OUT, Way.IN]
    for result in kept.results:
        assert result.verdict is Verdict.GOOD, result
        assert result.measured.ending == "completed"
        assert result.measured.connected_ms is not None
        assert result.measured.heard.tone_hz == pytest.approx(WHISTLE_HZ, abs=5)
        assert engine != "own" or result.measured.figures.packets_received > 20
        assert result.measured.agreed_versions[0] == "13.0.0"
    assert kept.results[0].measured.rang_ms is not None
    assert owner._office.world.calls.live() == []
    report = (folder / REPORT_NAME).read_text(encoding="utf-8")
    assert "2 of 2 calls made" in report
    person, calling = owner._anna.person, owner._office.calling_account
    for private in ("Anna", str(person.user_id), person.phone, calling.phone, calling.username):
        assert private not in report
        assert private not in (folder / "fieldtest.json").read_text(encoding="utf-8")


async def test_a_call_that_cannot_connect_is_a_finding_and_the_test_goes_on(
    owner: PhoneOwner, tmp_path: Path
) -> None:
    plan = make_plan(("own",), VERSIONS, calls_each_way=2)[2:3]  # relays only, and the sandbox names none
    record = Record(linegram="0.1.0", plan=plan)
    folder = tmp_path / "report"
    await hold(owner._office.settings(), owner.person, folder, record, programme=Programme(beeps=1))
    (result,) = resumed_record(folder).results
    assert result.verdict is Verdict.FAILED
    assert result.measured.ending == "voice_not_connected"
    assert result.answers == {"rang": "yes"}
    assert owner._office.world.calls.live() == []


async def test_the_command_leaves_a_report_when_it_is_interrupted_and_refuses_to_lose_it(
    tmp_path: Path,
) -> None:
    async with SandboxOffice(tmp_path) as office:
        write_settings(office)
        async with command(tmp_path, "fieldtest", "--calls", "2") as started:
            started.type("1")
            started.type("2")
            await started.until("write any message to @office_calls now")
            os.kill(started.process.pid, signal.SIGINT)
            code, out, _ = await started.ended()
        assert code != 0
        assert "Which app is on the telephone?" in out
        assert "linegram fieldtest --resume" in out
        report = (tmp_path / "fieldtest-out" / REPORT_NAME).read_text(encoding="utf-8")
        assert "- network: Wi-Fi" in report
        assert "0 of 4 calls made" in report
        async with command(tmp_path, "fieldtest") as again:
            assert await again.ended() == (1, "", ANY)
        async with command(tmp_path, "fieldtest", "--resume") as resumed:
            await resumed.until("write any message to @office_calls now")
            assert "Which app" not in resumed.seen
