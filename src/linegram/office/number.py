"""What an employee texted: a number, a SIP address, or just words.

Pure. People write `8 (926) 123-45-67`, `+44 20 7946 0000`, `*72`, `tel:100`,
`100@pbx.example` and `see you at 5`; only the last is not meant for the phone.
"""

import re
import unicodedata
from typing import Final

import msgspec

MAX_TEXT_LENGTH: Final = 100

_SEPARATORS: Final = re.compile(r"[\s()\[\]./\-‐-―−]+")
_NUMBER: Final = re.compile(r"\+?[0-9A-Za-z*#_]+", re.ASCII)
_DIAL_SIGN: Final = re.compile(r"[0-9*#]", re.ASCII)
_LETTER: Final = re.compile(r"[A-Za-z_]", re.ASCII)
_SIP_USER: Final = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/#%-]+", re.ASCII)
_HOST_AND_PORT: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?"
)


class Destination(msgspec.Struct, frozen=True):
    """Where a call shall go: a cleaned number, or `user@host[:port]` when it is an address."""

    text: str
    is_address: bool = False


def read_destination(text: str) -> Destination | None:
    """Read what an employee texted; None if it is not meant to be called.

    Blanks, brackets, dashes, dots and slashes of a number are dropped. A number
    has at least one digit, `*` or `#`; letters may be part of it when there are
    no blanks. A name made of letters only needs `sip:` in front.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if not text or len(text) > MAX_TEXT_LENGTH or "\n" in text:
        return None
    scheme, _, rest = text.partition(":")
    match scheme.lower():
        case "sip":
            return _read_sip(rest)
        case "tel" | "callto":
            return _read_number(rest)
    return _read_address(text) if "@" in text else _read_number(text)


def _read_sip(text: str) -> Destination | None:
    if "@" in text:
        return _read_address(text)
    return Destination(text) if _NUMBER.fullmatch(text) else None


def _read_address(text: str) -> Destination | None:
    user, _, host = text.rpartition("@")
    found = _HOST_AND_PORT.fullmatch(host)
    if found is None or not _SIP_USER.fullmatch(user) or not 0 < int(found[1] or 5060) < 65536:
        return None
    return Destination(f"{user}@{host}", is_address=True)


def _read_number(text: str) -> Destination | None:
    text = "".join(_ascii_digit(character) for character in text)
    cleaned = _SEPARATORS.sub("", text)
    if not _NUMBER.fullmatch(cleaned) or not _DIAL_SIGN.search(cleaned):
        return None
    has_blanks = any(character.isspace() for character in text.strip())
    return None if has_blanks and _LETTER.search(cleaned) else Destination(cleaned)


def _ascii_digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)
