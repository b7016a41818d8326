"""Asks a STUN server how the world sees one of our sockets, and keeps that way open (RFC 8489). Pure."""

from collections import deque
from collections.abc import Callable
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.stun import (
    Address,
    Attribute,
    Kind,
    StunMessage,
    parse_stun,
    read_xor_address,
)
from linegram.voice.own.ice.stun_request import StunRequest, new_transaction

KEEP_ALIVE_S: Final = 15.0
"""Home routers forget a UDP mapping after as little as 30 s (RFC 4787 section 4.3)."""


class StunProbe:
    """One socket and one server. `mapped` is the newest answer: look at it again, it may change in a call."""

    def __init__(self, server: Address, random: Callable[[], float], now: float) -> None:
        """Ask at once; `random` gives numbers from 0.0 up to 1.0."""
        self.server = server
        self.mapped: Address | None = None
        self.has_failed = False
        self._random = random
        self._out: deque[bytes] = deque()
        self._request: StunRequest | None = None
        self._transaction = b""
        self._ask_at = now
        self.handle_timer(now)

    @property
    def why(self) -> str:
        """Say in a sentence why there is no fresh answer; empty when there is one."""
        return (
            f"The STUN server {self.server.ip}:{self.server.port} does not answer." if self.has_failed else ""
        )

    def receive(self, datagram: bytes, now: float) -> None:
        """Take the server's answer.

        Raises RemoteProtocolError for anything else; nothing has changed then.
        """
        message = parse_stun(datagram)
        if self._request is None or message.transaction != self._transaction or message.kind != Kind.SUCCESS:
            raise RemoteProtocolError("not the answer of the STUN server")
        self.mapped = read_xor_address(message.find(Attribute.XOR_MAPPED_ADDRESS) or b"", message.transaction)
        self.has_failed = False
        self._request = None
        self._ask_at = now + KEEP_ALIVE_S

    def handle_timer(self, now: float) -> None:
        """Ask when it is time, and again while there is no answer; a server that is silent is tried anew."""
        if self._request is not None and self._request.is_unanswered(now):
            self.has_failed = True
            self._request = None
            self._ask_at = now + KEEP_ALIVE_S
        if self._request is None and now >= self._ask_at:
            self._transaction = new_transaction(self._random)
            message = StunMessage(Kind.REQUEST, self._transaction)
            self._request = StunRequest(message.serialise(None), now)
        if self._request is not None and (datagram := self._request.due(now)) is not None:
            self._out.append(datagram)

    def next_datagram(self) -> bytes | None:
        """Return the next datagram for the server, or None."""
        return self._out.popleft() if self._out else None
