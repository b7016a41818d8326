"""STUN messages to and from bytes (RFC 8489), with the attributes of ICE (RFC 8445) and TURN (RFC 8656)."""

import hmac
import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from linegram.errors import RemoteProtocolError

COOKIE: Final = 0x2112A442
TRANSACTION_BYTES: Final = 12
_HEAD: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_INTEGRITY_BYTES: Final = 20
_FINGERPRINT_MASK: Final = 0x5354554E
_LONGEST_BYTES: Final = 1500


class Kind(IntEnum):
    """The message types that ICE's checks are made of."""

    REQUEST = 0x0001
    INDICATION = 0x0011
    SUCCESS = 0x0101
    ERROR = 0x0111


class Attribute(IntEnum):
    """The attributes that we read or write."""

    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    CHANNEL_NUMBER = 0x000C
    LIFETIME = 0x000D
    XOR_PEER_ADDRESS = 0x0012
    DATA = 0x0013
    REALM = 0x0014
    NONCE = 0x0015
    XOR_RELAYED_ADDRESS = 0x0016
    REQUESTED_TRANSPORT = 0x0019
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A


class Address(NamedTuple):
    """Where a datagram comes from or goes to."""

    ip: str
    port: int


class StunMessage(NamedTuple):
    """One message; `signed` is what its integrity covers, empty when it has none."""

    kind: int
    transaction: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()
    signed: bytes = b""

    def find(self, kind: Attribute) -> bytes | None:
        """Return the first attribute of a kind, None without one."""
        return next((content for one, content in self.attributes if one == kind), None)

    def is_genuine(self, password: str | bytes) -> bool:
        """Say whether the message was signed with a password (section 9.1.3) or a key made of one (9.2.2)."""
        found = self.find(Attribute.MESSAGE_INTEGRITY)
        return (
            bool(self.signed)
            and found is not None
            and hmac.compare_digest(found, _sign(self.signed, password))
        )

    def serialise(self, password: str | bytes | None) -> bytes:
        """Write the message, signed with a password or key unless there is none, and with a fingerprint."""
        body = b"".join(_written(kind, content) for kind, content in self.attributes)
        if password is not None:
            to_sign = self._head(len(body) + 4 + _INTEGRITY_BYTES) + body
            body += _written(Attribute.MESSAGE_INTEGRITY, _sign(to_sign, password))
        checked = self._head(len(body) + 8) + body
        return checked + _written(Attribute.FINGERPRINT, struct.pack("!I", _fingerprint(checked)))

    def _head(self, length: int) -> bytes:
        return _HEAD.pack(self.kind, length, COOKIE, self.transaction)


def parse_stun(datagram: bytes) -> StunMessage:
    """Read one message; attributes behind its integrity are not believed (section 14.5).

    Raises RemoteProtocolError for anything that is none, a wrong fingerprint included.
    """
    if not _HEAD.size <= len(datagram) <= _LONGEST_BYTES:
        raise RemoteProtocolError(f"STUN message of {len(datagram)} bytes")
    kind, length, cookie, transaction = _HEAD.unpack_from(datagram)
    if cookie != COOKIE or kind & 0xC000 or length % 4 or _HEAD.size + length != len(datagram):
        raise RemoteProtocolError("not a STUN message")
    attributes: list[tuple[int, bytes]] = []
    signed = b""
    for at, attribute, content in _attributes(datagram):
        if attribute == Attribute.FINGERPRINT:
            if content != struct.pack("!I", _fingerprint(datagram[:at])):
                raise RemoteProtocolError("STUN message with a wrong fingerprint")
            break
        if signed:
            continue
        attributes.append((attribute, content))
        if attribute == Attribute.MESSAGE_INTEGRITY:
            signed = _HEAD.pack(kind, at + 4 + _INTEGRITY_BYTES - _HEAD.size, cookie, transaction)
            signed += datagram[_HEAD.size : at]
    return StunMessage(kind, transaction, tuple(attributes), signed)


def xor_address(address: Address, transaction: bytes) -> bytes:
    """Write an address as the attribute that no NAT recognises (section 14.2)."""
    ip = ip_address(address.ip)
    mask = struct.pack("!I", COOKIE) + transaction
    family = 1 if ip.version == 4 else 2
    masked = bytes(one ^ other for one, other in zip(ip.packed, mask, strict=False))
    return struct.pack("!BBH", 0, family, address.port ^ COOKIE >> 16) + masked


def read_xor_address(content: bytes, transaction: bytes) -> Address:
    """Read such an address.

    Raises RemoteProtocolError when it is of no known family or length.
    """
    if len(content) not in (8, 20):
        raise RemoteProtocolError("STUN address of an impossible length")
    mask = struct.pack("!I", COOKIE) + transaction
    packed = bytes(one ^ other for one, other in zip(content[4:], mask, strict=False))
    ip = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    (port,) = struct.unpack_from("!H", content, 2)
    return Address(str(ip), port ^ COOKIE >> 16)


def read_error_code(content: bytes) -> int:
    """Read the number of an error answer (section 14.8).

    Raises RemoteProtocolError for anything but 300 to 699.
    """
    if len(content) < 4 or not 3 <= content[2] & 7 <= 6 or content[3] > 99:
        raise RemoteProtocolError("STUN error that is no number")
    return (content[2] & 7) * 100 + content[3]


def _attributes(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = _HEAD.size
    while at < len(datagram):
        kind, length = _ATTRIBUTE.unpack_from(datagram, at)
        end = at + _ATTRIBUTE.size + length
        if end > len(datagram):
            raise RemoteProtocolError("STUN message that ends inside an attribute")
        yield at, kind, datagram[at + _ATTRIBUTE.size : end]
        at = end + -length % 4


def _written(kind: int, content: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(content)) + content + bytes(-len(content) % 4)


def _sign(text: bytes, password: str | bytes) -> bytes:
    key = password.encode() if isinstance(password, str) else password
    return hmac.digest(key, text, "sha1")


def _fingerprint(text: bytes) -> int:
    return zlib.crc32(text) ^ _FINGERPRINT_MASK
