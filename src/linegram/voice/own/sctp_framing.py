"""Framing of versions 12 and 13: sealed messages over an SCTP association in clear. Pure.

Order and repetition are the association's business; a message is a counter
and packed JSON, sealed with the call key.
"""

import struct
from collections.abc import Callable
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.voice.own.acked_framing import SeenWindow
from linegram.voice.own.box import Box
from linegram.voice.own.inflate import deflate, inflate
from linegram.voice.own.sctp.association import Association, State

_COUNTER: Final = struct.Struct("!I")
_STREAM: Final = 0
_BINARY: Final = 53
"""The payload protocol of WebRTC's binary messages (RFC 8831 section 8)."""


class SctpFraming:
    """One end of the signalling of a call: messages in and out, packets out and in."""

    def __init__(self, box: Box, random: Callable[[], float], now: float) -> None:
        """Begin the association at once, so that both ends meet early."""
        self._box = box
        self._association = Association(random)
        self._association.connect(now)
        self._counter = 0
        self._seen = SeenWindow()

    @property
    def is_up(self) -> bool:
        """The association is established."""
        return self._association.state is State.ESTABLISHED

    def send(self, message: bytes, now: float) -> None:
        """Send a message, or keep it until the association is up.

        Raises LocalProtocolError when it is longer than any of ours may be.
        """
        self._counter += 1
        sealed = self._box.seal(_COUNTER.pack(self._counter) + deflate(message))
        self._association.send(_STREAM, _BINARY, sealed, now)

    def receive(self, packet: bytes, now: float) -> list[tuple[int, bytes]]:
        """Take a packet in and return the messages that are whole now, each with its place in their order.

        Raises RemoteProtocolError when the packet is malformed, or all that it completes is.
        """
        self._association.receive(packet, now)
        found: list[tuple[int, bytes]] = []
        broken: RemoteProtocolError | None = None
        while (message := self._association.next_message()) is not None:
            try:
                found += self._open(message.payload)
            except RemoteProtocolError as error:
                broken = error
        if broken is not None and not found:
            raise broken
        return found

    def handle_timer(self, now: float) -> None:
        """Send again what is overdue."""
        self._association.handle_timer(now)

    def next_packet(self) -> bytes | None:
        """Return the next packet to send, or None."""
        return self._association.next_packet()

    def _open(self, sealed: bytes) -> list[tuple[int, bytes]]:
        plain = self._box.open(sealed)
        (counter,) = _COUNTER.unpack_from(plain)
        if self._seen.has(counter):
            return []
        self._seen.add(counter)
        return [(counter, inflate(plain[_COUNTER.size :]))]
