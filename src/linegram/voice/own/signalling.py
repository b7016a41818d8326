"""Signalling of one call: packets of whichever version in and out, messages out and in. Pure."""

from collections.abc import Callable
from typing import Final, Protocol

import structlog

from linegram.errors import RemoteProtocolError
from linegram.voice.own.acked_framing import AckedFraming
from linegram.voice.own.box import Box
from linegram.voice.own.messages import MediaState, Message, NegotiateChannels, read_message, write_message
from linegram.voice.own.negotiation import Negotiation
from linegram.voice.own.sctp_framing import SctpFraming

log = structlog.get_logger()

ACKED_VERSIONS: Final = ("8.0.0", "9.0.0")
SCTP_VERSIONS: Final = ("12.0.0", "13.0.0")


def version_of(versions: tuple[str, ...]) -> str | None:
    """Choose the first agreed version that we speak, None without any."""
    return next((one for one in versions if one in (*ACKED_VERSIONS, *SCTP_VERSIONS)), None)


class Framing(Protocol):
    """How messages travel in a version."""

    def send(self, message: bytes, now: float) -> None:
        """Send a message."""

    def receive(self, packet: bytes, now: float) -> list[tuple[int, bytes]]:
        """Take a packet in and return messages with their places in order; raises RemoteProtocolError."""

    def handle_timer(self, now: float) -> None:
        """Send again what is overdue."""

    def next_packet(self) -> bytes | None:
        """Return the next packet to send, or None."""


class BoxedAckedFraming:
    """Versions 8 and 9: the packets of `AckedFraming`, sealed."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._framing = AckedFraming()

    def send(self, message: bytes, now: float) -> None:
        """Send a message."""
        self._framing.send(message, now)

    def receive(self, packet: bytes, _now: float) -> list[tuple[int, bytes]]:
        """Take a packet in; the next one out acknowledges what came.

        Raises RemoteProtocolError when it is malformed or not of this call.
        """
        return self._framing.receive(self._box.open(packet))

    def handle_timer(self, now: float) -> None:
        """Send again what is overdue."""
        self._framing.handle_timer(now)

    def next_packet(self) -> bytes | None:
        """Return the next packet to send, or None."""
        plain = self._framing.next_packet()
        return None if plain is None else self._box.seal(plain)


def open_framing(version: str, box: Box, random: Callable[[], float], now: float) -> Framing:
    """Begin the framing of a version."""
    return BoxedAckedFraming(box) if version in ACKED_VERSIONS else SctpFraming(box, random, now)


class Signalling:
    """One end of a call's signalling; offers and answers are handled inside."""

    def __init__(self, framing: Framing, negotiation: Negotiation) -> None:
        self._framing = framing
        self.negotiation = negotiation
        self._state_order = 0

    def start(self, now: float) -> None:
        """Begin to negotiate."""
        self.negotiation.start(now)
        self._send_negotiated(now)

    def send(self, message: Message, now: float) -> None:
        """Send a message."""
        self._framing.send(write_message(message), now)

    def receive(self, packet: bytes, now: float) -> list[Message]:
        """Take a packet in and return what it says, offers and answers left out.

        Raises RemoteProtocolError when the packet is malformed; a malformed message in it is passed over.
        """
        found: list[Message] = []
        for order, text in self._framing.receive(packet, now):
            try:
                message = read_message(text)
            except RemoteProtocolError as error:
                log.info("voice_message_malformed", reason=str(error)[:200])
                continue
            if isinstance(message, NegotiateChannels):
                self.negotiation.receive(message, order, now)
            elif message is not None and self._is_current(message, order):
                found.append(message)
        self._send_negotiated(now)
        return found

    def handle_timer(self, now: float) -> None:
        """Do what time asks for."""
        self.negotiation.handle_timer(now)
        self._send_negotiated(now)
        self._framing.handle_timer(now)

    def offer_again(self, now: float) -> None:
        """Negotiate once more with a far end that is connected and yet unheard."""
        self.negotiation.offer_again(now)
        self._send_negotiated(now)

    def next_packet(self) -> bytes | None:
        """Return the next packet for the far end, or None."""
        return self._framing.next_packet()

    def _is_current(self, message: Message, order: int) -> bool:
        """Say no to a state of the far end that it has changed since: versions 8 and 9 shuffle."""
        if not isinstance(message, MediaState):
            return True
        is_newer, self._state_order = order > self._state_order, max(order, self._state_order)
        return is_newer

    def _send_negotiated(self, now: float) -> None:
        while (message := self.negotiation.next_message()) is not None:
            self.send(message, now)
