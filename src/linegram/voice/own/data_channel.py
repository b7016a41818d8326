"""The call's one data channel: SCTP with the opening of RFC 8832. Pure; DTLS carries its packets."""

import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from linegram.voice.own.sctp.association import Association, State
from linegram.voice.own.sctp.inbox import SctpMessage

_CONTROL, _TEXT, _BINARY = 50, 51, 53
_OPEN, _ACK = 3, 2
_OPEN_HEAD: Final = struct.Struct("!BBHIHH")
_LABEL: Final = b"data"
_OUR_STREAM: Final = 0
_MOST_WAITING: Final = 16
MOST_CHANNELS: Final = 8
"""Real ends open one."""

_PACKET_BYTES: Final = 1100
"""A packet has to fit in a DTLS record in a datagram."""


class DataChannel:
    """Texts in order, both ways. The caller opens the channel; texts wait until it is open."""

    def __init__(self, random: Callable[[], float], now: float, *, is_opener: bool) -> None:
        """Begin the association at once."""
        self._association = Association(random, packet_bytes=_PACKET_BYTES)
        self._association.connect(now)
        self._stream = _OUR_STREAM if is_opener else None
        self._opened: set[int] = set()
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)
        if is_opener:
            opening = _OPEN_HEAD.pack(_OPEN, 0, 0, 0, len(_LABEL), 0) + _LABEL
            self._association.send(_OUR_STREAM, _CONTROL, opening, now)

    @property
    def is_ended(self) -> bool:
        """The far end has closed the association."""
        return self._association.state is State.ENDED

    def send(self, text: bytes, now: float) -> None:
        """Send a text, or keep it until the channel is open."""
        if self._stream is None:
            self._waiting.append(text)
        else:
            self._association.send(self._stream, _TEXT, text, now)

    def receive(self, packet: bytes, now: float) -> list[bytes]:
        """Take a packet in and return the texts that are whole now.

        Raises RemoteProtocolError when it is malformed.
        """
        texts: list[bytes] = []
        self._association.receive(packet, now)
        while (message := self._association.next_message()) is not None:
            if message.protocol == _CONTROL:
                self._on_control(message, now)
            elif message.protocol in (_TEXT, _BINARY):
                texts.append(message.payload)
        return texts

    def handle_timer(self, now: float) -> None:
        """Send again what is overdue."""
        self._association.handle_timer(now)

    def next_packet(self) -> bytes | None:
        """Return the next packet to send, or None."""
        return self._association.next_packet()

    def _on_control(self, message: SctpMessage, now: float) -> None:
        """Accept the channel that the far end opens, whatever its label, and say what waits."""
        is_known = message.stream in self._opened
        if message.payload[0] != _OPEN or is_known or len(self._opened) >= MOST_CHANNELS:
            return
        self._opened.add(message.stream)
        self._association.send(message.stream, _CONTROL, bytes((_ACK,)), now)
        if self._stream is None:
            self._stream = message.stream
            while self._waiting:
                self._association.send(self._stream, _TEXT, self._waiting.popleft(), now)
