"""SIP, SIPS and telephone URIs (RFC 3261 section 19.1, RFC 3966).

Parts are held decoded (`*21#`, not `*21%23`) and are escaped again when written.
Other schemes are refused with status hint 416.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, Literal, Self, cast
from urllib.parse import quote_from_bytes, unquote

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.grammar import Parameters, encode_text, find_parameter, replace_parameter

Scheme = Literal["sip", "sips", "tel"]

_SIP: Final = re.compile(
    r"(sips?):"
    r'(?:([^\s@:<>"\x00]*+)(?::([^\s@<>"\x00]*+))?@)?'
    r"(?:\[([0-9A-Fa-f:.]++)\]|([A-Za-z0-9_](?:[A-Za-z0-9._\-]*+)))"
    r"(?::([0-9]{1,5}))?"
    r'((?:;[^\s;?<>"\x00]++)*+)'
    r'(?:\?([^\s<>"\x00]*+))?',
    re.IGNORECASE,
).fullmatch
_TEL: Final = re.compile(r'tel:([0-9A-Fa-f+*#().\-%]++)((?:;[^\s;?<>"\x00]++)*+)', re.IGNORECASE).fullmatch
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match

_USER_SAFE: Final = "-_.!~*'()&=+$,;?/"
_AFTER_COLON_SAFE: Final = "-_.!~*'()&=+$,"
_PARAMETER_SAFE: Final = "-_.!~*'()[]/:&+$"
_HEADER_SAFE: Final = "-_.!~*'()[]/?:+$"
_IS_SAFE: Final = re.compile(r"[A-Za-z0-9_.\-+*]*").fullmatch
_IS_HOST: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._\-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*").fullmatch
_ALWAYS_COMPARED: Final = ("user", "ttl", "method", "maddr", "transport")


@dataclass(frozen=True, slots=True)
class SipUri:
    """One URI. `host` is without brackets for IPv6 and empty for `tel`, whose number is `user`."""

    scheme: Scheme
    user: str | None
    host: str
    port: int | None = None
    parameters: Parameters = ()
    headers: tuple[tuple[str, str], ...] = ()
    password: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI without surrounding spaces or brackets.

        Raises RemoteProtocolError; its status hint is 416 when only the scheme is not ours.
        """
        match = _SIP(text)
        if match is None:
            return cls._parse_tel(text)
        scheme, user, password, host6, host, port, parameters, headers = match.groups()
        return cls(
            cast("Scheme", scheme.lower()),
            _decode(user) if user else None,
            host or host6,
            _parse_port(port) if port else None,
            _parse_parameters(parameters) if parameters else (),
            _parse_headers(headers) if headers else (),
            _decode(password) if password is not None else None,
        )

    @classmethod
    def _parse_tel(cls, text: str) -> Self:
        match = _TEL(text)
        if match is not None:
            return cls("tel", _decode(match[1]), "", parameters=_parse_parameters(match[2]))
        scheme = _SCHEME(text)
        if scheme is not None and scheme[0].lower() not in ("sip:", "sips:", "tel:"):
            raise RemoteProtocolError("URI scheme is not supported", status_hint=416)
        raise RemoteProtocolError("malformed URI")

    def __str__(self) -> str:
        """Write the URI. Raises LocalProtocolError if a part cannot stand in a URI."""
        tail = "".join(_format_parameter(name, value) for name, value in self.parameters)
        if self.scheme == "tel":
            return f"tel:{_encode(self.user or '', '+*#().-')}{tail}"
        if self.headers:
            pairs = (f"{_encode(n, _HEADER_SAFE)}={_encode(v, _HEADER_SAFE)}" for n, v in self.headers)
            tail = f"{tail}?{'&'.join(pairs)}"
        return f"{self.scheme}:{self._userinfo()}{format_host_port(self.host, self.port)}{tail}"

    def _userinfo(self) -> str:
        if not self.user:
            return ""
        password = "" if self.password is None else f":{_encode(self.password, _AFTER_COLON_SAFE)}"
        return f"{_encode(self.user, _USER_SAFE)}{password}@"

    def parameter(self, name: str) -> str | None:
        """Return the value of a parameter, "" for a bare flag, None when it is absent."""
        entry = find_parameter(self.parameters, name)
        return None if entry is None else entry[1] or ""

    def has_parameter(self, name: str) -> bool:
        """Tell whether the parameter is there, with or without a value."""
        return find_parameter(self.parameters, name) is not None

    def with_parameter(self, name: str, value: str | None) -> Self:
        """Return a copy with one parameter set."""
        return replace(self, parameters=replace_parameter(self.parameters, name, value))

    def without_parameters(self) -> Self:
        """Return a copy without parameters and headers."""
        return replace(self, parameters=(), headers=())

    def matches(self, other: "SipUri") -> bool:
        """Compare as section 19.1.4 says: hosts without case, most parameters only if both have them."""
        return (
            self.scheme == other.scheme
            and self.user == other.user
            and self.password == other.password
            and self.host.lower() == other.host.lower()
            and self.port == other.port
            and self._parameters_match(other)
            and _folded_headers(self) == _folded_headers(other)
        )

    def _parameters_match(self, other: "SipUri") -> bool:
        mine = {name.lower(): (value or "").lower() for name, value in self.parameters}
        theirs = {name.lower(): (value or "").lower() for name, value in other.parameters}
        compared = (mine.keys() & theirs.keys()).union(_ALWAYS_COMPARED)
        return all(mine.get(name) == theirs.get(name) for name in compared)


def format_host_port(host: str, port: int | None) -> str:
    """Write `host[:port]`, with brackets around IPv6.

    Raises LocalProtocolError for what is no host: a setting must never become syntax.
    """
    if not _IS_HOST(host):
        raise LocalProtocolError(f"not a host: {host!r}")
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _parse_port(text: str) -> int:
    port = int(text)
    if port > 65535:
        raise RemoteProtocolError("port out of range")
    return port


def _decode(text: str) -> str:
    return unquote(text, errors="surrogateescape") if "%" in text else text


def _encode(text: str, safe: str) -> str:
    return text if _IS_SAFE(text) else quote_from_bytes(encode_text(text), safe)


def _parse_parameters(text: str) -> Parameters:
    found: list[tuple[str, str | None]] = []
    for part in text[1:].split(";") if text else ():
        name, equals, value = part.partition("=")
        if not name:
            raise RemoteProtocolError("malformed URI parameter")
        found.append((_decode(name), _decode(value) if equals else None))
    return tuple(found)


def _format_parameter(name: str, value: str | None) -> str:
    encoded = _encode(name, _PARAMETER_SAFE)
    return f";{encoded}" if value is None else f";{encoded}={_encode(value, _PARAMETER_SAFE)}"


def _parse_headers(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (part.partition("=") for part in text.split("&"))
    return tuple((_decode(name), _decode(value)) for name, _, value in pairs)


def _folded_headers(uri: SipUri) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in uri.headers)
