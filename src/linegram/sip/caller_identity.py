"""Who calls, as people read it: from From, P-Asserted-Identity, Privacy, Diversion and History-Info. Pure."""

from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Final, NamedTuple

from linegram.errors import RemoteProtocolError
from linegram.sip.headers import Headers, NameAddress

_WITHHELD_USERS: Final = frozenset({"anonymous", "unavailable", "unknown", "restricted", "private"})
_WITHHELD_HOST: Final = "anonymous.invalid"
_WITHHOLDING: Final = frozenset({"id", "user", "header"})


class CallerIdentity(NamedTuple):
    """The caller's number and name, both empty when `is_withheld`, and who sent the call on to us."""

    number: str
    name: str
    is_withheld: bool
    diverted_by: str


def identify_caller(headers: Headers) -> CallerIdentity:
    """Read who calls from an INVITE: the network's word before the caller's own (RFC 3325, RFC 3323)."""
    asserted = _asserted(headers)
    claimed = headers.get_parsed("From", NameAddress.parse)
    caller = asserted or claimed
    diverted_by = _diverting(headers)
    if _is_withheld(headers) or (asserted is None and _is_anonymous(claimed)):
        return CallerIdentity("", "", is_withheld=True, diverted_by=diverted_by)
    name = readable(caller.display_name or (asserted is not None and claimed.display_name) or "")
    return CallerIdentity(_number(caller), name, is_withheld=False, diverted_by=diverted_by)


def readable(text: str) -> str:
    """Give a display name as people read it, whatever charset its bytes were written in.

    UTF-8 is the rule; PBXs also send RFC 2047 words, and plain Windows-1251 or Windows-1252. Of those two the
    first is what is mostly letters beyond ASCII. Control characters become spaces.
    """
    with suppress(HeaderParseError, LookupError, ValueError):
        if "=?" in text:
            text = "".join(
                part if isinstance(part, str) else part.decode(charset or "ascii", "replace")
                for part, charset in decode_header(text)
            )
    raw = text.encode("utf-8", "surrogateescape")
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = raw.decode(_legacy_charset(raw), "replace")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())


def _legacy_charset(raw: bytes) -> str:
    high = sum(byte >= 0xC0 for byte in raw)
    ascii_letters = sum(byte < 0x80 and chr(byte).isalpha() for byte in raw)
    return "cp1251" if high > ascii_letters else "cp1252"


def _asserted(headers: Headers) -> NameAddress | None:
    """Who the network says is calling: P-Asserted-Identity, else Remote-Party-ID."""
    for name in ("P-Asserted-Identity", "Remote-Party-ID"):
        for value in headers.get_all(name):
            with suppress(RemoteProtocolError):
                return NameAddress.parse(value)
    return None


def _is_withheld(headers: Headers) -> bool:
    """Whether the caller asked that he is not shown (RFC 3323 4.2; Remote-Party-ID's privacy)."""
    asked = {word.strip().lower() for value in headers.get_all("Privacy") for word in value.split(";")}
    if asked & _WITHHOLDING:
        return True
    for value in headers.get_all("Remote-Party-ID"):
        with suppress(RemoteProtocolError):
            return (NameAddress.parse(value).parameter("privacy") or "off").lower() not in {"off", "name"}
    return False


def _is_anonymous(address: NameAddress) -> bool:
    user = (address.uri.user or "").lower()
    return user in _WITHHELD_USERS or address.uri.host.lower() == _WITHHELD_HOST


def _number(address: NameAddress) -> str:
    return readable(address.uri.user or address.uri.host)


def _diverting(headers: Headers) -> str:
    """The number that sent the call on last (RFC 5806), else the last but one of its history (RFC 7044)."""
    for value in headers.get_all("Diversion"):
        with suppress(RemoteProtocolError):
            return _number(NameAddress.parse(value))
    history = headers.get_all("History-Info")
    if len(history) > 1:
        with suppress(RemoteProtocolError):
            return _number(NameAddress.parse(history[-2]))
    return ""
