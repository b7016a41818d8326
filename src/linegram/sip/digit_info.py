"""Digits in the body of an INFO: `application/dtmf-relay` and `application/dtmf`. Pure.

Neither is a standard; both are what PBXs have understood for twenty years.
"""

import re
from enum import Enum
from typing import Final

from linegram.errors import LocalProtocolError, RemoteProtocolError

DIGITS: Final = "0123456789*#ABCD"
DEFAULT_DURATION_MS: Final = 160

_SIGNAL: Final = re.compile(rb"^[ \t]*Signal[ \t]*=[ \t]*([^\s]+)", re.IGNORECASE | re.MULTILINE)
_NUMBERS: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


class DigitBody(Enum):
    """A form of the body, named by its content type."""

    RELAY = "application/dtmf-relay"
    PLAIN = "application/dtmf"


def write_digit(digit: str, form: DigitBody, duration_ms: int = DEFAULT_DURATION_MS) -> bytes:
    """Make the body for one digit. Raises LocalProtocolError for what is no key of the telephone."""
    if len(digit) != 1 or digit not in DIGITS:
        raise LocalProtocolError(f"not a key of the telephone: {digit!r}")
    if form is DigitBody.PLAIN:
        return digit.encode()
    return f"Signal={digit}\r\nDuration={duration_ms}\r\n".encode()


def read_digit(content_type: str, body: bytes) -> str | None:
    """Return the digit of an INFO, None for a body that is about something else.

    Raises RemoteProtocolError when it is about a digit, but names none.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == DigitBody.PLAIN.value:
        text = body.strip()
    elif kind == DigitBody.RELAY.value:
        match = _SIGNAL.search(body)
        if match is None:
            raise RemoteProtocolError("INFO without a signal")
        text = match[1]
    else:
        return None
    word = text.decode("ascii", "replace").upper()
    digit = _NUMBERS.get(word, word)
    if len(digit) != 1 or digit not in DIGITS:
        raise RemoteProtocolError("INFO with a signal that is no key of the telephone")
    return digit
