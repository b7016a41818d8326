"""Encrypted messages (core.telegram.org/mtproto/description): the outer shape, and the message ids."""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from telethon.crypto import AES, AuthKey
from telethon.extensions import BinaryReader
from telethon.network.mtprotostate import MTProtoState
from telethon.tl.core import GzipPacked

from linegram.errors import RemoteProtocolError

RPC_RESULT = 0xF35C6D01
VECTOR = 0x1CB5C415
BOOL_TRUE = 0x997275B5
BOOL_FALSE = 0xBC799737


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a client sent: its MTProto session, the message id, and the parsed TL object."""

    session_id: int
    msg_id: int
    content: Any


def open_envelope(auth_key: AuthKey, packet: bytes) -> Envelope:
    """Decrypt and parse a client's packet; raises RemoteProtocolError if the key does not fit."""
    if len(packet) < 56 or len(packet) % 16 != 8:
        raise RemoteProtocolError("no whole number of cipher blocks")
    msg_key = packet[8:24]
    aes_key, aes_iv = MTProtoState._calc_key(auth_key.key, msg_key, True)  # noqa: SLF001 - the one public place
    plain = AES.decrypt_ige(packet[24:], aes_key, aes_iv)
    if hashlib.sha256(auth_key.key[88:120] + plain).digest()[8:24] != msg_key:
        raise RemoteProtocolError("msg_key does not fit")
    _salt, session_id, msg_id, _seq_no, length_bytes = struct.unpack("<qqqii", plain[:32])
    return Envelope(session_id, msg_id, read_object(plain[32 : 32 + length_bytes]))


def read_object(raw: bytes) -> Any:
    """Parse one TL object, unpacked if it was gzipped; raises RemoteProtocolError if there is none."""
    try:
        with BinaryReader(raw) as reader:
            parsed = reader.tgread_object()
    except Exception as error:  # Telethon's parser raises many kinds
        raise RemoteProtocolError(f"no TL object: {type(error).__name__}") from error
    return read_object(parsed.data) if isinstance(parsed, GzipPacked) else parsed


def result_body(request_msg_id: int, result: Any) -> bytes:
    """Return an rpc_result with an object, a bool or a vector of objects."""
    return struct.pack("<Iq", RPC_RESULT, request_msg_id) + _serialise(result)


def _serialise(result: Any) -> bytes:
    if isinstance(result, bool):
        return struct.pack("<I", BOOL_TRUE if result else BOOL_FALSE)
    if isinstance(result, list):
        return struct.pack("<II", VECTOR, len(result)) + b"".join(bytes(item) for item in result)
    return bytes(result)


class EnvelopeWriter:
    """Encrypts what the server sends in one MTProto session and numbers it."""

    def __init__(
        self, auth_key: AuthKey, session_id: int, *, random: Random, now_s: Callable[[], float]
    ) -> None:
        self._auth_key = auth_key
        self._session_id = session_id
        self._random = random
        self._now_s = now_s
        self._last_msg_id = 0
        self._content_count = 0
        self.salt = random.getrandbits(63)

    def seal(self, body: bytes, *, is_answer: bool) -> bytes:
        """Return an encrypted packet. Message ids rise and end in 1 for answers, in 3 for pushes."""
        data = struct.pack(
            "<qqqii",
            self.salt,
            self._session_id,
            self._next_msg_id(1 if is_answer else 3),
            self._next_seq_no(),
            len(body),
        )
        plain = data + body
        plain += self._random.randbytes(-(len(plain) + 12) % 16 + 12)
        key = self._auth_key.key
        msg_key = hashlib.sha256(key[96:128] + plain).digest()[8:24]
        aes_key, aes_iv = MTProtoState._calc_key(key, msg_key, False)  # noqa: SLF001 - as above
        sealed: bytes = AES.encrypt_ige(plain, aes_key, aes_iv)
        return struct.pack("<Q", self._auth_key.key_id) + msg_key + sealed

    def _next_msg_id(self, low_bits: int) -> int:
        now = self._now_s()
        fresh = (int(now) << 32) | (int((now % 1) * 2**32) & ~3)
        self._last_msg_id = max(fresh, (self._last_msg_id & ~3) + 4) | low_bits
        return self._last_msg_id

    def _next_seq_no(self) -> int:
        self._content_count += 1
        return self._content_count * 2 - 1
