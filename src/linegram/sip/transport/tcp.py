"""TCP connections: opened when there is something to send, accepted on a listener, cut into messages."""

import asyncio
import socket
from contextlib import suppress
from typing import Final, Protocol, cast

import structlog

from linegram.errors import ProtocolError
from linegram.sip.flow import Flow, TransportName
from linegram.sip.message import Request, Response
from linegram.sip.stream import Ping, Pong, StreamParser

_log = structlog.get_logger()

CONNECT_LIMIT_S: Final = 10.0
CLOSE_LIMIT_S: Final = 1.0
IDLE_LIMIT_S: Final = 900.0
MAX_ACCEPTED: Final = 1000
_MAX_WAITING_BYTES: Final = 1024 * 1024


class ConnectionUser(Protocol):
    """Who gets what arrives."""

    def on_message(self, message: Request | Response, flow: Flow) -> None:
        """Take one message."""

    def on_received(self) -> None:
        """Know that a batch of messages is complete."""

    def on_flow_lost(self, flow: Flow) -> None:
        """Know that a connection ended or could not be opened."""


class TcpConnections:
    """All connections of one endpoint, by flow."""

    def __init__(self, user: ConnectionUser, local_host: str) -> None:
        self._user = user
        self._local_host = local_host
        self._connections: dict[Flow, _Connection] = {}
        self._waiting: dict[Flow, bytearray] = {}
        self._openers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._accepted = 0
        self._is_closing = False
        self._changed = asyncio.Event()

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Accept connections; return the bound address. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self, None), host, port)
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    def send(self, data: bytes, flow: Flow) -> None:
        """Write to a connection, opening it first if it is one of ours."""
        connection = self._connections.get(flow)
        if connection is not None:
            connection.write(data)
        elif flow.connection == 0 and not self._is_closing:
            self._open_with(data, flow)
        else:
            _log.debug("sip_connection_gone", flow=str(flow))

    async def close(self) -> None:
        """Close everything."""
        self._is_closing = True
        for opener in self._openers:
            opener.cancel()
        await asyncio.gather(*self._openers, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections.values()):
            connection.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                while self._connections:
                    self._changed.clear()
                    await self._changed.wait()
        for connection in list(self._connections.values()):
            connection.abort()

    def add(self, connection: "_Connection", flow: Flow | None, peer: tuple[str, int]) -> Flow | None:
        """File a connection that is up; an accepted one gets its own number. None if there are too many."""
        if flow is None:
            if self._is_closing or len(self._connections) >= MAX_ACCEPTED:
                return None
            self._accepted += 1
            flow = Flow(TransportName.TCP, peer[0], peer[1], self._accepted)
        self._connections[flow] = connection
        return flow

    def remove(self, flow: Flow) -> None:
        """Forget a connection that ended."""
        is_known = self._connections.pop(flow, None) is not None
        self._changed.set()
        if is_known and not self._is_closing:
            self._user.on_flow_lost(flow)

    @property
    def user(self) -> ConnectionUser:
        """Who gets what arrives."""
        return self._user

    def _open_with(self, data: bytes, flow: Flow) -> None:
        waiting = self._waiting.get(flow)
        if waiting is not None:
            if len(waiting) + len(data) <= _MAX_WAITING_BYTES:
                waiting += data
            return
        self._waiting[flow] = bytearray(data)
        opener = asyncio.get_running_loop().create_task(self._open(flow), name=f"sip-connect {flow}")
        self._openers.add(opener)
        opener.add_done_callback(self._openers.discard)

    async def _open(self, flow: Flow) -> None:
        loop = asyncio.get_running_loop()
        local = None if self._local_host in {"0.0.0.0", "::"} else (self._local_host, 0)
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self, flow), flow.host, flow.port, local_addr=local
                )
        except (OSError, TimeoutError) as error:
            _log.info("sip_connect_failed", flow=str(flow), error=str(error) or "timeout")
            self._waiting.pop(flow, None)
            self._user.on_flow_lost(flow)
            return
        connection.write(bytes(self._waiting.pop(flow, b"")))


class _Connection(asyncio.Protocol):
    """One TCP connection, opened by us (`flow` known) or by a peer."""

    def __init__(self, connections: TcpConnections, flow: Flow | None) -> None:
        self._connections = connections
        self._flow = flow
        self._parser = StreamParser()
        self._transport: asyncio.Transport | None = None
        self._idle_check: asyncio.TimerHandle | None = None
        self._last_heard = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection into use."""
        self._transport = cast("asyncio.Transport", transport)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            with suppress(OSError):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peer = transport.get_extra_info("peername") or ("", 0)
        self._flow = self._connections.add(self, self._flow, (str(peer[0]), int(peer[1])))
        if self._flow is None:
            self._transport.abort()
        elif self._flow.connection:
            self._watch_idleness()

    def data_received(self, data: bytes) -> None:
        """Cut messages out of the stream; give up on a stream that has no frames any more."""
        if self._flow is None:
            return
        self._last_heard = asyncio.get_running_loop().time()
        self._parser.feed(data)
        while self._read_one(self._flow):
            pass
        self._connections.user.on_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end."""
        if self._idle_check is not None:
            self._idle_check.cancel()
        if self._flow is not None:
            _log.info("sip_connection_lost", flow=str(self._flow), error=str(exc or ""))
            self._connections.remove(self._flow)

    def write(self, data: bytes) -> None:
        """Send; a peer that reads nothing is dropped."""
        if self._transport is None or self._transport.is_closing() or not data:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _MAX_WAITING_BYTES:
            self._transport.abort()

    def close(self) -> None:
        """Close when all is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close without waiting for a peer that reads nothing."""
        if self._transport is not None:
            self._transport.abort()

    def _read_one(self, flow: Flow) -> bool:
        try:
            message = self._parser.next_message()
        except ProtocolError as error:
            _log.info("sip_stream_malformed", flow=str(flow), error=str(error))
            if self._parser.is_broken:
                self.close()
            return not self._parser.is_broken
        if isinstance(message, Ping):
            self.write(b"\r\n")
        elif message is not None and not isinstance(message, Pong):
            self._connections.user.on_message(message, flow)
        return message is not None

    def _watch_idleness(self) -> None:
        """Close an accepted connection on which nothing has come for long; ours are kept by keep-alives."""
        loop = asyncio.get_running_loop()
        if self._last_heard and loop.time() - self._last_heard >= IDLE_LIMIT_S:
            self.close()
            return
        self._last_heard = self._last_heard or loop.time()
        self._idle_check = loop.call_later(IDLE_LIMIT_S / 2, self._watch_idleness)
