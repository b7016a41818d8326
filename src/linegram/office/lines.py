"""Which of an employee's SIP accounts can carry a call to a number.

Pure. An account fits when it is switched on and its dial rules leave a number.
"""

from collections.abc import Iterable, Mapping

import msgspec

from linegram.errors import RefusedError
from linegram.office.account import SipAccount
from linegram.office.dial_rules import parse_rules
from linegram.office.number import Destination
from linegram.units import AccountId


class Line(msgspec.Struct, frozen=True):
    """An account that fits, and what it would dial."""

    account: SipAccount
    dialled: str


class LineChoice(msgspec.Struct, frozen=True):
    """The accounts that fit, the last used first; `sentence` tells the employee why there is none."""

    lines: tuple[Line, ...]
    sentence: str = ""

    @property
    def only(self) -> Line | None:
        """The one line, when there is nothing to choose."""
        return self.lines[0] if len(self.lines) == 1 else None


def choose_lines(
    accounts: Iterable[SipAccount],
    destination: Destination,
    last_used_at: Mapping[AccountId, float] | None = None,
) -> LineChoice:
    """Find the accounts of one employee that can call `destination`.

    Accounts that were never used come last, in the order of their numbers.
    """
    held = list(accounts)
    enabled = [account for account in held if account.is_enabled]
    lines = [line for account in enabled if (line := fit_line(account, destination)) is not None]
    if not lines:
        return LineChoice((), _why_none(held, enabled))
    used = last_used_at or {}
    lines.sort(key=lambda line: (-used.get(line.account.account_id, 0.0), line.account.account_id))
    return LineChoice(tuple(lines))


def fit_line(account: SipAccount, destination: Destination) -> Line | None:
    """What the account would dial for `destination`; None if its rules forbid it or cannot be read."""
    try:
        rules = parse_rules(account.dial_rules)
    except RefusedError:
        return None
    if destination.is_address:
        return Line(account, destination.text) if rules.allows(destination.text) else None
    dialled = rules.apply(destination.text).number
    return None if dialled is None else Line(account, dialled)


def _why_none(held: list[SipAccount], enabled: list[SipAccount]) -> str:
    if not held:
        return "You have no line yet. Ask your administrator for one."
    if not enabled:
        return "Your line is switched off. Ask your administrator to switch it on."
    return (
        "None of your lines may call this number. Check it, or ask your administrator about the dial rules."
    )
