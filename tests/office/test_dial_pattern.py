"""Expressions of dial rules are read strictly, and none can run long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RefusedError
from linegram.office.dial_pattern import MAX_NUMBER_LENGTH, MAX_WAYS, compile_pattern

ALPHABET = [*list("18a\\dwb.^$*+?{},()[]|:=!-&~"), "(?:", "(?=", "(?!", "{2,}", "{0,9}", "\\1", "[^", "\\d"]
expressions = st.lists(st.sampled_from(ALPHABET), max_size=25).map("".join)

QUANTIFIERS = ["", "", "*", "+", "?", "*?", "{0,50}", "{2,}", "{1,3}", "{10}", "{30,99}?"]
ATOMS = [
    "1",
    "a",
    ".",
    r"\d",
    "[^2]",
    "(1|a)",
    "(?:1a?)",
    "(a*)",
    "(?=.*2)",
    "(?:11|1)",
    "^",
    "$",
    "(.*)",
    "(?:(?=1*2)1)",
]
nested_expressions = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.lists(st.tuples(inner, st.sampled_from(QUANTIFIERS)), min_size=1, max_size=4).flatmap(
        lambda parts: st.sampled_from(["(?:", "(", "(?="]).map(
            lambda opening: opening + "".join(part + quantifier for part, quantifier in parts) + ")"
        )
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "text",
    [
        r"[^+*#\w]",
        "^8",
        r"^(8|\+7)([0-9]{10})$",
        r"^(8|\+7)(?=\d{10})",
        ".*",
        r"^(?!112)\d+$",
        "[]a]",
        "[^]a]",
        r"[\]a-z]{2,3}?",
        r"(\d)\1",
        r"^(\d{3}){2,4}$",
        "",
    ],
)
def test_ordinary_expressions_are_accepted(text: str) -> None:
    assert compile_pattern(text).regex.pattern == text


@pytest.mark.parametrize(
    "text",
    [
        r"(a+)+$",
        r"(a*)*b",
        r"(a|a)*b",
        r"(a|aa)+$",
        r"(\d+-?)+x",
        r"^(.*)(.*)(.*)(.*)$",
        r"(.*)(.*)(.*)",
        "(a?)" * 40 + "a{40}",
        "(a|b)" * 30,
        "(?:(?:(?:){100}){100}){100}",
        r"(?=(a|b){50})x",
        r"(?:a(?=.*b))*",
        # Repetitions that do not fit into a number once, but take for ever to find that out.
        r"(?:(a*)(?:(?:11|1)+.{1,3}1+){30,100}?)*?",
        r"(2*?.*(1|a){30,100}?([^2]{2,}[^2]+(?:1|1)2{2,}){30,100}?)*(1|a)",
    ],
)
def test_expressions_that_could_run_long_are_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        compile_pattern(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("(8", "has a ( that is not closed"),
        ("8)", "has a ) too many"),
        ("[0-9", "has a [ that is not closed"),
        ("*1", "has * with nothing to repeat"),
        ("8**", "two repetition signs"),
        ("8*+", "two repetition signs"),
        ("8{a}", "has a { that is no repetition"),
        ("8{3,2}", "not between 0 and 100"),
        ("8{999}", "not between 0 and 100"),
        ("(?<=8)7", "kind of group that is not known"),
        ("(?P<x>8)", "kind of group that is not known"),
        (r"\p", r"has \p, which is not known here"),
        ("8\\", "ends with a lone"),
        ("[[]", "has [ inside [ ]"),
        ("[0--9]", "has a doubled sign"),
        ("[9-0]", "is wrong: bad character range 9-0"),
        (r"\2(8)", "is wrong: invalid group reference"),
        ("(" * 11 + ")" * 11, "groups inside each other"),
        ("1" * 201, "longer than 200"),
    ],
)
def test_what_is_wrong_is_said(text: str, complaint: str) -> None:
    with pytest.raises(RefusedError, match=re.escape(complaint)):
        compile_pattern(text)


@given(expressions, st.text(alphabet="18a-=", max_size=MAX_NUMBER_LENGTH))
def test_any_expression_is_refused_or_runs_to_its_end(text: str, number: str) -> None:
    try:
        pattern = compile_pattern(text)
    except RefusedError:
        return
    assert 1 <= pattern.ways <= MAX_WAYS
    pattern.regex.sub("", number)


@given(nested_expressions, st.sampled_from(["1" * 100, "1" * 99 + "2", "1a" * 50, "a" * 99 + "3"]))
def test_nested_repetitions_are_refused_or_run_to_their_end(text: str, number: str) -> None:
    try:
        pattern = compile_pattern(text)
    except RefusedError:
        return
    pattern.regex.sub("", number)


@given(expressions)
def test_what_is_accepted_is_what_python_accepts(text: str) -> None:
    try:
        accepted = compile_pattern(text).regex
    except RefusedError:
        return
    assert accepted == re.compile(text, re.ASCII)


@pytest.mark.parametrize(
    ("text", "ways"),
    [("^8", 1), ("^(8|7)", 2), (r"^\d*", 101), (r"^\d{2,4}", 3), ("8", 101), ("^(8|7){2}", 4), ("^a?b?", 4)],
)
def test_ways_are_counted(text: str, ways: int) -> None:
    assert compile_pattern(text).ways == ways
