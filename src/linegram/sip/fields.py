"""Typed values of single header fields: addresses, Via, CSeq (RFC 3261 sections 20.10, 20.16, 20.42)."""

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.grammar import (
    Parameters,
    find_parameter,
    format_parameters,
    is_token,
    parse_parameters,
    quote,
    replace_parameter,
    unescape,
)
from linegram.sip.uri import SipUri, format_host_port

_NAME_ADDR: Final = re.compile(
    r'[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^"<>\\]*+))[ \t]*+<([^<>]*+)>[ \t]*+', re.DOTALL
).match
_ADDR_SPEC: Final = re.compile(r'[ \t]*([^\s;<>",?]++)[ \t]*').match
_VIA: Final = re.compile(
    r"[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([A-Za-z0-9\-.!%*_+`'~]++)[ \t]++"
    r"(?:\[([0-9A-Fa-f:.]++)\]|([A-Za-z0-9_][A-Za-z0-9._\-]*+))[ \t]*(?::[ \t]*([0-9]{1,5})[ \t]*)?",
    re.IGNORECASE,
).match
_CSEQ: Final = re.compile(r"[ \t]*([0-9]{1,10})[ \t]++([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class NameAddress:
    """A display name, a URI and the header's own parameters: From, To, Contact, Route, ..."""

    display_name: str
    uri: SipUri
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one address, with or without angle brackets.

        Without brackets every parameter belongs to the header, not to the URI (RFC 3261 section 20.10).
        An unquoted display name may hold what is no token: PBXs send that. Raises RemoteProtocolError.
        """
        match = _NAME_ADDR(text)
        if match is not None:
            quoted, plain, uri = match.groups()
            name = plain.rstrip() if quoted is None else unescape(quoted)
        else:
            match = _ADDR_SPEC(text)
            if match is None:
                raise RemoteProtocolError("malformed address")
            name, uri = "", match[1]
        return cls(name, SipUri.parse(uri), parse_parameters(text, match.end()))

    def __str__(self) -> str:
        """Write the address, always with angle brackets."""
        tail = f"<{self.uri}>{format_parameters(self.parameters)}"
        return f"{quote(self.display_name)} {tail}" if self.display_name else tail

    @property
    def tag(self) -> str | None:
        """The dialog tag, None before there is one."""
        return self.parameter("tag")

    def with_tag(self, tag: str) -> Self:
        """Return a copy that carries `tag`."""
        return self.with_parameter("tag", tag)

    def parameter(self, name: str) -> str | None:
        """Return the value of a header parameter, "" for a bare flag, None when it is absent."""
        entry = find_parameter(self.parameters, name)
        return None if entry is None else entry[1] or ""

    def with_parameter(self, name: str, value: str | None) -> Self:
        """Return a copy with one header parameter set."""
        return replace(self, parameters=replace_parameter(self.parameters, name, value))


@dataclass(frozen=True, slots=True)
class Via:
    """One hop of a message's way. `host` is without brackets for IPv6."""

    transport: str
    host: str
    port: int | None = None
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one Via value. Raises RemoteProtocolError."""
        match = _VIA(text)
        if match is None:
            raise RemoteProtocolError("malformed Via")
        transport, host6, host, port_text = match.groups()
        port = int(port_text) if port_text else None
        if port is not None and port > 65535:
            raise RemoteProtocolError("Via port out of range")
        return cls(transport.upper(), host or host6, port, parse_parameters(text, match.end()))

    def __str__(self) -> str:
        """Write the value as it stands after `Via:`."""
        if not is_token(self.transport):
            raise LocalProtocolError(f"not a transport: {self.transport!r}")
        place = format_host_port(self.host, self.port)
        return f"SIP/2.0/{self.transport} {place}{format_parameters(self.parameters)}"

    @property
    def branch(self) -> str:
        """The transaction's branch, "" when a peer of RFC 2543 sent none."""
        return self.parameter("branch") or ""

    def parameter(self, name: str) -> str | None:
        """Return the value of a parameter, "" for a bare flag (`rport`), None when it is absent."""
        entry = find_parameter(self.parameters, name)
        return None if entry is None else entry[1] or ""

    def with_parameter(self, name: str, value: str | None) -> Self:
        """Return a copy with one parameter set."""
        return replace(self, parameters=replace_parameter(self.parameters, name, value))


@dataclass(frozen=True, slots=True)
class CSeq:
    """The number and method that order requests within a dialog."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the value. Raises RemoteProtocolError, also from 2**31 on (section 8.1.1.5)."""
        match = _CSEQ(text)
        if match is None or (number := int(match[1])) >= 2**31:
            raise RemoteProtocolError("malformed CSeq")
        return cls(number, match[2])

    def __str__(self) -> str:
        """Write the value as it stands after `CSeq:`."""
        return f"{self.number} {self.method}"
