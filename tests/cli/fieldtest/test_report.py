"""Records survive a broken-off test; reports judge fairly and name nobody."""

import msgspec
import pytest

from linegram.cli.fieldtest.listening import Heard
from linegram.cli.fieldtest.plan import make_plan
from linegram.cli.fieldtest.questions import ECHO, HEARD, SKIP
from linegram.cli.fieldtest.report import markdown
from linegram.cli.fieldtest.results import Measured, Record, Result, Verdict, read_record, record_text
from linegram.errors import RefusedError
from linegram.link.figures import LegFigures

PLAN = make_plan(("own", "ntgcalls"), ("13.0.0", "9.0.0"), calls_each_way=2)
GOOD = Measured(
    ending="completed",
    rang_ms=900,
    connected_ms=1234,
    heard=Heard(audible_s=4.2, level_dbfs=-25.5, clap_delays_ms=(420, 440)),
    figures=LegFigures(codec="opus", packets_received=98, packets_lost=2, jitter_ms=7.4, mos=4.12),
)
SILENT = msgspec.structs.replace(GOOD, heard=Heard())
DEAF = Measured(ending="voice_not_connected", rang_ms=800)


def result(number: int, measured: Measured = GOOD, **answers: str) -> Result:
    return Result(trial=PLAN[number], at=1_700_000_000.0 + 60 * number, measured=measured, answers=answers)


def record(*results: Result) -> Record:
    return Record(linegram="0.1.0", plan=PLAN, about={"app": "Android"}, results=list(results))


@pytest.mark.parametrize(
    ("measured", "answers", "verdict"),
    [
        (GOOD, {"heard": HEARD.answers[0]}, Verdict.GOOD),
        (GOOD, {"heard": SKIP}, Verdict.GOOD),
        (GOOD, {}, Verdict.GOOD),
        (GOOD, {"heard": HEARD.answers[1]}, Verdict.FLAWED),
        (GOOD, {"heard": HEARD.answers[0], "echo": ECHO.answers[2]}, Verdict.FLAWED),
        (GOOD, {"heard": HEARD.answers[2]}, Verdict.FAILED),
        (SILENT, {"heard": HEARD.answers[0]}, Verdict.FAILED),
        (DEAF, {}, Verdict.FAILED),
    ],
)
def test_a_call_is_good_only_if_both_were_heard(
    measured: Measured, answers: dict[str, str], verdict: Verdict
) -> None:
    assert result(0, measured, **answers).verdict is verdict


def test_a_record_is_read_as_it_was_written_and_knows_what_is_missing() -> None:
    kept = record(result(0, heard="clearly"), result(2, DEAF))
    again = read_record(record_text(kept))
    assert again == kept
    assert again.missing() == (PLAN[1], PLAN[3])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plan": 1}', "\x00"])
def test_what_is_no_record_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(RefusedError, match="no record of a field test"):
        read_record(text)


def test_the_report_shows_summary_calls_figures_and_answers() -> None:
    text = markdown(record(result(0, heard="clearly"), result(1, heard="no"), result(2, DEAF, rang="yes")))
    assert "| engine | own | 2 | 1 | 0 | 1 |" in text
    assert "| engine | ntgcalls | 1 | 0 | 0 | 1 |" in text
    assert "| direction | linegram calls | 2 | 1 | 0 | 1 |" in text
    assert "| 1 | → | own | 13/9 | any way | ✅ good | completed | 900 | 1234 |" in text
    assert "| 3 | → | ntgcalls | 13/9 | any way | ❌ failed | voice_not_connected | 800 | — |" in text
    assert "| 1 | 4.2 | -26 | 420, 440 | — | — | no | 2.0 | 7 | — | 4.1 |" in text
    assert "1. Did you hear the three rising notes and the beeps? **clearly**" in text
    assert "- app: Android" in text


def test_a_broken_off_test_says_so_and_how_to_go_on() -> None:
    text = markdown(record(result(0)))
    assert "1 of 4 calls made" in text
    assert "linegram fieldtest --resume" in text
    assert "--resume" not in markdown(record(*(result(number) for number in range(4))))


def test_a_test_that_made_no_call_has_a_report_too() -> None:
    text = markdown(record())
    assert "0 of 4 calls made" in text
    assert "## Calls" not in text


def test_every_table_of_the_report_is_whole() -> None:
    text = markdown(record(result(0), result(1, SILENT), result(2, DEAF)))
    for table in (block for block in text.split("\n\n") if block.startswith("| ")):
        assert len({line.count("|") for line in table.splitlines()}) == 1
