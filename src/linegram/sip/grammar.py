"""Tokens, quoted strings, parameters and comma lists: what SIP values share (RFC 3261 section 25.1).

Text here is already free of line ends: the message parser splits lines first,
and the serialiser refuses any that would appear later.
"""

import re
from typing import Final

from linegram.errors import LocalProtocolError, RemoteProtocolError

Parameters = tuple[tuple[str, str | None], ...]
"""Names as written (compared without case) with their unquoted values; None for a bare flag such as `lr`."""

_TCHAR: Final = r"A-Za-z0-9\-.!%*_+`'~"
_IS_TOKEN: Final = re.compile(rf"[{_TCHAR}]+").fullmatch
_IS_PLAIN_VALUE: Final = re.compile(rf"[{_TCHAR}\[\]:]+").fullmatch
_PARAMETER: Final = re.compile(
    rf"[ \t]*+;[ \t]*+([{_TCHAR}]++)"
    r'(?:[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;,"<>\\]*+)))?[ \t]*+',
    re.DOTALL,
).match
_LIST_ELEMENT: Final = re.compile(r'(?:[^",<]++|"(?:[^"\\]|\\.)*+"|<[^>]*+>|["<].*+)++', re.DOTALL).findall
_UNESCAPE: Final = re.compile(r"\\(.)", re.DOTALL).sub


def is_token(text: str) -> bool:
    """Tell whether `text` is a token: a method, a header name, a parameter name."""
    return _IS_TOKEN(text) is not None


def encode_text(text: str) -> bytes:
    """Return the bytes of text for the wire; what was not UTF-8 when it came goes back as it was.

    Raises LocalProtocolError for half a surrogate pair: no peer sent that.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise LocalProtocolError("text has no UTF-8 form") from error


def quote(text: str) -> str:
    """Write `text` as a quoted string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unescape(quoted: str) -> str:
    """Undo the backslashes of what stood between two quotation marks."""
    return _UNESCAPE(r"\1", quoted) if "\\" in quoted else quoted


def split_list(value: str) -> list[str]:
    """Split at the commas that stand outside quotation marks and angle brackets; empty elements vanish."""
    if "," not in value:
        return [value] if value else []
    parts = _LIST_ELEMENT(value) if '"' in value or "<" in value else value.split(",")
    return [part for part in map(str.strip, parts) if part]


def parse_parameters(text: str, start: int = 0) -> Parameters:
    """Read `;name=value;flag…` from `start` to the end of `text`.

    Raises RemoteProtocolError if anything else stands there.
    """
    found: list[tuple[str, str | None]] = []
    end = len(text)
    while start < end:
        match = _PARAMETER(text, start)
        if match is None:
            raise RemoteProtocolError("malformed parameters")
        name, quoted, plain = match.groups()
        found.append((name, plain if quoted is None else unescape(quoted)))
        start = match.end()
    return tuple(found)


def format_parameters(parameters: Parameters) -> str:
    """Write parameters with their leading semicolons, quoting where the grammar asks for it.

    Values of feature tags (`+sip.instance`) are always quoted (RFC 3840 section 9).
    """
    return "".join(_format_parameter(name, value) for name, value in parameters)


def _format_parameter(name: str, value: str | None) -> str:
    if not is_token(name):
        raise LocalProtocolError(f"not a parameter name: {name!r}")
    if value is None:
        return f";{name}"
    if name[0] != "+" and _IS_PLAIN_VALUE(value):
        return f";{name}={value}"
    return f";{name}={quote(value)}"


def find_parameter(parameters: Parameters, name: str) -> tuple[str, str | None] | None:
    """Return the first parameter of that name, whatever its case."""
    wanted = name.lower()
    for entry in parameters:
        if entry[0] == name or entry[0].lower() == wanted:
            return entry
    return None


def replace_parameter(parameters: Parameters, name: str, value: str | None) -> Parameters:
    """Set one parameter: in its place if it is there, else at the end."""
    wanted = name.lower()
    replaced = [(key, value if key.lower() == wanted else old) for key, old in parameters]
    if find_parameter(parameters, name) is None:
        replaced.append((name, value))
    return tuple(replaced)
