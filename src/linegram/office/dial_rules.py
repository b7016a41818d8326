"""Dial rules: what is done to a number before it reaches the PBX.

Pure. Rules stand one after another, separated by spaces, and run in order.
`expression=replacement` replaces every match; an expression alone is a filter:
a number that does not match it cannot be dialled on this line.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from linegram.errors import RefusedError
from linegram.office.dial_pattern import MAX_NUMBER_LENGTH, MAX_WAYS, DialPattern, compile_pattern

MAX_RULES: Final = 20
MAX_RULES_LENGTH: Final = 1000
RESET: Final = "="
"""Stands for "no rules": whatever was written before it is dropped."""

_BACK_REFERENCE: Final = re.compile(r"\\(.)", re.DOTALL)


class Verdict(Enum):
    """What one rule did to a number."""

    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    PASSED = "passed"
    BLOCKED = "blocked"
    EMPTIED = "emptied"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Step:
    """One rule at work: the rule as written, what it did, and the number after it."""

    rule: str
    verdict: Verdict
    number: str


@dataclass(frozen=True, slots=True)
class Dialled:
    """What the rules made of a number; `number` is None when it cannot be dialled on this line."""

    number: str | None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class DialRule:
    """One rule; `parts` is None for a filter, else the replacement: texts, and numbers of groups."""

    text: str
    pattern: DialPattern
    parts: tuple[str | int, ...] | None = None

    def apply(self, number: str) -> Step:
        """Do to a number what the rule says."""
        if self.parts is None:
            found = self.pattern.regex.search(number)
            return Step(self.text, Verdict.PASSED if found else Verdict.BLOCKED, number)
        changed, count = self.pattern.regex.subn(self._replacement, number)
        if len(changed) > MAX_NUMBER_LENGTH:
            return Step(self.text, Verdict.TOO_LONG, number)
        return Step(self.text, Verdict.REPLACED if count else Verdict.UNCHANGED, changed)

    def _replacement(self, found: re.Match[str]) -> str:
        parts = self.parts or ()
        return "".join(part if isinstance(part, str) else found[part] or "" for part in parts)


@dataclass(frozen=True, slots=True)
class DialRules:
    """A list of rules, ready to be applied."""

    rules: tuple[DialRule, ...] = ()

    @property
    def text(self) -> str:
        """The rules as a person writes them; parsing it gives the same rules."""
        return " ".join(rule.text for rule in self.rules)

    def apply(self, number: str) -> Dialled:
        """Run the rules over a number, in order, and remember each step."""
        steps: list[Step] = []
        if not number or len(number) > MAX_NUMBER_LENGTH:
            return Dialled(None)
        for rule in self.rules:
            step = rule.apply(number)
            steps.append(step)
            if step.verdict in (Verdict.BLOCKED, Verdict.TOO_LONG):
                return Dialled(None, tuple(steps))
            number = step.number
        if number:
            return Dialled(number, tuple(steps))
        steps[-1] = Step(steps[-1].rule, Verdict.EMPTIED, "")
        return Dialled(None, tuple(steps))

    def allows(self, address: str) -> bool:
        """Whether the filters let a SIP address pass; replacements are for numbers and leave it alone."""
        filters = [rule for rule in self.rules if rule.parts is None]
        return len(address) <= MAX_NUMBER_LENGTH and all(
            rule.pattern.regex.search(address) is not None for rule in filters
        )


def parse_rules(text: str) -> DialRules:
    """Read dial rules as a person writes them.

    Back-quotes around the text or a rule are dropped (they keep Telegram from
    turning parts into emoji); a lone `=` drops the rules before it.

    Raises RefusedError with a sentence that names the wrong rule.
    """
    if len(text) > MAX_RULES_LENGTH:
        raise RefusedError(f"Dial rules may be {MAX_RULES_LENGTH} characters long, not more.")
    written = [word for word in (part.strip("`") for part in text.split()) if word]
    if RESET in written:
        written = written[len(written) - written[::-1].index(RESET) :]
    if len(written) > MAX_RULES:
        raise RefusedError(f"There may be {MAX_RULES} dial rules, not more.")
    rules = tuple(_parse_rule(rule) for rule in written)
    if sum(rule.pattern.ways for rule in rules) > MAX_WAYS:
        raise RefusedError("These rules together could take too long; use fewer * and +.")
    return DialRules(rules)


def _parse_rule(text: str) -> DialRule:
    at = _separator(text)
    if at is None:
        return DialRule(text, compile_pattern(text))
    if at == 0:
        raise RefusedError(f"The dial rule {text} has nothing before the =.")
    pattern = compile_pattern(text[:at])
    return DialRule(text, pattern, _parse_replacement(text, text[at + 1 :], pattern.regex.groups))


def _separator(text: str) -> int | None:
    """Position of the last `=` that stands in no group, in no [ ] and behind no backslash."""
    depth, at, last = 0, 0, None
    while at < len(text):
        match text[at]:
            case "\\":
                at += 1
            case "[":
                at = _end_of_class(text, at)
            case "(":
                depth += 1
            case ")":
                depth = max(depth - 1, 0)
            case "=" if depth == 0:
                last = at
        at += 1
    return last


def _end_of_class(text: str, start: int) -> int:
    """Position of the ] that closes the [ at `start`; `start` itself if none does."""
    at = start + 1
    if text.startswith("^", at):
        at += 1
    at += 1  # a ] in the first place is a character of the class
    if text.startswith("\\", at - 1):
        at += 1
    while at < len(text) and text[at] != "]":
        at += 2 if text[at] == "\\" else 1
    return at if at < len(text) else start


def _parse_replacement(rule: str, text: str, groups: int) -> tuple[str | int, ...]:
    """Split a replacement into texts and group numbers.

    One dot at the very end only marks the end of the rule: it is not dialled.
    """
    if text.endswith(".") and not text.endswith("\\."):
        text = text[:-1]
    if text.endswith("\\") and (len(text) - len(text.rstrip("\\"))) % 2:
        raise RefusedError(f"The dial rule {rule} ends with a lone \\.")
    parts: list[str | int] = []
    at = 0
    for found in _BACK_REFERENCE.finditer(text):
        parts.append(text[at : found.start()])
        parts.append(_escaped(rule, found[1], groups))
        at = found.end()
    parts.append(text[at:])
    return tuple(part for part in parts if part != "")


def _escaped(rule: str, character: str, groups: int) -> str | int:
    if character in "0123456789":
        if int(character) > groups:
            raise RefusedError(f"The dial rule {rule} uses \\{character} but has {groups} groups.")
        return int(character)
    if character.isalnum():
        raise RefusedError(f"The dial rule {rule} has \\{character}, which is not known here.")
    return character
