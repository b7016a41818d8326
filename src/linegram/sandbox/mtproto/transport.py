"""The two TCP transports: Abridged and Full (core.telegram.org/mtproto/mtproto-transports)."""

import asyncio
import struct
from typing import Protocol
from zlib import crc32

from linegram.errors import RemoteProtocolError

ABRIDGED_TAG = b"\xef"
MAX_PACKET_BYTES = 2_000_000


class Framing(Protocol):
    """Cuts a byte stream into packets and back."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """Return the next packet; raises IncompleteReadError at the end of the stream."""

    def frame(self, packet: bytes) -> bytes:
        """Return a packet in its frame."""


class AbridgedFraming:
    """One length byte in words, or 0x7f and three."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """Return the next packet."""
        words = (await reader.readexactly(1))[0]
        if words == 0x7F:
            words = int.from_bytes(await reader.readexactly(3), "little")
        return await reader.readexactly(_checked(words * 4))

    def frame(self, packet: bytes) -> bytes:
        """Return a packet in its frame; errors are 4 bytes, everything is whole words."""
        words = len(packet) // 4
        header = bytes((words,)) if words < 0x7F else b"\x7f" + words.to_bytes(3, "little")
        return header + packet


class FullFraming:
    """Length, running number, packet, CRC-32. The first length bytes are read before this exists."""

    def __init__(self, first_bytes: bytes) -> None:
        self._head = first_bytes
        self._sent = 0

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """Return the next packet; raises RemoteProtocolError if its checksum is wrong."""
        head = self._head + await reader.readexactly(8 - len(self._head))
        self._head = b""
        length_bytes, _number = struct.unpack("<ii", head)
        if length_bytes < 12:
            raise RemoteProtocolError(f"impossible packet length {length_bytes}")
        body = await reader.readexactly(_checked(length_bytes - 8))
        if crc32(head + body[:-4]) != int.from_bytes(body[-4:], "little"):
            raise RemoteProtocolError("packet checksum is wrong")
        return body[:-4]

    def frame(self, packet: bytes) -> bytes:
        """Return a packet in its frame."""
        framed = struct.pack("<ii", len(packet) + 12, self._sent) + packet
        self._sent += 1
        return framed + struct.pack("<I", crc32(framed))


def _checked(length_bytes: int) -> int:
    if not 0 <= length_bytes <= MAX_PACKET_BYTES:
        raise RemoteProtocolError(f"impossible packet length {length_bytes}")
    return length_bytes


async def detect_framing(reader: asyncio.StreamReader) -> Framing:
    """Return the framing that the client's first byte announces."""
    first = await reader.readexactly(1)
    return AbridgedFraming() if first == ABRIDGED_TAG else FullFraming(first)
