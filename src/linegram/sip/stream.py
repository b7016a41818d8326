"""Cuts messages out of a TCP or TLS stream (RFC 3261 section 18.3, keep-alives of RFC 5626 section 3.5.1)."""

import re
from dataclasses import dataclass
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.sip.message import MAX_MESSAGE_BYTES, Message, parse_datagram

_CONTENT_LENGTH: Final = re.compile(
    rb"\r\n(?:Content-Length|l)[ \t]*:[ \t]*([0-9]{1,9})[ \t]*(?=\r\n)", re.IGNORECASE
).findall


@dataclass(frozen=True, slots=True)
class Ping:
    """The peer asks whether the connection lives: answer with one CRLF."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The peer answered our ping, or sent an empty line."""


class StreamParser:
    """The receiving half of one connection.

    Framing is by Content-Length alone, so a stream that lies about it cannot be
    followed any further: close the connection when `is_broken`.
    """

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max_message_bytes = max_message_bytes
        self._buffer = bytearray()
        self._searched_bytes = 0
        self._message_bytes: int | None = None
        self.is_broken = False

    def feed(self, data: bytes) -> None:
        """Take what the connection has received."""
        self._buffer += data

    @property
    def is_waiting(self) -> bool:
        """Whether a message has begun to arrive and is not complete."""
        return bool(self._buffer)

    def next_message(self) -> Message | Ping | Pong | None:
        """Return the next whole message or keep-alive, None when more bytes are needed.

        Raises RemoteProtocolError: for one bad message, after which the stream goes
        on, or for lost framing, after which `is_broken` is set and every call raises.
        """
        frame = self.next_frame()
        return parse_datagram(frame) if isinstance(frame, bytes) else frame

    def next_frame(self) -> bytes | Ping | Pong | None:
        """Return the bytes of the next whole message, unread, or a keep-alive; None when more are needed.

        Raises RemoteProtocolError for lost framing, after which `is_broken` is set and every call raises.
        """
        if self.is_broken:
            raise RemoteProtocolError("stream framing was lost")
        if self._message_bytes is None:
            if self._buffer.startswith((b"\r", b"\n")):
                return self._take_keep_alive()
            self._message_bytes = self._find_size()
        if self._message_bytes is None or len(self._buffer) < self._message_bytes:
            return None
        message = bytes(self._buffer[: self._message_bytes])
        self._drop(self._message_bytes)
        return message

    def _take_keep_alive(self) -> Ping | Pong | None:
        if self._buffer.startswith(b"\r\n\r\n"):
            self._drop(4)
            return Ping()
        if self._buffer.startswith(b"\r\n") and self._buffer[2:] != b"\r":
            self._drop(2)
            return Pong()
        if b"\r\n\r\n".startswith(self._buffer):
            return None
        raise self._lose_framing("bare line end between messages")

    def _find_size(self) -> int | None:
        """Return the size of the message that the buffer begins with, once its header fields are complete."""
        end = self._buffer.find(b"\r\n\r\n", max(0, self._searched_bytes - 3), self._max_message_bytes)
        if end < 0:
            self._searched_bytes = len(self._buffer)
            if len(self._buffer) >= self._max_message_bytes:
                raise self._lose_framing("header fields too large", status_hint=513)
            return None
        lengths = _CONTENT_LENGTH(self._buffer, 0, end + 2)
        if len(lengths) != 1:
            raise self._lose_framing("exactly one Content-Length expected on a stream")
        size = end + 4 + int(lengths[0])
        if size > self._max_message_bytes:
            raise self._lose_framing("message too large", status_hint=513)
        return size

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._searched_bytes = 0
        self._message_bytes = None

    def _lose_framing(self, reason: str, *, status_hint: int = 400) -> RemoteProtocolError:
        self.is_broken = True
        self._buffer.clear()
        return RemoteProtocolError(reason, status_hint=status_hint)
