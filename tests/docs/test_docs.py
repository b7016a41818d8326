"""What the documents say is there: links, commands, files, sentences, rules."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from linegram.bot.language import texts
from linegram.calls import routes, switchboard
from linegram.cli import app
from linegram.office import lines
from linegram.office.dial_rules import parse_rules
from linegram.office.number import read_destination
from linegram.outcomes import EndReason
from tests.docs.pages import PAGES, ROOT, anchors, code_spans, command_lines, links, prose

PACKAGE = ROOT / "src" / "linegram"
DOCS = ROOT / "docs"
COMMANDS = typer.main.get_command(app)

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def problem_of(words: list[str]) -> str | None:
    """Say what is wrong with a `linegram` command line, if anything is."""
    command: Any = COMMANDS
    at_name = True
    for word in words:
        if word.startswith("--"):
            known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
            if word.split("=")[0] not in known | {"--help"}:
                return f"no option {word} of {command.name}"
        elif at_name and hasattr(command, "commands"):
            if re.fullmatch(r"[a-z][a-z-]*", word):
                found = command.commands.get(word)
                if found is None:
                    return f"no command {word}"
                command = found
            else:
                at_name = (
                    "." in word and "..." not in word
                )  # the value of an option; an ellipsis ends the line
    return None


@pages
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), target
        assert not fragment or fragment in anchors(aim), target


@pages
def test_every_command_line_names_a_command_and_options_that_exist(page: Path) -> None:
    for words in command_lines(page):
        assert problem_of(words) is None, f"linegram {' '.join(words)}: {problem_of(words)}"


def test_wrong_command_lines_would_be_found() -> None:
    assert problem_of(["accounts", "show", "1"]) is None
    assert problem_of(["--config", "office.toml", "accounts", "list"]) is None
    assert problem_of(["acounts"]) == "no command acounts"
    assert problem_of(["accounts", "transfer", "1"]) == "no command transfer"
    assert problem_of(["accounts", "change", "1", "--codec", "opus"]) == "no option --codec of change"


@pages
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= targets


@pages
def test_every_file_of_ours_that_is_named_exists(page: Path) -> None:
    for span in code_spans(page):
        is_room = span.endswith("/") and page.name in {"README.md", "architecture.md", "glossary.md"}
        if re.fullmatch(r"[a-z_]+(/[a-z_0-9]+)*(\.py|/)", span) and (is_room or span.endswith(".py")):
            assert (PACKAGE / span).exists() or (ROOT / span).exists(), span


@pages
def test_a_page_leads_only_to_telegram_and_to_source_code(page: Path) -> None:
    """Package registries differ between sites: no page names one."""
    text = page.read_text(encoding="utf-8")
    for host in re.findall(r"https?://([^/\s)>`:]+)", text):
        assert host.rstrip(".") in {"t.me", "my.telegram.org", "api.telegram.org", "github.com", "127.0.0.1"}
    assert "../shared" not in text


@pages
def test_every_page_can_be_reached_from_the_readme(page: Path) -> None:
    readme = ROOT / "README.md"
    reached = {(readme.parent / link.split("#")[0]).resolve() for link in links(readme)}
    assert page == readme or page.resolve() in reached


def first_cells(page: Path, heading: str) -> list[str]:
    part = prose(page).split(f"\n| {heading} |")[1].split("\n\n")[0]
    return [row.split("|")[1].strip() for row in part.splitlines()[2:]]


def test_what_employees_are_told_to_read_is_what_cards_say() -> None:
    sentences = {texts().say(f"end-{reason.value}") for reason in EndReason}
    quoted = first_cells(DOCS / "employee-guide.md", "the card says")
    assert len(quoted) > 5
    assert set(quoted) <= sentences


def test_what_employees_are_told_to_read_is_what_the_calling_account_says() -> None:
    sources = [Path(str(module.__file__)).read_text("utf-8") for module in (lines, routes, switchboard)]
    quoted = first_cells(DOCS / "employee-guide.md", "it says")
    assert len(quoted) > 3
    for sentence in quoted:
        assert any(f'"{sentence}"' in source for source in sources), sentence


def test_the_numbers_that_employees_may_text_are_understood() -> None:
    paragraph = prose(DOCS / "employee-guide.md").split("## You call")[1].split("- **Callback**")[0]
    numbers = [span for span in re.findall(r"`([^`\n]+)`", paragraph) if len(span) > 1]
    assert len(numbers) > 5
    for number in numbers:
        assert read_destination(number) is not None, number


def test_the_dial_rules_of_the_administrators_guide_do_what_it_says() -> None:
    rules = [cell.strip("`") for cell in first_cells(DOCS / "administrator-guide.md", "rules")]
    results = [
        parse_rules(rules[0]).apply("8926123-45").number,
        parse_rules(rules[1]).apply("+4312345").number,
        parse_rules(rules[2]).apply("1001").number,
        parse_rules(rules[2]).apply("12345").number,
    ]
    assert results == ["792612345", "004312345", "1001", None]


def test_the_first_lines_of_the_readme_say_how_to_begin() -> None:
    beginning = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30])
    assert "make demo" in beginning
    assert "make test" in beginning


def test_the_makefile_says_what_make_docs_would_do() -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "--assume-old=setup", "docs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "tools/draw_states.py" in planned.stdout
