"""The report of a field test as Markdown. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from linegram.cli.fieldtest.plan import Way
from linegram.cli.fieldtest.questions import BY_NAME
from linegram.cli.fieldtest.results import Record, Result, Verdict

_MARKS: Final = {Verdict.GOOD: "✅ good", Verdict.FLAWED: "⚠️ flawed", Verdict.FAILED: "❌ failed"}


def markdown(record: Record) -> str:
    """Write the report: the summary first, then every call with its figures and answers."""
    parts = [
        "# Field test of Linegram's voice",
        _about(record),
        _summary(record),
        _calls(record.results),
        _figures(record.results),
        _answers(record.results),
        "Nothing in this report names a person, a telephone number or a key.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(record: Record) -> str:
    lines = [f"- Linegram {record.linegram}"]
    if record.results:
        begun, ended = (_time(at) for at in (record.results[0].at, record.results[-1].at))
        lines.append(f"- from {begun} to {ended} (UTC)")
    lines += [f"- {name}: {said}" for name, said in record.about.items()]
    left = len(record.missing())
    lines.append(f"- {len(record.results)} of {len(record.plan)} calls made")
    if left:
        lines.append(f"- broken off: {left} calls are missing; `linegram fieldtest --resume` makes them")
    return "\n".join(lines)


def _summary(record: Record) -> str:
    groups: list[tuple[str, Callable[[Result], str]]] = [
        ("direction", lambda result: result.trial.way.value),
        ("engine", lambda result: result.trial.engine),
        ("versions offered", lambda result: result.trial.offer),
        ("route", lambda result: result.trial.route),
    ]
    rows = [row for title, group in groups for row in _group_rows(title, group, record.results)]
    return "## Summary\n\n" + _table(("what", "", "calls", "good", "flawed", "failed"), rows) if rows else ""


def _group_rows(
    title: str, group: Callable[[Result], str], results: Sequence[Result]
) -> Iterable[tuple[str, ...]]:
    for value in dict.fromkeys(group(result) for result in results):
        verdicts = Counter(result.verdict for result in results if group(result) == value)
        counts = (str(verdicts[verdict]) for verdict in Verdict)
        yield (title, value, str(verdicts.total()), *counts)


def _calls(results: Sequence[Result]) -> str:
    rows = [
        (
            str(number),
            "→" if result.trial.way is Way.OUT else "←",
            result.trial.engine,
            result.trial.offer,
            result.trial.route,
            _MARKS[result.verdict],
            result.measured.ending,
            _ms(result.measured.rang_ms),
            _ms(result.measured.connected_ms),
        )
        for number, result in enumerate(results, 1)
    ]
    head = ("call", "way", "engine", "offered", "route", "verdict", "ending", "rang ms", "connected ms")
    note = "→ Linegram calls, ← the telephone calls. Connected: from the answer to sound that can flow."
    return f"## Calls\n\n{_table(head, rows)}\n\n{note}" if rows else ""


def _figures(results: Sequence[Result]) -> str:
    rows = []
    for number, result in enumerate(results, 1):
        heard, figures = result.measured.heard, result.measured.figures
        rows.append(
            (
                str(number),
                f"{heard.audible_s:.1f}",
                f"{heard.level_dbfs:.0f}",
                ", ".join(str(delay) for delay in heard.clap_delays_ms) or "—",
                str(heard.tone_hz or "—"),
                heard.keys or "—",
                "no" if heard.echo_dbfs is None else f"{heard.echo_dbfs:.0f} dBFS",
                f"{figures.loss_percent:.1f}",
                f"{figures.jitter_ms:.0f}",
                _or_dash(figures.round_trip_ms),
                "—" if figures.mos is None else f"{figures.mos:.1f}",
            )
        )
    head = (
        *("call", "audible s", "level dBFS", "claps ms", "tone Hz", "keys", "echo"),
        *("lost %", "jitter ms", "round trip ms", "MOS"),
    )
    note = "Claps: from our beep to the clap, twice the way and a person's reaction of some 200 ms."
    return f"## What we heard of the telephone\n\n{_table(head, rows)}\n\n{note}" if rows else ""


def _answers(results: Sequence[Result]) -> str:
    lines = []
    for number, result in enumerate(results, 1):
        said = [f"{BY_NAME[name].text} **{answer}**" for name, answer in result.answers.items()]
        lines.append(f"{number}. {' '.join(said) or 'nothing was asked'}")
    return "## What was heard at the telephone\n\n" + "\n".join(lines) if lines else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _ms(value: int | None) -> str:
    return "—" if value is None else str(value)


def _or_dash(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
