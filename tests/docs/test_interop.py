"""docs/interop.md names tests: each must exist, or the page promises what nobody proves."""

import ast
import re

import pytest

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "interop.md"
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_HEAD = {("feature", "peer", "test"), ("---", "---", "---")}


def rows() -> list[tuple[str, str, str]]:
    found = [
        (row[1].strip(), row[2].strip(), row[3].strip()) for row in _ROW.finditer(PAGE.read_text("utf-8"))
    ]
    return [row for row in found if row not in _HEAD]


def test_the_page_has_rows_and_no_line_of_a_table_escapes_this_test() -> None:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    heads = sum(line in {"| feature | peer | test |", "|---|---|---|"} for line in lines)
    assert len(rows()) == len(lines) - heads
    assert len(rows()) > 40


@pytest.mark.parametrize("name", sorted({row[2] for row in rows()}))
def test_every_named_test_exists(name: str) -> None:
    match = re.fullmatch(r"`(tests/[a-z_0-9/]+\.py)::(test_[a-z_0-9]+)`", name)
    assert match is not None, name
    tree = ast.parse((ROOT / match[1]).read_text("utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert match[2] in defined
