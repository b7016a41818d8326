"""Session descriptions (RFC 8866): the model, a tolerant parser, the serialiser. Decides nothing.

Every attribute and every line is kept, known or not (`a=crypto`, `a=candidate`, `b=`),
so that a description survives reading and writing. Line ends may be LF; lines that
describe time may be missing; sizes are strict.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Self

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.grammar import encode_text
from linegram.sip.sdp_values import STATIC_PAYLOAD_TYPES, Connection, Direction, Origin, RtpMap

__all__ = ["Connection", "Direction", "MediaDescription", "Origin", "RtpMap", "Sdp"]

MAX_SDP_BYTES: Final = 32_768
MAX_LINES: Final = 600
MAX_MEDIA: Final = 32
MAX_FORMATS: Final = 128

Attribute = tuple[str, str | None]
"""`a=name:value`, or a flag when the value is None."""
Line = tuple[str, str]
"""Any other line: its letter and its value."""

_ORDER: Final = "vosiuepcbtrzka"
_MEDIA: Final = re.compile(r"([^ /]+) +([0-9]{1,5})(?:/([0-9]{1,5}))? +([^ ]+)((?: +[^ ]+)*) *").fullmatch
_RTCP: Final = re.compile(r"([0-9]{1,5})(?: .*)?").fullmatch
_MILLISECONDS: Final = re.compile(r"([0-9]{1,5})(?:\.[0-9]*)? *").fullmatch


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One `m=` section. A port of 0 means that the stream is refused or over."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()
    connection: Connection | None = None
    port_count: int = 1
    lines: tuple[Line, ...] = ()

    @classmethod
    def parse(cls, value: str, lines: Iterable[Line] = ()) -> Self:
        """Read the value of `m=` and the lines below it."""
        match = _MEDIA(value)
        if match is None or int(match[2]) > 65535:
            raise RemoteProtocolError("malformed media line")
        formats = tuple(match[5].split())
        if len(formats) > MAX_FORMATS:
            raise RemoteProtocolError("too many formats in a media line", status_hint=488)
        section = _Section.collect(lines)
        return cls(
            match[1].lower(),
            int(match[2]),
            match[4],
            formats,
            section.attributes,
            section.connection,
            int(match[3] or 1),
            section.lines,
        )

    def to_lines(self) -> Iterator[str]:
        """Write the section line by line."""
        count = f"/{self.port_count}" if self.port_count != 1 else ""
        yield f"m={' '.join((self.kind, f'{self.port}{count}', self.protocol, *self.formats))}"
        yield from _write_section(self.lines, self.connection, self.attributes)

    def attribute(self, name: str) -> str | None:
        """Return the value of the first attribute of that name, "" for a flag, None when it is absent."""
        return _find_attribute(self.attributes, name)

    def attribute_values(self, name: str) -> list[str]:
        """Return the values of all attributes of that name, in order (`a=crypto`, `a=candidate`)."""
        return [value or "" for key, value in self.attributes if key == name]

    @property
    def direction(self) -> Direction | None:
        """The direction written here, None if there is none (then the session's counts)."""
        return _find_direction(self.attributes)

    @property
    def rtp_maps(self) -> list[RtpMap]:
        """The codecs in the order of preference; unknown payload types without rtpmap are left out."""
        parsed = (RtpMap.parse(value) for value in self.attribute_values("rtpmap"))
        written = {rtp_map.payload_type: rtp_map for rtp_map in parsed if rtp_map is not None}
        known = STATIC_PAYLOAD_TYPES | written
        numbers = (
            int(text) for text in self.formats if text.isascii() and text.isdecimal() and len(text) < 4
        )
        return [known[number] for number in numbers if number in known]

    def fmtp(self, payload_type: int) -> str:
        """Return the format parameters of a payload type, "" if none are written."""
        for value in self.attribute_values("fmtp"):
            number, _, parameters = value.strip().partition(" ")
            if number == str(payload_type):
                return parameters.strip()
        return ""

    @property
    def ptime_ms(self) -> int | None:
        """The packet length that the writer wishes to receive, None if not written or senseless."""
        return _parse_milliseconds(self.attribute("ptime"))

    @property
    def maxptime_ms(self) -> int | None:
        """The longest packet that the writer takes, None if not written or senseless."""
        return _parse_milliseconds(self.attribute("maxptime"))

    @property
    def rtcp_port(self) -> int:
        """The port for RTCP: `a=rtcp` (RFC 3605), else the one above RTP's."""
        match = _RTCP(self.attribute("rtcp") or "")
        return int(match[1]) if match is not None and 0 < int(match[1]) <= 65535 else self.port + 1


@dataclass(frozen=True, slots=True)
class Sdp:
    """One session description."""

    origin: Origin
    media: tuple[MediaDescription, ...] = ()
    connection: Connection | None = None
    attributes: tuple[Attribute, ...] = ()
    name: str = "-"
    lines: tuple[Line, ...] = (("t", "0 0"),)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a description. Raises RemoteProtocolError (status hint 488 or 413)."""
        lines = _split_lines(data)
        if not lines or lines[0] != ("v", "0"):
            raise RemoteProtocolError("SDP does not begin with v=0", status_hint=488)
        starts = [index for index, (letter, _) in enumerate(lines) if letter == "m"]
        if len(starts) > MAX_MEDIA:
            raise RemoteProtocolError("too many media descriptions", status_hint=488)
        bounds = [*starts, len(lines)]
        session = _Section.collect(lines[1 : bounds[0]])
        if session.origin is None:
            raise RemoteProtocolError("SDP has no origin", status_hint=488)
        return cls(
            session.origin,
            tuple(
                MediaDescription.parse(lines[start][1], lines[start + 1 : end])
                for start, end in pairwise(bounds)
            ),
            session.connection,
            session.attributes,
            session.name,
            session.lines,
        )

    def __bytes__(self) -> bytes:
        """Write the description. Raises LocalProtocolError if a value contains a line end."""
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        lines += _write_section(self.lines, self.connection, self.attributes)
        for media in self.media:
            lines += media.to_lines()
        if any("\r" in line or "\n" in line for line in lines):
            raise LocalProtocolError("line end inside an SDP value")
        return encode_text("".join(f"{line}\r\n" for line in lines))

    def connection_of(self, media: MediaDescription) -> Connection | None:
        """Return where this stream is to be sent: its own `c=` or the session's."""
        return media.connection or self.connection

    def direction_of(self, media: MediaDescription) -> Direction:
        """Return the stream's direction: its own, the session's, or sendrecv."""
        return media.direction or _find_direction(self.attributes) or Direction.SENDRECV

    def with_version_after(self, previous: "Sdp") -> Self:
        """Return a copy that continues `previous`: version + 1 if anything changed (RFC 3264 section 8)."""
        same = replace(self, origin=previous.origin)
        if same == previous:
            return same
        version = str(int(previous.origin.version) + 1)
        return replace(self, origin=replace(previous.origin, version=version))


@dataclass(slots=True)
class _Section:
    """The lines of a session or of one medium, sorted by what they are."""

    origin: Origin | None = None
    name: str = "-"
    connection: Connection | None = None
    attributes: tuple[Attribute, ...] = ()
    lines: tuple[Line, ...] = ()

    @classmethod
    def collect(cls, lines: Iterable[Line]) -> Self:
        section = cls()
        attributes: list[Attribute] = []
        others: list[Line] = []
        for letter, value in lines:
            if letter == "a":
                name, colon, rest = value.partition(":")
                attributes.append((name.strip(), rest.strip() if colon else None))
            elif letter == "c":
                section.connection = section.connection or Connection.parse(value)
            elif letter == "o":
                section.origin = Origin.parse(value)
            elif letter == "s":
                section.name = value or "-"
            else:
                others.append((letter, value))
        section.attributes = tuple(attributes)
        section.lines = tuple(sorted(others, key=_rank))
        return section


def _rank(line: Line) -> int:
    return _ORDER.find(line[0]) % len(_ORDER)


def _write_section(
    lines: tuple[Line, ...], connection: Connection | None, attributes: tuple[Attribute, ...]
) -> list[str]:
    written = [*lines] if connection is None else [*lines, ("c", str(connection))]
    texts = [f"{letter}={value}" for letter, value in sorted(written, key=_rank)]
    return texts + [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]


def _split_lines(data: bytes) -> list[Line]:
    if len(data) > MAX_SDP_BYTES:
        raise RemoteProtocolError("SDP too large", status_hint=413)
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\r" in text or "\0" in text:
        raise RemoteProtocolError("stray carriage return or null in SDP")
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > MAX_LINES:
        raise RemoteProtocolError("SDP has too many lines", status_hint=413)
    if any(line[1:2] != "=" or not line[0].isascii() or not line[0].isalpha() for line in lines):
        raise RemoteProtocolError("malformed SDP line")
    return [(line[0].lower(), line[2:].strip()) for line in lines]


def _find_attribute(attributes: tuple[Attribute, ...], name: str) -> str | None:
    for key, value in attributes:
        if key == name:
            return value or ""
    return None


def _find_direction(attributes: tuple[Attribute, ...]) -> Direction | None:
    for direction in Direction:
        if (direction.value, None) in attributes:
            return direction
    return None


def _parse_milliseconds(value: str | None) -> int | None:
    match = _MILLISECONDS(value or "")
    return int(match[1]) or None if match is not None else None
