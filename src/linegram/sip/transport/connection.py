"""One stream to or from a peer, TCP or TLS: cut into messages, watched for silence."""

import asyncio
import socket
from contextlib import suppress
from typing import Any, Final, Protocol, cast

import structlog

from linegram.errors import ProtocolError, UnavailableError
from linegram.sip.flow import Flow
from linegram.sip.stream import Ping, Pong, StreamParser

_log = structlog.get_logger()

MAX_WAITING_BYTES: Final = 1024 * 1024


class ConnectionOwner(Protocol):
    """Who keeps the connections and takes what arrives on them."""

    def add(self, connection: "Connection") -> Flow | None:
        """File a connection that is up; None if it is not wanted. Raises UnavailableError saying why not."""

    def remove(self, connection: "Connection", error: BaseException | None) -> None:
        """Forget a connection that ended."""

    def take_frame(self, frame: bytes, flow: Flow) -> bool:
        """Take the bytes of one message; False if whoever sent them is nobody we know."""

    def take_pong(self, flow: Flow) -> None:
        """Know that the peer answered a keep-alive."""

    def end_batch(self) -> None:
        """Know that what came together is complete."""


class Connection(asyncio.Protocol):
    """One connection, opened by us (`flow` given) or by a peer."""

    def __init__(self, owner: ConnectionOwner, flow: Flow | None) -> None:
        self._owner = owner
        self._parser = StreamParser()
        self._transport: asyncio.Transport | None = None
        self._reason: BaseException | None = None
        self.flow = flow
        self.opened_at = self.heard_at = asyncio.get_running_loop().time()
        self.waiting_since: float | None = None
        self.has_heard = False
        self.is_proven = flow is not None
        self.refusal: UnavailableError | None = None

    @property
    def peer(self) -> tuple[str, int]:
        """Address and port of the other end."""
        name = self._extra("peername") or ("", 0)
        return str(name[0]), int(name[1])

    @property
    def certificate(self) -> bytes | None:
        """The other end's certificate (DER); None without TLS."""
        tls = self._extra("ssl_object")
        return None if tls is None else cast("bytes | None", tls.getpeercert(binary_form=True))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection into use, if its owner wants it."""
        self._transport = cast("asyncio.Transport", transport)
        raw = self._extra("socket")
        if raw is not None:
            with suppress(OSError):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            self.flow = self._owner.add(self)
        except UnavailableError as error:
            self.refusal = error
            self.flow = None
        if self.flow is None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Cut messages out of the stream; give up on a stream that has no frames any more."""
        if self.flow is None:
            return
        self.has_heard = True
        self.heard_at = asyncio.get_running_loop().time()
        self._parser.feed(data)
        while self._read_one(self.flow):
            self.waiting_since = None
        if self._parser.is_waiting and self.waiting_since is None:
            self.waiting_since = self.heard_at
        self._owner.end_batch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end."""
        if self.flow is not None:
            self._owner.remove(self, self._reason or exc)

    def write(self, data: bytes) -> None:
        """Send; a peer that reads nothing is dropped."""
        if self._transport is None or self._transport.is_closing() or not data:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_WAITING_BYTES:
            self.abort(UnavailableError("the server reads nothing"))

    def close(self) -> None:
        """Close when all is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: BaseException | None = None) -> None:
        """Close without waiting for a peer that reads nothing."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def _extra(self, name: str) -> Any:
        return None if self._transport is None else self._transport.get_extra_info(name)

    def _read_one(self, flow: Flow) -> bool:
        try:
            frame = self._parser.next_frame()
        except ProtocolError as error:
            _log.debug("sip_stream_malformed", flow=str(flow), error=str(error))
            self._reason = UnavailableError(f"the peer does not speak SIP: {error}")
            self.close()
            return False
        if isinstance(frame, Ping):
            self.write(b"\r\n")
        elif isinstance(frame, Pong):
            self._owner.take_pong(flow)
        elif frame is not None:
            self._take_frame(frame, flow)
        return frame is not None

    def _take_frame(self, frame: bytes, flow: Flow) -> None:
        """A peer that connected to us must show by its first message that it knows us."""
        if self._owner.take_frame(frame, flow):
            self.is_proven = True
        elif not self.is_proven:
            self.abort()
