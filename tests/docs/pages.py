"""The pages that people read, and what can be found in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Return the targets of all links of a page."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Return the fragments that the headings of a page make, by GitHub's rule."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_spans(page: Path) -> list[str]:
    """Return what stands in back-quotes in the running text."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def command_lines(page: Path) -> Iterator[list[str]]:
    """Give the arguments of every `linegram ...` of a page, from spans and from blocks."""
    blocks = _FENCE.findall(page.read_text(encoding="utf-8"))
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for text in [*code_spans(page), *lines]:
        for command in re.split(
            r" \\?\|\|? | && |; ", text.removeprefix("ExecStart=").strip().removeprefix("$ ")
        ):
            words = _words(command)
            if (
                words and Path(words[0]).name == "linegram" and words[1:2] not in ([], ["is"])
            ):  # is: its output
                yield words[1:]


def _words(command: str) -> list[str]:
    """Split a shell command into words, without what is in front of the program."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        words = command.split()
    while words and (words[0] == "sudo" or "=" in words[0] or words[0] == "-u"):
        words = words[2:] if words[0] == "-u" else words[1:]
    return words
