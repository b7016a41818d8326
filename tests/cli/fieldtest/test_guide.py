"""A field test leads through its calls, keeps each at once, and can be broken off and gone on with."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from linegram.cli.fieldtest.command import new_record, resumed_record
from linegram.cli.fieldtest.guide import RECORD_NAME, REPORT_NAME, Guide
from linegram.cli.fieldtest.listening import Heard
from linegram.cli.fieldtest.plan import Trial, make_plan
from linegram.cli.fieldtest.programme import Programme
from linegram.cli.fieldtest.results import Measured, Record
from linegram.config import Settings
from linegram.errors import RefusedError
from linegram.units import TelegramUserId
from tests.cli.fieldtest.scripted_person import ScriptedPerson

OWNER = TelegramUserId(2000)
PLAN = make_plan(("own",), ("13.0.0",), calls_each_way=2)
CONNECTED = Measured(ending="completed", connected_ms=300, heard=Heard(audible_s=3.0, clap_delays_ms=(400,)))
DEAF = Measured(ending="voice_not_connected")


class LineDouble:
    """Makes calls that go as they are told to."""

    def __init__(self, *outcomes: Measured | BaseException) -> None:
        self.made: list[str] = []
        self._outcomes = list(outcomes)

    async def make(self, trial: Trial, user_id: TelegramUserId, programme: Programme) -> Measured:
        assert user_id == OWNER
        self.made.append(trial.key)
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def always(typed: str) -> Callable[[str], str]:
    return lambda question: "" if question.startswith("Ready?") else typed


def guide(folder: Path, person: ScriptedPerson, record: Record) -> Guide:
    return Guide(person, folder, record, programme=Programme(), clock=lambda: 1_700_000_000.0)


def fresh() -> Record:
    return Record(linegram="0.1.0", plan=PLAN)


async def test_every_call_is_made_asked_about_and_kept(tmp_path: Path) -> None:
    person, line = ScriptedPerson(always("1")), LineDouble(CONNECTED, CONNECTED, DEAF, CONNECTED)
    guided = guide(tmp_path, person, fresh())
    guided.introduce("@office")
    await guided.run(line, OWNER, "@office")
    guided.finish()
    kept = resumed_record(tmp_path)
    assert line.made == [trial.key for trial in PLAN]
    assert [result.measured for result in kept.results] == [CONNECTED, CONNECTED, DEAF, CONNECTED]
    assert set(kept.results[0].answers) == {"heard", "spoke", "delay", "echo", "hung_up"}
    assert set(kept.results[2].answers) == {"rang"}
    assert kept.about == {"app": "Android", "network": "mobile network"}
    assert kept.missing() == ()
    assert "4 of 4 calls made" in (tmp_path / REPORT_NAME).read_text(encoding="utf-8")
    assert "Call 1 of 4: @office calls you (engine own, versions 13, any way)." in person.text
    assert "Call 2 of 4: you call @office" in person.text
    assert "You were heard for 3 s, 1 claps." in person.text


async def test_a_number_that_is_no_answer_is_asked_for_again(tmp_path: Path) -> None:
    typed = iter(["", "9", "2", "1", "1", "1", "1", "q"])
    person = ScriptedPerson(lambda _: next(typed))
    record = fresh()
    await guide(tmp_path, person, record).run(LineDouble(CONNECTED), OWNER, "@office")
    assert "Type a number from 1 to 3, or nothing." in person.text
    assert record.results[0].answers["heard"] == "with gaps or noise"


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), asyncio.CancelledError(), RuntimeError("dead")])
async def test_what_was_found_before_an_abort_is_on_the_disk(tmp_path: Path, ending: BaseException) -> None:
    person, line = ScriptedPerson(always("1")), LineDouble(CONNECTED, ending)
    with pytest.raises(type(ending)):
        await guide(tmp_path, person, fresh()).run(line, OWNER, "@office")
    kept = resumed_record(tmp_path)
    assert [result.trial for result in kept.results] == [PLAN[0]]
    assert (tmp_path / REPORT_NAME).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [RECORD_NAME, REPORT_NAME]


async def test_a_broken_off_test_goes_on_with_the_calls_that_are_missing(tmp_path: Path) -> None:
    typed = iter(["", "1", "1", "1", "1", "1", "q"])
    first = ScriptedPerson(lambda _: next(typed))
    guided = guide(tmp_path, first, fresh())
    await guided.run(LineDouble(CONNECTED), OWNER, "@office")
    guided.finish()
    assert "3 calls are missing: `linegram fieldtest --resume` makes them." in first.text
    record, line = resumed_record(tmp_path), LineDouble(CONNECTED, CONNECTED, CONNECTED)
    await guide(tmp_path, ScriptedPerson(always("1")), record).run(line, OWNER, "@office")
    assert line.made == [trial.key for trial in PLAN[1:]]
    assert resumed_record(tmp_path).missing() == ()


async def test_a_call_can_be_skipped(tmp_path: Path) -> None:
    typed = iter(["s", "", *"11111", "q"])
    person, line, record = ScriptedPerson(lambda _: next(typed)), LineDouble(CONNECTED), fresh()
    await guide(tmp_path, person, record).run(line, OWNER, "@office")
    assert line.made == [PLAN[1].key]
    assert record.missing() == (PLAN[0], *PLAN[2:])


def test_a_new_test_does_not_overwrite_another_one(tmp_path: Path) -> None:
    assert len(new_record(Settings(), tmp_path, 2).plan) == 4
    (tmp_path / RECORD_NAME).write_text("{}", encoding="utf-8")
    with pytest.raises(RefusedError, match="--resume"):
        new_record(Settings(), tmp_path, 2)
    with pytest.raises(RefusedError, match="no record of a field test"):
        resumed_record(tmp_path)
    with pytest.raises(RefusedError, match="no field test in"):
        resumed_record(tmp_path / "elsewhere")
