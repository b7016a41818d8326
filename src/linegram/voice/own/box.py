"""Encryption of one call's signalling with the call key. Pure.

Every packet has a key of its own, made from the call key and the packet's
plain text; the hash that goes into it also proves the packet genuine.
"""

import hmac
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from linegram.errors import RemoteProtocolError

KEY_BYTES: Final = 256
LONGEST_PACKET_BYTES: Final = 128 << 10
_SHORTEST_PACKET_BYTES: Final = 21
_HASH_BYTES: Final = 16
_FROM_CALLER, _FROM_CALLEE = 128, 136
"""Each direction uses another part of the call key."""


class Box:
    """Seals what we send and opens what the far end sent."""

    def __init__(self, call_key: bytes, *, is_outgoing: bool) -> None:
        """Take the call key of 256 bytes; `is_outgoing` says that we placed the call."""
        if len(call_key) != KEY_BYTES:
            raise ValueError(f"a call key has {KEY_BYTES} bytes, not {len(call_key)}")
        self._key = call_key
        ours, theirs = (_FROM_CALLER, _FROM_CALLEE) if is_outgoing else (_FROM_CALLEE, _FROM_CALLER)
        self._our_part, self._their_part = ours, theirs

    def seal(self, plain: bytes) -> bytes:
        """Encrypt one packet for the far end."""
        message_key = self._message_key(self._our_part, plain)
        return message_key + self._crypt(self._our_part, message_key, plain)

    def open(self, packet: bytes) -> bytes:
        """Decrypt one packet of the far end.

        Raises RemoteProtocolError when it was not sealed with this call's key by the far end.
        """
        if not _SHORTEST_PACKET_BYTES <= len(packet) <= LONGEST_PACKET_BYTES:
            raise RemoteProtocolError(f"signalling packet of {len(packet)} bytes")
        message_key = packet[:_HASH_BYTES]
        plain = self._crypt(self._their_part, message_key, packet[_HASH_BYTES:])
        if not hmac.compare_digest(message_key, self._message_key(self._their_part, plain)):
            raise RemoteProtocolError("signalling packet that is not of this call")
        return plain

    def _message_key(self, part: int, plain: bytes) -> bytes:
        return sha256(self._key[88 + part : 120 + part] + plain).digest()[8:24]

    def _crypt(self, part: int, message_key: bytes, text: bytes) -> bytes:
        """Encrypt or decrypt: with a counter cipher both are the same."""
        a = sha256(message_key + self._key[part : part + 36]).digest()
        b = sha256(self._key[40 + part : 76 + part] + message_key).digest()
        key = a[:8] + b[8:24] + a[24:32]
        start = b[:4] + a[8:16] + b[24:28]
        return Cipher(AES(key), CTR(start)).encryptor().update(text)
