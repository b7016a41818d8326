"""SCTP packets and chunks to and from bytes (RFC 9260 section 3)."""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from linegram.errors import RemoteProtocolError

_HEAD: Final = struct.Struct("!HHII")
_CHUNK: Final = struct.Struct("!BBH")
_CHECKSUM: Final = struct.Struct("<I")
_DATA: Final = struct.Struct("!IHHI")
_SACK: Final = struct.Struct("!IIHH")
_GAP: Final = struct.Struct("!HH")
_INIT: Final = struct.Struct("!IIHHI")
_PARAMETER: Final = struct.Struct("!HH")
MOST_CHUNKS: Final = 64
LONGEST_PACKET_BYTES: Final = 4 << 10
"""Ends keep to what fits in a datagram; the checksum of more would only cost."""

_STATE_COOKIE: Final = 7

LAST_FRAGMENT: Final = 1
FIRST_FRAGMENT: Final = 2
"""Flags of a DATA chunk (section 3.3.1)."""


class ChunkType(IntEnum):
    """The chunks that we speak (section 3.2)."""

    DATA = 0
    INIT = 1
    INIT_ACK = 2
    SACK = 3
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    SHUTDOWN_COMPLETE = 14


class Chunk(NamedTuple):
    """One chunk; what `body` means depends on `kind`."""

    kind: int
    flags: int = 0
    body: bytes = b""

    def serialise(self) -> bytes:
        """Write the chunk, padded to whole words."""
        length = _CHUNK.size + len(self.body)
        return _CHUNK.pack(self.kind, self.flags, length) + self.body + bytes(-length % 4)


class SctpPacket(NamedTuple):
    """One packet between the ends' port 5000s, or whatever ports they use."""

    source_port: int
    target_port: int
    tag: int
    chunks: tuple[Chunk, ...]

    def serialise(self) -> bytes:
        """Write the packet with its checksum."""
        head = _HEAD.pack(self.source_port, self.target_port, self.tag, 0)
        body = b"".join(chunk.serialise() for chunk in self.chunks)
        return head[:8] + _CHECKSUM.pack(crc32c(head + body)) + body


class Data(NamedTuple):
    """A message or a fragment of one (section 3.3.1)."""

    tsn: int
    stream: int
    stream_sequence: int
    protocol: int
    payload: bytes
    flags: int = FIRST_FRAGMENT | LAST_FRAGMENT

    def chunk(self) -> Chunk:
        """Write it as a chunk."""
        head = _DATA.pack(self.tsn, self.stream, self.stream_sequence, self.protocol)
        return Chunk(ChunkType.DATA, self.flags, head + self.payload)


class Sack(NamedTuple):
    """What arrived: all up to `cumulative_tsn`, and blocks of offsets from it (section 3.3.4)."""

    cumulative_tsn: int
    window_bytes: int
    gaps: tuple[tuple[int, int], ...] = ()

    def chunk(self) -> Chunk:
        """Write it as a chunk."""
        head = _SACK.pack(self.cumulative_tsn, self.window_bytes, len(self.gaps), 0)
        return Chunk(ChunkType.SACK, 0, head + b"".join(_GAP.pack(*gap) for gap in self.gaps))


class Init(NamedTuple):
    """An end's part in the set-up (sections 3.3.2 and 3.3.3); the cookie comes with an INIT ACK."""

    tag: int
    window_bytes: int
    first_tsn: int
    cookie: bytes = b""

    def chunk(self, kind: ChunkType) -> Chunk:
        """Write it as INIT or INIT ACK."""
        body = _INIT.pack(self.tag, self.window_bytes, 0xFFFF, 0xFFFF, self.first_tsn)
        if self.cookie:
            body += _PARAMETER.pack(_STATE_COOKIE, _PARAMETER.size + len(self.cookie)) + self.cookie
        return Chunk(kind, 0, body)


def parse_packet(datagram: bytes) -> SctpPacket:
    """Read one packet.

    Raises RemoteProtocolError for anything that is none, a wrong checksum included.
    """
    if not _HEAD.size <= len(datagram) <= LONGEST_PACKET_BYTES:
        raise RemoteProtocolError(f"SCTP packet of {len(datagram)} bytes")
    source, target, tag, _ = _HEAD.unpack_from(datagram)
    (checksum,) = _CHECKSUM.unpack_from(datagram, 8)
    if crc32c(datagram[:8] + bytes(4) + datagram[12:]) != checksum:
        raise RemoteProtocolError("SCTP packet with a wrong checksum")
    chunks: list[Chunk] = []
    at = _HEAD.size
    while at < len(datagram):
        if at + _CHUNK.size > len(datagram) or len(chunks) == MOST_CHUNKS:
            raise RemoteProtocolError("SCTP packet that ends inside a chunk, or has too many")
        kind, flags, length = _CHUNK.unpack_from(datagram, at)
        if length < _CHUNK.size or at + length > len(datagram):
            raise RemoteProtocolError("SCTP chunk of an impossible length")
        chunks.append(Chunk(kind, flags, datagram[at + _CHUNK.size : at + length]))
        at += length + -length % 4
    return SctpPacket(source, target, tag, tuple(chunks))


def parse_data(chunk: Chunk) -> Data:
    """Read a DATA chunk.

    Raises RemoteProtocolError when it carries nothing.
    """
    if len(chunk.body) <= _DATA.size:
        raise RemoteProtocolError("SCTP data without data")
    tsn, stream, sequence, protocol = _DATA.unpack_from(chunk.body)
    return Data(tsn, stream, sequence, protocol, chunk.body[_DATA.size :], chunk.flags)


def parse_sack(chunk: Chunk) -> Sack:
    """Read a SACK chunk.

    Raises RemoteProtocolError when it is shorter than it says.
    """
    if len(chunk.body) < _SACK.size:
        raise RemoteProtocolError("SCTP acknowledgement that is too short")
    tsn, window, gap_count, _ = _SACK.unpack_from(chunk.body)
    end = _SACK.size + _GAP.size * gap_count
    if len(chunk.body) < end:
        raise RemoteProtocolError("SCTP acknowledgement shorter than its gaps")
    gaps = tuple((start, stop) for start, stop in _GAP.iter_unpack(chunk.body[_SACK.size : end]))
    return Sack(tsn, window, gaps)


def parse_init(chunk: Chunk) -> Init:
    """Read an INIT or INIT ACK chunk with its cookie; other parameters are passed over.

    Raises RemoteProtocolError when it is malformed, or its tag is 0 (section 3.3.2).
    """
    if len(chunk.body) < _INIT.size:
        raise RemoteProtocolError("SCTP set-up that is too short")
    tag, window, _, _, first_tsn = _INIT.unpack_from(chunk.body)
    if not tag:
        raise RemoteProtocolError("SCTP set-up with the tag 0")
    at, cookie = _INIT.size, b""
    while at + _PARAMETER.size <= len(chunk.body):
        kind, length = _PARAMETER.unpack_from(chunk.body, at)
        if length < _PARAMETER.size or at + length > len(chunk.body):
            raise RemoteProtocolError("SCTP parameter of an impossible length")
        if kind == _STATE_COOKIE:
            cookie = chunk.body[at + _PARAMETER.size : at + length]
        at += length + -length % 4
    return Init(tag, window, first_tsn, cookie)


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # noqa: PLW2901  # the usual way to say it
        table.append(value)
    return tuple(table)


_TABLE: Final = _crc_table()


def crc32c(content: bytes) -> int:
    """Work out the Castagnoli checksum (RFC 9260 appendix A)."""
    checksum = 0xFFFF_FFFF
    for byte in content:
        checksum = checksum >> 8 ^ _TABLE[(checksum ^ byte) & 0xFF]
    return checksum ^ 0xFFFF_FFFF
