"""Packets on a stream: each behind its length, four bytes, little-endian. Pure."""

import struct
from typing import Final

from linegram.errors import RemoteProtocolError

GREETING: Final = b"\xee" * 4
"""What the end that connects says before its first packet."""

LONGEST_PACKET_BYTES: Final = 2048
_LENGTH: Final = struct.Struct("<I")


def frame(packet: bytes) -> bytes:
    """Write a packet as it goes over a stream."""
    return _LENGTH.pack(len(packet)) + packet


class FrameReader:
    """Cuts a stream into packets, whatever pieces it comes in."""

    def __init__(self) -> None:
        self._held = bytearray()

    def receive(self, piece: bytes) -> list[bytes]:
        """Take in a piece and return the packets that are whole now.

        Raises RemoteProtocolError for a packet longer than is sane: then nothing more can be read.
        """
        self._held += piece
        packets: list[bytes] = []
        at = 0
        while len(self._held) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._held, at)
            if length > LONGEST_PACKET_BYTES:
                raise RemoteProtocolError(f"a packet of {length} bytes on a stream")
            end = at + _LENGTH.size + length
            if end > len(self._held):
                break
            packets.append(bytes(self._held[at + _LENGTH.size : end]))
            at = end
        del self._held[:at]
        return packets
