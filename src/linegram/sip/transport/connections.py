"""All TCP and TLS connections of one endpoint: opened when there is something to send, or accepted."""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

import structlog

from linegram.errors import UnavailableError
from linegram.sip.flow import Flow, TransportName
from linegram.sip.transport.connection import MAX_WAITING_BYTES, Connection
from linegram.sip.transport.tls import (
    HANDSHAKE_LIMIT_S,
    HUNG_UP,
    HUNG_UP_AFTER_HANDSHAKE,
    TlsContexts,
    check_pin,
    sentence_of,
)

_log = structlog.get_logger()

CONNECT_LIMIT_S: Final = 10.0
CLOSE_LIMIT_S: Final = 1.0
_WILDCARDS: Final = frozenset({"", "0.0.0.0", "::"})


class ConnectionLimits(NamedTuple):
    """What peers may take of us. A message must be complete, and a stranger's first one there, in time."""

    accepted: int = 1000
    accepted_per_host: int = 50
    message_s: float = 10.0
    idle_s: float = 900.0
    sweep_s: float = 5.0


class ConnectionUser(Protocol):
    """Who gets what arrives."""

    def on_frame(self, frame: bytes, flow: Flow) -> bool:
        """Take the bytes of one message; False if whoever sent them is nobody we know."""

    def on_pong(self, flow: Flow) -> None:
        """Know that the peer answered a keep-alive."""

    def on_received(self) -> None:
        """Know that a batch of messages is complete."""

    def on_flow_lost(self, flow: Flow, reason: str) -> None:
        """Know that a connection ended or could not be opened, and why."""


class Connections:
    """All connections of one endpoint, by flow."""

    def __init__(
        self, user: ConnectionUser, local_hosts: tuple[str, ...], limits: ConnectionLimits | None = None
    ) -> None:
        """`local_hosts` are the addresses to connect from; a wildcard leaves that to the system."""
        self._user = user
        self._local_hosts = local_hosts
        self._limits = limits or ConnectionLimits()
        self._contexts = TlsContexts()
        self._connections: dict[Flow, Connection] = {}
        self._waiting: dict[Flow, bytearray] = {}
        self._openers: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._accepted = 0
        self._hosts: Counter[str] = Counter()
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._changed = asyncio.Event()

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Accept connections; return the bound address. Raises OSError."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self, None), host, port)
        self._servers.append(server)
        name = server.sockets[0].getsockname()
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

    def drop(self, flow: Flow, reason: str) -> None:
        """End a connection that has proven dead; the next message opens another."""
        connection = self._connections.get(flow)
        if connection is not None:
            connection.abort(UnavailableError(reason))

    async def close(self) -> None:
        """Close everything."""
        self._is_closing = True
        if self._sweep is not None:
            self._sweep.cancel()
        for opener in self._openers:
            opener.cancel()
        await asyncio.gather(*self._openers, return_exceptions=True)
        for server in self._servers:
            server.close()
        for connection in list(self._connections.values()):
            connection.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                while self._connections:
                    self._changed.clear()
                    await self._changed.wait()
        for connection in list(self._connections.values()):
            connection.abort()

    def add(self, connection: Connection) -> Flow | None:
        """File a connection that is up; an accepted one gets its own number. None if there are too many."""
        flow = connection.flow
        if flow is not None:
            check_pin(connection.certificate, flow.tls)
        elif (flow := self._number(connection)) is None:
            return None
        self._connections[flow] = connection
        self._watch()
        return flow

    def remove(self, connection: Connection, error: BaseException | None) -> None:
        """Forget a connection that ended."""
        flow = connection.flow
        if flow is None or self._connections.pop(flow, None) is None:
            return
        if flow.connection:
            self._hosts[flow.host] -= 1
            self._hosts += Counter()
        self._changed.set()
        if self._is_closing:
            return
        reason = sentence_of(error, flow.server_name)
        if flow.transport is TransportName.TLS and not connection.has_heard and reason == HUNG_UP:
            reason = HUNG_UP_AFTER_HANDSHAKE
        if connection.is_proven:
            _log.info("sip_connection_lost", flow=str(flow), reason=reason)
        self._user.on_flow_lost(flow, reason)

    def take_frame(self, frame: bytes, flow: Flow) -> bool:
        """Hand up the bytes of one message."""
        return self._user.on_frame(frame, flow)

    def take_pong(self, flow: Flow) -> None:
        """Hand up that a peer answered a keep-alive."""
        self._user.on_pong(flow)

    def end_batch(self) -> None:
        """Hand up that what came together is complete."""
        self._user.on_received()

    def _number(self, connection: Connection) -> Flow | None:
        host, port = connection.peer
        is_full = self._hosts.total() >= self._limits.accepted
        if self._is_closing or is_full or self._hosts[host] >= self._limits.accepted_per_host:
            return None
        self._accepted += 1
        self._hosts[host] += 1
        return Flow(TransportName.TCP, host, port, self._accepted)

    def _open_with(self, data: bytes, flow: Flow) -> None:
        waiting = self._waiting.get(flow)
        if waiting is not None:
            if len(waiting) + len(data) <= MAX_WAITING_BYTES:
                waiting += data
            return
        self._waiting[flow] = bytearray(data)
        opener = asyncio.get_running_loop().create_task(self._open(flow), name=f"sip-connect {flow}")
        self._openers.add(opener)
        opener.add_done_callback(self._openers.discard)

    async def _open(self, flow: Flow) -> None:
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                connection = await self._connect(flow)
        except (OSError, TimeoutError, UnavailableError) as error:
            reason = sentence_of(error, flow.server_name)
            _log.info("sip_connect_failed", flow=str(flow), reason=reason)
            self._waiting.pop(flow, None)
            self._user.on_flow_lost(flow, reason)
            return
        connection.write(bytes(self._waiting.pop(flow, b"")))

    async def _connect(self, flow: Flow) -> Connection:
        is_tls = flow.transport is TransportName.TLS
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self, flow),
            flow.host,
            flow.port,
            local_addr=self._local_address(flow.host),
            ssl=self._contexts.of(flow.tls) if is_tls else None,
            server_hostname=(flow.server_name or flow.host) if is_tls else None,
            ssl_handshake_timeout=HANDSHAKE_LIMIT_S if is_tls else None,
        )
        if connection.refusal is not None:
            raise connection.refusal
        return connection

    def _local_address(self, host: str) -> tuple[str, int] | None:
        fitting = (ours for ours in self._local_hosts if (":" in ours) == (":" in host))
        ours = next(fitting, "")
        return None if ours in _WILDCARDS else (ours, 0)

    def _watch(self) -> None:
        if self._sweep is None and not self._is_closing:
            self._sweep = asyncio.get_running_loop().call_later(self._limits.sweep_s, self._end_overdue)

    def _end_overdue(self) -> None:
        """Drop strangers that say nothing, messages that never end, and accepted connections that idle."""
        self._sweep = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._connections.values()):
            if self._is_overdue(connection, now):
                connection.abort(UnavailableError("the peer took too long"))
        if self._connections:
            self._watch()

    def _is_overdue(self, connection: Connection, now: float) -> bool:
        limits = self._limits
        if connection.waiting_since is not None and now - connection.waiting_since >= limits.message_s:
            return True
        if not connection.is_proven:
            return now - connection.opened_at >= limits.message_s
        is_accepted = connection.flow is not None and connection.flow.connection > 0
        return is_accepted and now - connection.heard_at >= limits.idle_s
