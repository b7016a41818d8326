"""RTCP packets to and from bytes (RFC 3550 section 6)."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from linegram.errors import RemoteProtocolError
from linegram.rtp.extended_report import ReportedBlock, parse_blocks

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
SOURCE_DESCRIPTION: Final = 202
GOODBYE: Final = 203
EXTENDED_REPORT: Final = 207

_HEADER: Final = struct.Struct("!BBH")
_SENDER: Final = struct.Struct("!IQIII")
_BLOCK: Final = struct.Struct("!IIIIII")
_SSRC: Final = struct.Struct("!I")
_MAX_COUNT: Final = 31
_CNAME: Final = 1


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says about one source (section 6.4.1)."""

    ssrc: int
    fraction_lost: int
    packets_lost: int
    highest_sequence: int
    jitter_ticks: int
    last_report_ntp: int
    delay_since_last_report: int

    def serialise(self) -> bytes:
        """Write the 24 bytes of the block."""
        loss = self.fraction_lost << 24 | self.packets_lost & 0xFF_FFFF
        return _BLOCK.pack(
            self.ssrc,
            loss,
            self.highest_sequence,
            self.jitter_ticks,
            self.last_report_ntp,
            self.delay_since_last_report,
        )


@dataclass(frozen=True, slots=True)
class SenderReport:
    """Counts of a source that sends, with its wall clock (NTP format) and RTP clock at one instant."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets_sent: int
    bytes_sent: int
    blocks: tuple[ReportBlock, ...] = ()

    def serialise(self) -> bytes:
        """Write the packet."""
        sender = _SENDER.pack(self.ssrc, self.ntp, self.rtp_timestamp, self.packets_sent, self.bytes_sent)
        return _framed(SENDER_REPORT, len(self.blocks), sender + _serialise_blocks(self.blocks))


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """Report blocks of a source that does not send."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()

    def serialise(self) -> bytes:
        """Write the packet."""
        return _framed(
            RECEIVER_REPORT, len(self.blocks), _SSRC.pack(self.ssrc) + _serialise_blocks(self.blocks)
        )


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """Items of one source; CNAME is item 1 (section 6.5)."""

    ssrc: int
    items: tuple[tuple[int, bytes], ...]

    @classmethod
    def named(cls, ssrc: int, canonical_name: str) -> "SourceDescription":
        """Describe a source by its canonical name only."""
        return cls(ssrc, ((_CNAME, canonical_name.encode()[:255]),))

    def serialise(self) -> bytes:
        """Write a packet with this one chunk."""
        items = b"".join(bytes((kind, len(text))) + text for kind, text in self.items)
        chunk = _SSRC.pack(self.ssrc) + items
        return _framed(SOURCE_DESCRIPTION, 1, chunk + bytes(4 - len(chunk) % 4))


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Sources that leave (section 6.6)."""

    ssrcs: tuple[int, ...]
    reason: bytes = b""

    def serialise(self) -> bytes:
        """Write the packet."""
        reason = bytes((len(self.reason),)) + self.reason if self.reason else b""
        body = b"".join(_SSRC.pack(ssrc) for ssrc in self.ssrcs) + reason
        return _framed(GOODBYE, len(self.ssrcs), body + bytes(-len(body) % 4))


@dataclass(frozen=True, slots=True)
class ExtendedReport:
    """What a report block has no room for (RFC 3611 section 2)."""

    ssrc: int
    blocks: tuple[ReportedBlock, ...]
    reserved: int = 0

    def serialise(self) -> bytes:
        """Write the packet."""
        blocks = b"".join(block.serialise() for block in self.blocks)
        return _framed(EXTENDED_REPORT, self.reserved, _SSRC.pack(self.ssrc) + blocks)


@dataclass(frozen=True, slots=True)
class OtherRtcp:
    """A packet of a type that we do not speak (APP, feedback)."""

    packet_type: int
    count: int
    body: bytes

    def serialise(self) -> bytes:
        """Write the packet as it came."""
        return _framed(self.packet_type, self.count, self.body)


RtcpPacket: TypeAlias = (
    SenderReport | ReceiverReport | SourceDescription | Goodbye | ExtendedReport | OtherRtcp
)


def serialise_compound(packets: Iterable[RtcpPacket]) -> bytes:
    """Write several packets into one datagram; a report should come first (section 6.1)."""
    return b"".join(packet.serialise() for packet in packets)


def parse_compound(datagram: bytes) -> tuple[RtcpPacket, ...]:
    """Read every packet of one datagram: a compound, or one of reduced size without a report (RFC 5506).

    Raises RemoteProtocolError when any of it is malformed.
    """
    if not datagram:
        raise RemoteProtocolError("empty RTCP datagram")
    packets: list[RtcpPacket] = []
    start = 0
    while start < len(datagram):
        first, packet_type, end = _frame_at(datagram, start)
        body = datagram[start + _HEADER.size : end]
        if first & 0x20:
            body = _without_padding(body)
        packets += _parse_body(packet_type, first & 0x1F, body)
        start = end
    return tuple(packets)


def ntp_time(now: float) -> int:
    """Turn seconds into the 64-bit NTP format; any steady clock will do for round trips (section 4)."""
    return int(now * 4_294_967_296) & 0xFFFF_FFFF_FFFF_FFFF


def compact_ntp(ntp: int) -> int:
    """Take the middle 32 bits of an NTP time, as LSR carries them."""
    return ntp >> 16 & 0xFFFF_FFFF


def round_trip_s(block: ReportBlock, now: float) -> float | None:
    """Work out the round trip from what the peer echoed of our last report; None before it saw one."""
    if block.last_report_ntp == 0:
        return None
    elapsed = compact_ntp(ntp_time(now)) - block.last_report_ntp - block.delay_since_last_report
    trip = ((elapsed + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
    return max(0.0, trip / 65_536)


def _frame_at(datagram: bytes, start: int) -> tuple[int, int, int]:
    if start + _HEADER.size > len(datagram):
        raise RemoteProtocolError("RTCP packet shorter than its header")
    first, packet_type, words = _HEADER.unpack_from(datagram, start)
    end = start + 4 * (words + 1)
    if first >> 6 != 2:
        raise RemoteProtocolError(f"RTCP version {first >> 6}, not 2")
    if end > len(datagram):
        raise RemoteProtocolError("RTCP packet longer than its datagram")
    return first, packet_type, end


def _without_padding(body: bytes) -> bytes:
    if not body or not 0 < body[-1] <= len(body):
        raise RemoteProtocolError("RTCP padding longer than the packet or of no length")
    return body[: -body[-1]]


def _parse_body(packet_type: int, count: int, body: bytes) -> Sequence[RtcpPacket]:
    try:
        match packet_type:
            case 200:
                ssrc, ntp, timestamp, packets, sent = _SENDER.unpack_from(body)
                blocks = _parse_blocks(body, _SENDER.size, count)
                return (SenderReport(ssrc, ntp, timestamp, packets, sent, blocks),)
            case 201:
                return (ReceiverReport(_SSRC.unpack_from(body)[0], _parse_blocks(body, 4, count)),)
            case 202:
                return _parse_descriptions(body, count)
            case 203:
                return (_parse_goodbye(body, count),)
            case 207:
                return (ExtendedReport(_SSRC.unpack_from(body)[0], parse_blocks(body[4:]), count),)
    except (struct.error, IndexError):
        raise RemoteProtocolError(f"RTCP packet of type {packet_type} is cut off") from None
    return (OtherRtcp(packet_type, count, body),)


def _parse_blocks(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for index in range(count):
        ssrc, loss, highest, jitter, last, delay = _BLOCK.unpack_from(body, start + index * _BLOCK.size)
        lost = loss & 0xFF_FFFF
        signed = lost - 0x100_0000 if lost & 0x80_0000 else lost
        blocks.append(ReportBlock(ssrc, loss >> 24, signed, highest, jitter, last, delay))
    return tuple(blocks)


def _parse_descriptions(body: bytes, count: int) -> Sequence[SourceDescription]:
    chunks: list[SourceDescription] = []
    start = 0
    for _ in range(count):
        (ssrc,) = _SSRC.unpack_from(body, start)
        position = start + 4
        items: list[tuple[int, bytes]] = []
        while body[position]:
            kind, length = body[position], body[position + 1]
            text = body[position + 2 : position + 2 + length]
            if len(text) < length:
                raise RemoteProtocolError("RTCP source description ends inside an item")
            items.append((kind, text))
            position += 2 + length
        start = position + 4 - position % 4
        chunks.append(SourceDescription(ssrc, tuple(items)))
    return chunks


def _parse_goodbye(body: bytes, count: int) -> Goodbye:
    ssrcs = struct.unpack_from(f"!{count}I", body)
    rest = body[4 * count :]
    return Goodbye(ssrcs, rest[1 : 1 + rest[0]] if rest else b"")


def _serialise_blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(block.serialise() for block in blocks)


def _framed(packet_type: int, count: int, body: bytes) -> bytes:
    if count > _MAX_COUNT:
        raise ValueError("an RTCP packet holds at most 31 entries")
    return _HEADER.pack(0x80 | count, packet_type, len(body) // 4) + body
