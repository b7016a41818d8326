"""Values of single SDP lines: direction, connection, origin, rtpmap (RFC 8866). Know no whole description."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from linegram.errors import RemoteProtocolError

_RTPMAP: Final = re.compile(r"([0-9]{1,3}) +([^ /]+)/([0-9]{1,9})(?:/([0-9]{1,3}))? *").fullmatch


class Direction(Enum):
    """Which way a stream flows, seen from the side that wrote the description."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Tell whether the writer sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Tell whether the writer receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> "Direction":
        """Return the direction with these two halves."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE

    def answered_by(self, wish: "Direction") -> "Direction":
        """Return what a side that wishes `wish` answers to this direction (RFC 3264 section 6.1)."""
        return Direction.of(sends=wish.sends and self.receives, receives=wish.receives and self.sends)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where media shall be sent: `c=IN IP4 192.0.2.1`."""

    address: str
    family: str = "IP4"

    @classmethod
    def at(cls, address: str) -> Self:
        """Return the connection of an IPv4 or IPv6 address."""
        return cls(address, "IP6" if ":" in address else "IP4")

    @classmethod
    def parse(cls, value: str) -> Self:
        """Read the value of `c=`; a multicast scope (`/127`) is cut off."""
        parts = value.split()
        if len(parts) != 3 or parts[0].upper() != "IN" or parts[1].upper() not in ("IP4", "IP6"):
            raise RemoteProtocolError("malformed connection line")
        return cls(parts[2].partition("/")[0], parts[1].upper())

    def __str__(self) -> str:
        """Write the value of `c=`."""
        return f"IN {self.family} {self.address}"

    @property
    def is_hold(self) -> bool:
        """Tell whether this address means "do not send" (RFC 3264 section 8.4; `.invalid` for IPv6)."""
        return self.address in ("0.0.0.0", "::") or self.address.endswith(".invalid")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who wrote the description, and which version of it this is. Identifiers are digits as written."""

    username: str
    session_id: str
    version: str
    connection: Connection

    @classmethod
    def parse(cls, value: str) -> Self:
        """Read the value of `o=`; spaces inside the user name are tolerated."""
        parts = value.rsplit(None, 5)
        if len(parts) != 6:
            raise RemoteProtocolError("malformed origin line")
        return cls(parts[0], parts[1], parts[2], Connection.parse(" ".join(parts[3:])))

    def __str__(self) -> str:
        """Write the value of `o=`."""
        return f"{self.username} {self.session_id} {self.version} {self.connection}"


@dataclass(frozen=True, slots=True)
class RtpMap:
    """What a payload type stands for.

    `clock_hz` is the RTP clock: 8 000 for G722 although it samples at 16 000 (RFC 3551 section 4.5.2).
    """

    payload_type: int
    name: str
    clock_hz: int
    channels: int = 1

    @classmethod
    def parse(cls, value: str) -> Self | None:
        """Read the value of `a=rtpmap`; None if malformed: one bad codec must not cost the call."""
        match = _RTPMAP(value)
        if match is None or int(match[1]) > 127:
            return None
        return cls(int(match[1]), match[2], int(match[3]), int(match[4] or 1))

    def __str__(self) -> str:
        """Write the value of `a=rtpmap`."""
        channels = f"/{self.channels}" if self.channels != 1 else ""
        return f"{self.payload_type} {self.name}/{self.clock_hz}{channels}"


STATIC_PAYLOAD_TYPES: Final = {
    0: RtpMap(0, "PCMU", 8000),
    3: RtpMap(3, "GSM", 8000),
    4: RtpMap(4, "G723", 8000),
    8: RtpMap(8, "PCMA", 8000),
    9: RtpMap(9, "G722", 8000),
    13: RtpMap(13, "CN", 8000),
    15: RtpMap(15, "G728", 8000),
    18: RtpMap(18, "G729", 8000),
}
"""Payload types that need no rtpmap (RFC 3551 section 6)."""
