"""The documents are true: every command in them exists, and every ending of a call is explained."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from linegram.bot.language import texts
from linegram.calls.outcomes import SIP_REFUSAL
from linegram.cli import app
from linegram.outcomes import EndReason

PROJECT = Path(__file__).parents[2]
DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]

_COMMAND = re.compile(r"(?:sudo (?:-u \w+ )?)?(?:ExecStart=)?(?:[\w./-]*/)?linegram ([^.\s].*)")
_CODE = re.compile(r"^```[^\n]*\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
_NOT_COMMANDS = ("is ready:",)


def commands_in(text: str) -> Iterator[str]:
    """What follows `linegram` wherever a line of code begins with it."""
    for block, span in _CODE.findall(text):
        for line in (block or span).replace("\\\n", " ").splitlines():
            found = _COMMAND.fullmatch(line.strip().removeprefix("$ "))
            if found and not found[1].startswith(_NOT_COMMANDS):
                yield found[1]


DOCUMENTED = sorted(
    {(path.name, command) for path in DOCUMENTS for command in commands_in(path.read_text("utf-8"))}
)


def complaint_about(command: str) -> str:
    """What of a documented command does not exist; empty if all of it does."""
    node: Any = typer.main.get_command(app)
    words = shlex.split(command, comments=True)
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            name, _, value = word.partition("=")
            option = next((p for p in node.params if name in (*p.opts, *p.secondary_opts)), None)
            if option is None and name != "--help":
                return f"{node.name} has no option {name}"
            if option is not None and not option.is_flag and not value and words:
                words.pop(0)
        elif hasattr(node, "commands"):
            if word == "...":
                return ""
            if word not in node.commands:
                return f"{node.name} has no command {word}"
            node = node.commands[word]
    return ""


def test_the_documents_show_commands() -> None:
    shown = {command.split()[0] for _, command in DOCUMENTED}
    assert {"init", "serve", "check", "accounts"} <= shown


@pytest.mark.parametrize(("document", "command"), DOCUMENTED)
def test_every_command_in_the_documents_exists(document: str, command: str) -> None:
    assert complaint_about(command) == "", f"{document}: linegram {command}"


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("serve --fast", "serve has no option --fast"),
        ("accounts invent 1", "accounts has no command invent"),
        ("--config x.toml fly", "has no command fly"),
        ("accounts add 101 pbx --name 'Anna G' --direct", ""),
    ],
)
def test_a_command_that_does_not_exist_would_be_noticed(command: str, complaint: str) -> None:
    assert complaint in complaint_about(command)
    assert bool(complaint) == bool(complaint_about(command))


def end_reasons_table() -> str:
    """The table of endings as docs/operations.md must have it."""
    rows = ["| reason | who | PBX gets | the employee reads |", "|---|---|---|---|"]
    for reason in EndReason:
        refusal = SIP_REFUSAL[reason]
        sentence = texts().say(f"end-{reason.value}")
        rows.append(
            f"| `{reason.value}` | {reason.blame.value} | {refusal.status} {refusal.text} | {sentence} |"
        )
    return "\n".join(rows)


def test_the_operations_document_explains_every_ending_as_the_code_has_it() -> None:
    text = (PROJECT / "docs" / "operations.md").read_text("utf-8")
    written = re.search(
        r"<!-- end reasons: begin[^\n]*-->\n(.*?)\n?<!-- end reasons: end -->", text, re.DOTALL
    )
    assert written is not None
    assert written[1] == end_reasons_table(), f"docs/operations.md needs this table:\n{end_reasons_table()}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[\w-]+)?\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"
