"""Dial rules do what the product text promises, for every text and number."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RefusedError
from linegram.office.dial_pattern import MAX_NUMBER_LENGTH
from linegram.office.dial_rules import MAX_RULES, DialRules, Step, Verdict, parse_rules

numbers = st.text(alphabet="0123456789+*#-() abc", max_size=MAX_NUMBER_LENGTH)
pieces = [
    r"[^+*#\w]=", "^8=7", r"^(8|\+7)([0-9]{10})$=7\2", r"^(8|\+7)(?=\d{10})=7.", ".*=", "^7", r"^\d{3}$",
    "=", "`", r"(1)=\1\1", "0=00", "x", "(=)=", "[=]=\\=", "a=b=c", "(", "\\", "1=.",
]  # fmt: skip
rule_texts = st.lists(st.sampled_from(pieces), max_size=6).map(" ".join) | st.text(max_size=60)


def parsed(text: str) -> DialRules | None:
    try:
        return parse_rules(text)
    except RefusedError:
        return None


@pytest.mark.parametrize(
    ("rules", "number", "dialled"),
    [
        (r"[^+*#\w]= ^8=7", "8 (926) 123-45-67", "79261234567"),
        (r"^(8|\+7)([0-9]{10})$=7\2", "89261234567", "79261234567"),
        (r"^(8|\+7)([0-9]{10})$=7\2", "+79261234567", "79261234567"),
        (r"^(8|\+7)([0-9]{10})$=7\2", "112", "112"),
        (r"^(8|\+7)(?=\d{10})=7.", "89261234567", "79261234567"),
        (r"^(8|\+7)(?=\d{10})=7.", "+79261234567", "79261234567"),
        (r"^(8|\+7)(?=\d{10})=7", "89261234567", "79261234567"),
        (".*=", "100", None),
        ("", "100", "100"),
        ("0=1", "0050", "1151"),
        ("^=9", "100", "9100"),
        (r"(\d)(\d)$=\2\1", "1234", "1243"),
        (r"^8(\d)?$=\1", "8", None),
        (r"^\+=00", "+4420", "004420"),
        (r"\*=\.", "1*2", "1.2"),
        (r"(\d+)=<\1>", "12", "<12>"),
        (r"a=b=c", "a=b", "c"),
        (r"[=]=-", "1=2", "1-2"),
        (r"\=x=y", "=x", "y"),
        (r"[]=]=-", "1]2", "1-2"),
        (r"[^\]=]=-", "1]2", "-]-"),
    ],
)
def test_replacements_follow_the_product_text(rules: str, number: str, dialled: str | None) -> None:
    assert parse_rules(rules).apply(number).number == dialled


@pytest.mark.parametrize(("number", "dialled"), [("74951234567", "74951234567"), ("100", None)])
def test_an_expression_alone_is_a_filter(number: str, dialled: str | None) -> None:
    assert parse_rules("^7").apply(number).number == dialled


def test_a_filter_sees_what_the_rules_before_it_made() -> None:
    assert parse_rules("^8=7 ^7").apply("8100").number == "7100"
    assert parse_rules("^7 ^8=7").apply("8100").number is None


@pytest.mark.parametrize("text", ["=", " = ", "`=`", "^8=7 =", ""])
def test_a_lone_equals_sign_means_no_rules(text: str) -> None:
    assert parse_rules(text) == DialRules()


def test_a_lone_equals_sign_drops_only_what_stands_before_it() -> None:
    assert parse_rules("^8=7 = ^9=5").text == "^9=5"


@pytest.mark.parametrize("text", ["`^8=7 ^7`", "```^8=7 ^7```", "`^8=7` `^7`"])
def test_back_quotes_are_dropped(text: str) -> None:
    assert parse_rules(text).text == "^8=7 ^7"


def test_every_step_is_told() -> None:
    assert parse_rules(r"[^\d]= ^8=7 ^9=1 ^7 ^5").apply("8-1").steps == (
        Step(r"[^\d]=", Verdict.REPLACED, "81"),
        Step("^8=7", Verdict.REPLACED, "71"),
        Step("^9=1", Verdict.UNCHANGED, "71"),
        Step("^7", Verdict.PASSED, "71"),
        Step("^5", Verdict.BLOCKED, "71"),
    )


def test_a_number_that_was_emptied_or_grew_too_long_cannot_be_dialled() -> None:
    assert parse_rules(".*=").apply("1").steps == (Step(".*=", Verdict.EMPTIED, ""),)
    assert parse_rules("1=" + "1" * 60).apply("11").steps[0].verdict is Verdict.TOO_LONG
    assert parse_rules("").apply("1" * (MAX_NUMBER_LENGTH + 1)).number is None


def test_filters_hold_for_addresses_and_replacements_leave_them_alone() -> None:
    assert parse_rules(r"[^+*#\w]= ^8=7").allows("8@pbx.example")
    assert not parse_rules(r"^\d+$").allows("anna@pbx.example")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("=7", "has nothing before the ="),
        (r"^8=\1", "uses \\1 but has 0 groups"),
        (r"^8=\n", "which is not known here"),
        ("^8=7\\", "ends with a lone"),
        ("(8=7", "( that is not closed"),
        (r"(a+)+=7", "could take too long"),
        ("1 " * (MAX_RULES + 1), "20 dial rules, not more"),
        ("1" * 1001, "1000 characters long, not more"),
        (" ".join([".*.*=1"] * 3), "together could take too long"),
    ],
)
def test_wrong_rules_are_refused_with_a_sentence(text: str, complaint: str) -> None:
    with pytest.raises(RefusedError, match=re.escape(complaint)):
        parse_rules(text)


@given(rule_texts, numbers)
def test_any_rules_and_any_number_give_a_number_or_none(text: str, number: str) -> None:
    rules = parsed(text)
    if rules is None:
        return
    dialled = rules.apply(number)
    assert len(dialled.steps) <= MAX_RULES
    assert dialled.number is None or 0 < len(dialled.number) <= MAX_NUMBER_LENGTH
    if dialled.number is not None:
        assert [step.rule for step in dialled.steps] == [rule.text for rule in rules.rules]


@given(rule_texts)
def test_writing_rules_and_reading_them_again_changes_nothing(text: str) -> None:
    rules = parsed(text)
    if rules is not None:
        assert parse_rules(rules.text).text == rules.text
