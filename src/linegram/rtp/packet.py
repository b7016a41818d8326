"""RTP packets to and from bytes (RFC 3550 section 5.1)."""

import struct
from typing import Final, NamedTuple

from linegram.errors import RemoteProtocolError

_FIXED: Final = struct.Struct("!BBHII")
_EXTENSION: Final = struct.Struct("!HH")
_VERSION_2: Final = 0x80
_PADDING: Final = 0x20
_EXTENDED: Final = 0x10
_MARKER: Final = 0x80


class HeaderExtension(NamedTuple):
    """The one header extension a packet may have (RFC 3550 section 5.3.1); whole 32-bit words."""

    profile: int
    content: bytes


class RtpPacket(NamedTuple):
    """One packet. A tuple, not a dataclass: thousands are made each second."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: HeaderExtension | None = None
    padding_bytes: int = 0

    def serialise(self) -> bytes:
        """Write the packet as it goes on the wire."""
        if not (self.csrcs or self.extension or self.padding_bytes):
            second = self.payload_type | _MARKER if self.marker else self.payload_type
            return _FIXED.pack(_VERSION_2, second, self.sequence, self.timestamp, self.ssrc) + self.payload
        return self._serialise_unusual()

    def _serialise_unusual(self) -> bytes:
        first = _VERSION_2 | len(self.csrcs)
        parts = [b"", struct.pack(f"!{len(self.csrcs)}I", *self.csrcs)]
        if self.extension is not None:
            first |= _EXTENDED
            words = len(self.extension.content) // 4
            parts += [_EXTENSION.pack(self.extension.profile, words), self.extension.content]
        parts.append(self.payload)
        if self.padding_bytes:
            first |= _PADDING
            parts.append(bytes(self.padding_bytes - 1) + bytes((self.padding_bytes,)))
        second = self.payload_type | (_MARKER if self.marker else 0)
        parts[0] = _FIXED.pack(first, second, self.sequence, self.timestamp, self.ssrc)
        return b"".join(parts)


class PassedPacket(NamedTuple):
    """An audio packet on its way through.

    `sequence` is extended and without the numbers of packets that hold no audio; it compares only
    with others of the same `source`, and so does `timestamp`.
    """

    source: int
    sequence: int
    timestamp: int
    payload: bytes
    duration_ticks: int
    marker: bool = False


def is_rtcp(datagram: bytes) -> bool:
    """Tell RTCP from RTP on one port by the packet type (RFC 5761 section 4)."""
    return len(datagram) >= 2 and 192 <= datagram[1] <= 223


def parse_rtp(datagram: bytes) -> RtpPacket:
    """Read one RTP packet.

    Raises RemoteProtocolError for anything that is none.
    """
    if len(datagram) < _FIXED.size:
        raise RemoteProtocolError("RTP packet shorter than its header")
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(datagram)
    if first == _VERSION_2:
        return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, datagram[12:], second >= _MARKER)
    if first & 0xC0 != _VERSION_2:
        raise RemoteProtocolError(f"RTP version {first >> 6}, not 2")
    return _parse_unusual(
        datagram, RtpPacket(second & 0x7F, sequence, timestamp, ssrc, b"", second >= _MARKER)
    )


def _parse_unusual(datagram: bytes, head: RtpPacket) -> RtpPacket:
    """Read a packet with contributing sources, an extension or padding."""
    first = datagram[0]
    start = _FIXED.size + 4 * (first & 0x0F)
    if start > len(datagram):
        raise RemoteProtocolError("RTP packet ends inside its contributing sources")
    csrcs = struct.unpack_from(f"!{first & 0x0F}I", datagram, _FIXED.size)
    extension = None
    if first & _EXTENDED:
        extension, start = _parse_extension(datagram, start)
    padding = _padding_length(datagram, start) if first & _PADDING else 0
    return head._replace(
        payload=datagram[start : len(datagram) - padding],
        csrcs=csrcs,
        extension=extension,
        padding_bytes=padding,
    )


def _parse_extension(datagram: bytes, start: int) -> tuple[HeaderExtension, int]:
    if start + _EXTENSION.size > len(datagram):
        raise RemoteProtocolError("RTP packet ends before its header extension")
    profile, words = _EXTENSION.unpack_from(datagram, start)
    start += _EXTENSION.size
    end = start + 4 * words
    if end > len(datagram):
        raise RemoteProtocolError("RTP packet ends inside its header extension")
    return HeaderExtension(profile, datagram[start:end]), end


def _padding_length(datagram: bytes, start: int) -> int:
    padding = datagram[-1]
    if padding == 0 or start + padding > len(datagram):
        raise RemoteProtocolError("RTP padding longer than the packet or of no length")
    return padding
