"""Requests and responses: the model, a strict parser, the serialiser (RFC 3261 sections 7, 8.2.6, 18.3).

Whatever the bytes, `parse_datagram` returns a message or raises RemoteProtocolError. A message that came
through it has a readable topmost Via, From, To, Call-ID and CSeq; other fields are read when asked for.
Content-Length is framing, not content: it is checked and dropped when read, and computed when written.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Self

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.fields import CSeq, NameAddress, Via
from linegram.sip.grammar import encode_text, is_token
from linegram.sip.headers import Entry, Headers, parse_field
from linegram.sip.uri import SipUri

MAX_MESSAGE_BYTES: Final = 65_535
MAX_HEADER_FIELDS: Final = 200
MAX_LINE_CHARACTERS: Final = 8_192

REASON_PHRASES: Final[Mapping[int, str]] = MappingProxyType(
    {
        100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
        199: "Early Dialog Terminated", 200: "OK", 202: "Accepted", 204: "No Notification",
        300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy",
        380: "Alternative Service", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required",
        403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
        407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone",
        412: "Conditional Request Failed", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
        415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
        421: "Extension Required", 422: "Session Interval Too Small", 423: "Interval Too Brief",
        428: "Use Identity Header", 429: "Provide Referrer Identity", 433: "Anonymity Disallowed",
        437: "Unsupported Certificate", 438: "Invalid Identity Header",
        439: "First Hop Lacks Outbound Support", 440: "Max-Breadth Exceeded",
        469: "Bad Info Package", 470: "Consent Needed", 480: "Temporarily Unavailable",
        481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
        483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here",
        487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
        493: "Undecipherable", 494: "Security Agreement Required", 500: "Server Internal Error",
        501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Server Time-out",
        505: "Version Not Supported", 513: "Message Too Large", 580: "Precondition Failure",
        600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
        607: "Unwanted", 608: "Rejected",
    }
)  # fmt: skip
"""The usual reason phrase of each registered status."""

_SINGLE: Final = ("from", "to", "call-id", "cseq")
_AT_MOST_ONE: Final = ("content-type", "max-forwards", "expires")
_FOLD: Final = re.compile(r"(?:\r\n[ \t]++)++").sub
_STATUS_LINE: Final = re.compile(r"SIP/([0-9]+\.[0-9]+) ([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE).fullmatch
_REQUEST_LINE: Final = re.compile(r"([^ \t]+) ([^ \t]+) SIP/([0-9]+\.[0-9]+)", re.IGNORECASE).fullmatch


class _Message:
    """What requests and responses share: typed views of the header fields, the serialiser."""

    __slots__ = ()

    headers: Headers
    body: bytes

    @property
    def via(self) -> Via:
        """The topmost Via."""
        return self.headers.get_parsed("Via", Via.parse)

    @property
    def from_(self) -> NameAddress:
        """Who sent the request of this transaction."""
        return self.headers.get_parsed("From", NameAddress.parse)

    @property
    def to(self) -> NameAddress:
        """Whom the request was meant for."""
        return self.headers.get_parsed("To", NameAddress.parse)

    @property
    def cseq(self) -> CSeq:
        """Number and method of the request of this transaction."""
        return self.headers.get_parsed("CSeq", CSeq.parse)

    @property
    def call_id(self) -> str:
        """The SIP Call-ID."""
        return self.headers.get_parsed("Call-ID", str)

    @property
    def contacts(self) -> list[NameAddress]:
        """The contacts whose scheme we speak, without `*`. Raises RemoteProtocolError if one is malformed."""
        found: list[NameAddress] = []
        for value in self.headers.get_all("Contact"):
            try:
                found.append(NameAddress.parse(value))
            except RemoteProtocolError as error:
                if value != "*" and error.status_hint != 416:
                    raise
        return found

    @property
    def is_wildcard_contact(self) -> bool:
        """Tell whether the only Contact is `*`: remove every binding (section 10.2.2)."""
        return self.headers.get_all("Contact") == ["*"]

    @property
    def content_type(self) -> str | None:
        """The media type in lower case and without parameters, None when none is given."""
        value = self.headers.get("Content-Type")
        return None if value is None else value.partition(";")[0].strip().lower()

    def _serialise(self, start_line: str) -> bytes:
        """Write the message with the Content-Length of its body.

        Raises LocalProtocolError if any part contains a line end: nothing can slip in a header.
        """
        lines = [f"{name}: {value}" for name, value in self.headers.items() if name != "Content-Length"]
        head = "\r\n".join((start_line, *lines, f"Content-Length: {len(self.body)}\r\n\r\n"))
        expected = len(lines) + 3
        if head.count("\r") != expected or head.count("\n") != expected:
            raise LocalProtocolError("line end inside a header value")
        return encode_text(head) + self.body


@dataclass(slots=True)
class Request(_Message):
    """A request."""

    method: str
    uri: SipUri
    headers: Headers
    body: bytes = b""

    def __bytes__(self) -> bytes:
        """Write the request. Raises LocalProtocolError if it cannot be written safely."""
        uri = str(self.uri)
        if not is_token(self.method):
            raise LocalProtocolError("method is not a token")
        return self._serialise(f"{self.method} {uri} SIP/2.0")


@dataclass(slots=True)
class Response(_Message):
    """A response."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    @classmethod
    def make(
        cls, request: Request, status: int, reason: str | None = None, *, to_tag: str | None = None
    ) -> Self:
        """Answer `request`: Via, From, To, Call-ID and CSeq are its own (section 8.2.6.2).

        `to_tag` is added to a To that has none. Record-Route is copied where a dialog may
        begin (section 12.1.1), Timestamp into a 100 (section 8.2.6.1).
        """
        theirs = request.headers
        headers = Headers()
        copied = ["Via", "From", "To", "Call-ID", "CSeq"]
        if 101 <= status <= 299:
            copied.insert(1, "Record-Route")
        if status == 100:
            copied.append("Timestamp")
        for name in copied:
            for value in theirs.get_all(name):
                headers.add(name, value)
        if to_tag is not None and request.to.tag is None:
            headers.set("To", str(request.to.with_tag(to_tag)))
        return cls(status, REASON_PHRASES.get(status, "Unknown") if reason is None else reason, headers)

    def __bytes__(self) -> bytes:
        """Write the response. Raises LocalProtocolError if it cannot be written safely."""
        if not 100 <= self.status <= 699:
            raise LocalProtocolError(f"not a SIP status: {self.status}")
        return self._serialise(f"SIP/2.0 {self.status} {self.reason}")


Message = Request | Response


def parse_datagram(data: bytes) -> Message:
    """Read one whole message, strictly.

    Empty lines before it are skipped (section 7.5); bytes after Content-Length are cut off
    (section 18.3). Raises RemoteProtocolError with the status to answer as its hint.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise RemoteProtocolError("message too large", status_hint=513)
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise RemoteProtocolError("header fields do not end")
    start_line, entries = _parse_head(head)
    lengths = [value for key, _, value in entries if key == "content-length"]
    body = _cut_body(body, lengths)
    headers = Headers(entries=[entry for entry in entries if entry[0] != "content-length"])
    message = _make_message(start_line, headers, body)
    _check(message)
    return message


def _parse_head(head: bytes) -> tuple[str, list[Entry]]:
    text = head.decode("utf-8", "surrogateescape")
    if "\n " in text or "\n\t" in text:
        text = _FOLD(" ", text)
    lines = text.split("\r\n")
    line_ends = len(lines) - 1
    if text.count("\r") != line_ends or text.count("\n") != line_ends or "\0" in text:
        raise RemoteProtocolError("bare line end or null in the header fields")
    if line_ends > MAX_HEADER_FIELDS:
        raise RemoteProtocolError("too many header fields", status_hint=513)
    if max(map(len, lines)) > MAX_LINE_CHARACTERS:
        raise RemoteProtocolError("header line too long", status_hint=513)
    return lines[0], [parse_field(line) for line in lines[1:]]


def _cut_body(body: bytes, lengths: list[str]) -> bytes:
    """Return the body that Content-Length announces; without it, all that came."""
    if not lengths:
        return body
    if len(lengths) > 1:
        raise RemoteProtocolError("content-length: at most one expected")
    if not (lengths[0].isascii() and lengths[0].isdecimal()) or len(lengths[0]) > 9:
        raise RemoteProtocolError("malformed Content-Length")
    if int(lengths[0]) > len(body):
        raise RemoteProtocolError("body shorter than Content-Length")
    return body[: int(lengths[0])]


def _make_message(start_line: str, headers: Headers, body: bytes) -> Message:
    if start_line[:4].upper() == "SIP/":
        match = _STATUS_LINE(start_line)
        if match is None:
            raise RemoteProtocolError("malformed status line")
        _check_version(match[1])
        return Response(int(match[2]), match[3] or "", headers, body)
    match = _REQUEST_LINE(start_line)
    if match is None or not is_token(match[1]):
        raise RemoteProtocolError("malformed request line")
    _check_version(match[3])
    return Request(match[1], SipUri.parse(match[2]), headers, body)


def _check_version(version: str) -> None:
    if version != "2.0":
        raise RemoteProtocolError("SIP version is not 2.0", status_hint=505)


def _check(message: Message) -> None:
    """Refuse what lacks or repeats the fields that every later layer relies on (section 8.1.1)."""
    keys = message.headers.keys()
    for name in _SINGLE:
        if keys.count(name) != 1:
            raise RemoteProtocolError(f"{name}: exactly one expected")
    for name in _AT_MOST_ONE:
        if keys.count(name) > 1:
            raise RemoteProtocolError(f"{name}: at most one expected")
    if "via" not in keys:
        raise RemoteProtocolError("via: at least one expected")
    if not message.call_id:
        raise RemoteProtocolError("call-id: empty")
    _ = message.via, message.from_, message.to
    if isinstance(message, Request) and message.cseq.method != message.method:
        raise RemoteProtocolError("cseq: another method than the request")
    _ = message.cseq
