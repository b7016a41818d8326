"""Leads a person through a field test: what to do, what to answer. Keeps every call as soon as it is over."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from linegram.cli.fieldtest.plan import Trial, Way
from linegram.cli.fieldtest.programme import Programme
from linegram.cli.fieldtest.questions import AFTER_CALL, AFTER_FAILURE, BEFORE, Question
from linegram.cli.fieldtest.report import markdown
from linegram.cli.fieldtest.results import Measured, Record, Result, record_text
from linegram.cli.terminal import Terminal
from linegram.units import TelegramUserId

RECORD_NAME: Final = "fieldtest.json"
REPORT_NAME: Final = "fieldtest.md"

_INTRODUCTION: Final = """\
This test makes {calls} calls between {mention} and your telephone: about {minutes} minutes.
Take a telephone whose Telegram has {mention} among its contacts, and sit where it is quiet.
In every call you hear three rising notes, twice, then {beeps} beeps: clap once after each beep.
Then say something, a sentence or two, until the call is ended for you.
Ctrl-C breaks the test off; what was found is kept."""
_MINUTES_PER_CALL: Final = 1.5


class Line(Protocol):
    """What makes the calls."""

    async def make(self, trial: Trial, user_id: TelegramUserId, programme: Programme) -> Measured:
        """Make one call from its ring to its end; nothing is left of it, however it went."""


class Guide:
    """One field test in one folder. `clock` gives UTC epoch seconds."""

    def __init__(
        self,
        terminal: Terminal,
        folder: Path,
        record: Record,
        *,
        programme: Programme,
        clock: Callable[[], float],
    ) -> None:
        self._terminal = terminal
        self._folder = folder
        self._record = record
        self._programme = programme
        self._clock = clock

    def introduce(self, mention: str) -> None:
        """Say what is to come, and ask what the report should say of the telephone."""
        missing = len(self._record.missing())
        self._terminal.say(
            _INTRODUCTION.format(
                calls=missing,
                mention=mention,
                minutes=max(1, round(missing * _MINUTES_PER_CALL)),
                beeps=len(self._programme.beeps_s),
            )
        )
        if not self._record.about:
            self._record.about.update(self._ask_all(BEFORE))

    async def run(self, line: Line, user_id: TelegramUserId, mention: str) -> None:
        """Make the calls that are missing; "s" skips one, "q" ends the test."""
        missing = self._record.missing()
        for number, trial in enumerate(missing, 1):
            self._terminal.say(f"\nCall {number} of {len(missing)}: {_described(trial, mention)}")
            typed = self._terminal.ask("Ready? Enter goes on, s skips this call, q ends the test").lower()
            if typed == "q":
                return
            if typed != "s":
                await self._try(line, trial, user_id)

    async def _try(self, line: Line, trial: Trial, user_id: TelegramUserId) -> None:
        at = self._clock()
        self._terminal.say("Pick up now." if trial.way is Way.OUT else "Call now.")
        with self._terminal.busy("The call is on ..."):
            measured = await line.make(trial, user_id, self._programme)
        self._terminal.say(_said(measured))
        questions = AFTER_CALL if measured.is_connected else AFTER_FAILURE
        answers = self._ask_all(questions)
        self._record.results.append(Result(trial=trial, at=at, measured=measured, answers=answers))
        await asyncio.to_thread(self.keep)

    def keep(self) -> None:
        """Write record and report as they are now; the old ones stay whole until the new ones are."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, text in (
            (RECORD_NAME, record_text(self._record)),
            (REPORT_NAME, markdown(self._record)),
        ):
            fresh = self._folder / f"{name}.new"
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self._folder / name)

    def finish(self) -> None:
        """Keep everything and say where it is."""
        self.keep()
        left = len(self._record.missing())
        if left:
            self._terminal.say(f"{left} calls are missing: `linegram fieldtest --resume` makes them.")
        self._terminal.say(f"Report: {self._folder / REPORT_NAME}")

    def _ask_all(self, questions: Sequence[Question]) -> dict[str, str]:
        return {question.name: self._ask(question) for question in questions}

    def _ask(self, question: Question) -> str:
        while True:
            answer = question.read(self._terminal.ask(question.shown))
            if answer is not None:
                return answer
            self._terminal.say(f"Type a number from 1 to {len(question.answers)}, or nothing.")


def _described(trial: Trial, mention: str) -> str:
    who = f"{mention} calls you" if trial.way is Way.OUT else f"you call {mention}"
    return f"{who} (engine {trial.engine}, versions {trial.offer}, {trial.route})."


def _said(measured: Measured) -> str:
    if not measured.is_connected:
        return f"The call did not connect: {measured.ending}."
    heard = measured.heard
    if not heard.is_anything:
        return "The call is over. Nothing was heard of you."
    return f"The call is over. You were heard for {heard.audible_s:.0f} s, {len(heard.clap_delays_ms)} claps."
