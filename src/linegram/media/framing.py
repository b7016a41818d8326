"""Messages on a byte stream: four bytes of length, then msgpack. Knows no socket."""

import struct
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

import msgspec

from linegram.errors import RemoteProtocolError

_LENGTH: Final = struct.Struct("!I")
_LONGEST: Final = 1 << 20

_Message = TypeVar("_Message")


def pack(message: msgspec.Struct) -> bytes:
    """Write one message with its length in front."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


class Unpacker(Generic[_Message]):
    """Finds messages of one type in the bytes of a stream, however they are cut."""

    def __init__(self, message_type: object) -> None:
        self._decoder: msgspec.msgpack.Decoder[_Message] = msgspec.msgpack.Decoder(message_type)
        self._buffer = bytearray()

    def feed(self, received: bytes) -> Iterator[_Message]:
        """Take bytes and give every message that is complete now.

        Raises RemoteProtocolError when the stream holds anything else.
        """
        self._buffer += received
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > _LONGEST:
                raise RemoteProtocolError(f"a message of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield self._decode(body)

    def _decode(self, body: bytes) -> _Message:
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise RemoteProtocolError(f"not a message: {error}") from error
