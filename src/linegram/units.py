"""Units and small value types with one meaning each. May import nothing of ours."""

from typing import NewType

Seconds = NewType("Seconds", float)
"""A point on, or a distance along, the monotonic clock that is passed in."""

CallId = NewType("CallId", str)
"""Ours: names one call as people perceive it. Not the SIP Call-ID, not Telegram's phone call id."""

LegId = NewType("LegId", str)
"""Ours: names one party's half of a call."""

AccountId = NewType("AccountId", int)
"""Ours: the row of a SIP account."""

TelegramUserId = NewType("TelegramUserId", int)
"""Telegram's number of a person, bot or calling account."""


def mask_number(number: str) -> str:
    """Hide the middle of a telephone number or name for logs: the first two and last two characters stay."""
    if len(number) <= 4:
        return "*" * len(number)
    return f"{number[:2]}{'*' * (len(number) - 4)}{number[-2:]}"
