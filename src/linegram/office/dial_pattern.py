"""Regular expressions that a person may write into dial rules.

Pure. Python's matcher backtracks, so a careless expression can run for years.
This file reads the expression first and counts in how many ways it could be
laid over the longest allowed number; what exceeds the budget is refused before
it ever runs. Constructs whose cost it cannot count are refused by name.
"""

import re
from dataclasses import dataclass
from typing import Final

from linegram.errors import RefusedError

MAX_NUMBER_LENGTH: Final = 100
MAX_PATTERN_LENGTH: Final = 200
MAX_NESTING: Final = 10
MAX_REPEAT: Final = 100
MAX_WAYS: Final = 2_000_000
"""How many ways of matching one rule list may try, at worst: about a tenth of a second."""

_ONE_CHARACTER: Final = "dDwWsS"
_ZERO_WIDTH: Final = "bB"
_QUANTIFIERS: Final = "*+?{"
_SET_OPERATORS: Final = ("--", "&&", "||", "~~")
_BRACES: Final = re.compile(r"\{(\d{1,4})(,?)(\d{0,4})\}", re.ASCII)


@dataclass(frozen=True, slots=True)
class DialPattern:
    """A compiled expression and the most ways in which it can be tried."""

    regex: re.Pattern[str]
    ways: int


def compile_pattern(text: str) -> DialPattern:
    """Compile an expression for matching telephone numbers.

    Raises RefusedError with a sentence if it is wrong, or could take too long.
    """
    if len(text) > MAX_PATTERN_LENGTH:
        raise RefusedError(f"This expression is longer than {MAX_PATTERN_LENGTH} characters.")
    shape = _Reader(text).read()
    starts = 1 if shape.is_anchored else MAX_NUMBER_LENGTH + 1
    ways = shape.ways * starts
    if ways > MAX_WAYS:
        raise RefusedError(
            f"The expression {text} can match in too many ways and could take too long; use fewer * and +."
        )
    try:
        regex = re.compile(text, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise RefusedError(f"The expression {text} is wrong: {error}.") from error
    return DialPattern(regex, ways)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a part of an expression behaves: the ways to lay it, and the fewest characters that it takes."""

    ways: int
    min_width: int
    is_anchored: bool = False


_CHARACTER: Final = _Shape(ways=1, min_width=1)
_NOTHING: Final = _Shape(ways=1, min_width=0)


def _limited(ways: int) -> int:
    return min(ways, MAX_WAYS + 1)


def _one_after_another(parts: list[_Shape]) -> _Shape:
    ways = 1
    for part in parts:
        ways = _limited(ways * part.ways)
    return _Shape(ways, sum(part.min_width for part in parts), bool(parts) and parts[0].is_anchored)


def _one_of(branches: list[_Shape]) -> _Shape:
    return _Shape(
        _limited(sum(branch.ways for branch in branches)),
        min(branch.min_width for branch in branches),
        all(branch.is_anchored for branch in branches),
    )


def _repeated(part: _Shape, low: int, high: int) -> _Shape:
    # One repetition more than fits into a number: it fails, but only after its own ways were tried.
    most = max(low, min(high, MAX_NUMBER_LENGTH // max(part.min_width, 1) + 1))
    ways = 0
    for count in range(low, most + 1):
        ways = _limited(ways + _power(part.ways, count))
    return _Shape(ways, part.min_width * low)


def _power(ways: int, count: int) -> int:
    if ways == 1:
        return 1
    result = 1
    for _ in range(count):
        result = _limited(result * ways)
    return result


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def read(self) -> _Shape:
        """Shape of the whole expression."""
        shape = self._alternatives()
        if self._at < len(self._text):
            raise self._wrong("has a ) too many")
        return shape

    def _alternatives(self) -> _Shape:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return _one_of(branches)

    def _sequence(self) -> _Shape:
        parts: list[_Shape] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._quantified(self._atom()))
        return _one_after_another(parts)

    def _atom(self) -> _Shape:
        character = self._next()
        match character:
            case "\\":
                return self._escape()
            case "[":
                return self._character_class()
            case "(":
                return self._group()
            case "^":
                return _Shape(ways=1, min_width=0, is_anchored=True)
            case "$":
                return _NOTHING
        if character in _QUANTIFIERS:
            raise self._wrong(
                f"has {character} with nothing to repeat; write \\{character} for the character"
            )
        return _CHARACTER

    def _escape(self) -> _Shape:
        if self._at == len(self._text):
            raise self._wrong("ends with a lone \\")
        character = self._next()
        if character in _ONE_CHARACTER:
            return _CHARACTER
        if character in _ZERO_WIDTH or character in "123456789":
            return _NOTHING
        if character.isalnum():
            raise self._wrong(f"has \\{character}, which is not known here")
        return _CHARACTER

    def _character_class(self) -> _Shape:
        self._take("^")
        start = self._at
        while self._at < len(self._text):
            if self._text.startswith(_SET_OPERATORS, self._at):
                raise self._wrong("has a doubled sign inside [ ]; put a \\ before it")
            character = self._next()
            if character == "]" and self._at > start + 1:
                return _CHARACTER
            if character == "[":
                raise self._wrong("has [ inside [ ]; write \\[ for the character")
            if character == "\\" and self._at < len(self._text):
                self._at += 1
        raise self._wrong("has a [ that is not closed")

    def _group(self) -> _Shape:
        is_look_ahead = self._take("?=") or self._take("?!")
        if not is_look_ahead and not self._take("?:") and self._take("?"):
            raise self._wrong("has a kind of group that is not known here; use ( ), (?: ), (?= ) or (?! )")
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._wrong(f"has more than {MAX_NESTING} groups inside each other")
        shape = self._alternatives()
        if not self._take(")"):
            raise self._wrong("has a ( that is not closed")
        self._depth -= 1
        return _Shape(shape.ways, 0) if is_look_ahead else shape

    def _quantified(self, part: _Shape) -> _Shape:
        bounds = self._bounds()
        if bounds is None:
            return part
        low, high = bounds
        if high > 1 and part.min_width == 0:
            raise self._wrong("repeats something that may be empty")
        self._take("?")
        if self._at < len(self._text) and self._text[self._at] in _QUANTIFIERS:
            raise self._wrong("has two repetition signs in a row")
        return _repeated(part, low, high)

    def _bounds(self) -> tuple[int, int] | None:
        for sign, low, high in (("*", 0, MAX_REPEAT), ("+", 1, MAX_REPEAT), ("?", 0, 1)):
            if self._take(sign):
                return low, high
        if self._at < len(self._text) and self._text[self._at] == "{":
            return self._counted_bounds()
        return None

    def _counted_bounds(self) -> tuple[int, int]:
        found = _BRACES.match(self._text, self._at)
        if found is None:
            raise self._wrong("has a { that is no repetition; write \\{ for the character")
        self._at = found.end()
        low = int(found[1])
        high = int(found[3]) if found[3] else (MAX_REPEAT if found[2] else low)
        if low > MAX_REPEAT or high > MAX_REPEAT or high < low or (found[3] and not found[2]):
            raise self._wrong(f"has a repetition {found[0]} that is not between 0 and {MAX_REPEAT}")
        return low, high

    def _next(self) -> str:
        character = self._text[self._at]
        self._at += 1
        return character

    def _take(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._at += len(sign)
        return True

    def _wrong(self, what: str) -> RefusedError:
        return RefusedError(f"The expression {self._text} {what}.")
