"""The words of docs/glossary.md hold in the code."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "linegram"
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")

SHAPELESS = {"util", "utils", "helper", "helpers", "manager", "managers", "common"}
BARE = {"session", "user", "client", "data", "info"}


def python_files() -> list[Path]:
    return [path for room in ("src", "tests", "tools", "bench") for path in (ROOT / room).rglob("*.py")]


@cache
def trees() -> tuple[tuple[Path, ast.Module], ...]:
    return tuple((path, ast.parse(path.read_text(encoding="utf-8"))) for path in PACKAGE.rglob("*.py"))


def claimed_names() -> list[str]:
    rows = [line.split("|") for line in GLOSSARY.splitlines() if line.startswith("| **")]
    assert len(rows) > 60
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row[3])]


def words_of(name: str) -> list[str]:
    """Split a file or class name into its words."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)]


@pytest.fixture(scope="module")
def names_in_code() -> set[str]:
    found: set[str] = set()
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    return found


@pytest.mark.parametrize("name", claimed_names())
def test_every_name_that_the_glossary_claims_is_in_the_code(name: str, names_in_code: set[str]) -> None:
    if "/" in name:
        assert (PACKAGE / name).exists(), name
    else:
        assert name in names_in_code, name


def test_no_word_has_two_meanings() -> None:
    words = [word for line in GLOSSARY.splitlines() for word in re.findall(r"^\| \*\*(.+?)\*\*", line)]
    assert len(words) == len(set(words))


def test_files_are_named_after_what_they_are_about() -> None:
    shapeless = [path for path in python_files() if SHAPELESS & set(words_of(path.stem))]
    assert shapeless == []


def test_classes_are_named_after_what_they_are() -> None:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assert words_of(node.name)[-1] not in SHAPELESS, f"{path}: {node.name}"


def test_transfer_is_said_of_calls_only() -> None:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                words = words_of(node.name)
                assert "transfer" not in words or "call" in words, f"{path}: {node.name}"


def test_no_field_of_our_messages_has_a_bare_name() -> None:
    for path, tree in trees():
        if path.parent.name not in {"link", "calls", "office"}:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                assert node.target.id not in BARE, f"{path}: {node.target.id}"
