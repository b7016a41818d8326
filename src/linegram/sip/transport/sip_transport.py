"""Drives one endpoint with real sockets and one timer: sends what is pending, delivers events."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import structlog

from linegram.errors import ProtocolError
from linegram.sip.account import AccountConfig
from linegram.sip.context import EndpointConfig, RandomSource
from linegram.sip.endpoint import SipEndpoint
from linegram.sip.events import FlowFailed, SipEvent, TargetNeeded
from linegram.sip.flow import Flow, TransportName
from linegram.sip.message import parse_datagram
from linegram.sip.transport.connections import ConnectionLimits, Connections
from linegram.sip.transport.locating import Locating
from linegram.sip.transport.resolver import DnsResolver, Resolver
from linegram.sip.transport.udp import UdpSockets
from linegram.units import AccountId

_log = structlog.get_logger()

T = TypeVar("T")

_FREE_PORT_ATTEMPTS: Final = 20
_REFUSALS_LOGGED_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Where to bind: port 0 picks a free one, TCP listens on the UDP port.

    `advertised_host` stands in Via and Contact instead of our own address. `host6` is bound as well, if
    it is given. `dns_servers` are asked instead of the system's.
    """

    host: str = "0.0.0.0"
    port: int = 5060
    is_tcp_listening: bool = True
    advertised_host: str = ""
    endpoint: EndpointConfig = field(default_factory=lambda: EndpointConfig(local_places={}))
    host6: str = ""
    dns_servers: tuple[str, ...] = ()
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every address to bind."""
        return (self.host, self.host6) if self.host6 else (self.host,)


class SipTransport:
    """An endpoint on the network. Make it with `open`, use it through `perform`, end it with `close`."""

    def __init__(
        self,
        settings: TransportSettings,
        on_event: Callable[[SipEvent], None],
        *,
        resolver: Resolver | None,
        source: RandomSource,
    ) -> None:
        self._settings = settings
        self._on_event = on_event
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._is_pumping = False
        self._is_stopping = False
        self._idle = asyncio.Event()
        self._refused = 0
        self._refusals_logged_at = float("-inf")
        self._udp = UdpSockets(settings.hosts, settings.port, self._on_datagram, self._pump)
        self._streams = Connections(self, settings.hosts, settings.limits)
        self._locating = Locating(
            resolver or DnsResolver(self._udp.families, settings.dns_servers, source),
            self._udp,
            settings.advertised_host,
        )
        self._endpoint: SipEndpoint | None = None

    @classmethod
    async def open(
        cls,
        settings: TransportSettings,
        on_event: Callable[[SipEvent], None],
        *,
        resolver: Resolver | None = None,
        source: RandomSource | None = None,
    ) -> "SipTransport":
        """Bind the sockets and start. Raises OSError when an address is taken."""
        attempts_left = 1 if settings.port else _FREE_PORT_ATTEMPTS
        while True:
            transport = cls(settings, on_event, resolver=resolver, source=source or random.SystemRandom())
            try:
                await transport._start()
            except OSError:
                # A UDP port that is free need not be free for TCP.
                await transport._free()
                attempts_left -= 1
                if not attempts_left:
                    raise
            else:
                return transport

    @property
    def address(self) -> tuple[str, int]:
        """Where UDP is bound."""
        return self._udp.address

    @property
    def endpoint(self) -> SipEndpoint:
        """The endpoint; to command it use `perform`."""
        if self._endpoint is None:
            raise RuntimeError("not open")
        return self._endpoint

    def perform(self, action: Callable[[SipEndpoint, float], T]) -> T:
        """Run a command on the endpoint now, then send and deliver what comes of it."""
        result = action(self.endpoint, self._loop.time())
        self._pump()
        return result

    def put_account(self, config: AccountConfig) -> None:
        """Add or change an account."""
        self._locating.put(config)
        self.perform(lambda endpoint, now: endpoint.put_account(config, now))

    def drop_account(self, account_id: AccountId) -> None:
        """Remove an account and its binding."""
        self._locating.drop(account_id)
        self.perform(lambda endpoint, now: endpoint.drop_account(account_id, now))

    async def located(self) -> None:
        """Wait until every server that is being looked for is found, or is not."""
        await self._locating.settle()

    async def close(self, *, limit_s: float = 5.0) -> None:
        """Hang up, remove every binding, wait for the answers up to `limit_s`, and close the sockets."""
        self._is_stopping = True
        self.perform(lambda endpoint, now: endpoint.stop(now))
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        if self._alarm is not None:
            self._alarm.cancel()
        await self._free()

    def on_frame(self, frame: bytes, flow: Flow) -> bool:
        """Take the bytes of a message; False when they come from a stranger."""
        endpoint = self.endpoint
        # A connection that we opened leads to whom we wanted.
        if (flow.transport is TransportName.UDP or flow.connection) and not endpoint.admits(frame, flow.host):
            self._log_refusals()
            return False
        try:
            message = parse_datagram(frame)
        except ProtocolError as error:
            _log.debug("sip_message_malformed", peer=flow.host, error=str(error))
        else:
            endpoint.receive(message, flow, self._loop.time())
        return True

    def on_pong(self, flow: Flow) -> None:
        """Tell the endpoint that a keep-alive was answered."""
        self.endpoint.receive_pong(flow, self._loop.time())

    def on_received(self) -> None:
        """Send what the last batch led to."""
        self._pump()

    def on_flow_lost(self, flow: Flow, reason: str) -> None:
        """Tell the endpoint of a broken connection."""
        self.perform(lambda endpoint, now: endpoint.lose_flow(flow, now, reason))

    async def _start(self) -> None:
        if self._settings.is_tcp_listening:
            for host, port in self._udp.addresses:
                await self._streams.listen(host, port)
        config = self._settings.endpoint
        named = self._settings.advertised_host or self._udp.own_host()
        own = dict.fromkeys(TransportName, (named, self._udp.address[1]))
        self._endpoint = SipEndpoint(
            replace(config, local_places={**own, **config.local_places}), self._source
        )

    async def _free(self) -> None:
        await self._locating.close()
        self._udp.close()
        await self._streams.close()

    def _on_datagram(self, data: bytes, host: str, port: int) -> None:
        if len(data) > 4:  # less is a keep-alive
            self.on_frame(data, Flow(TransportName.UDP, host, port))

    def _log_refusals(self) -> None:
        """Say now and then how many strangers were turned away: a line each would be their weapon."""
        now = self._loop.time()
        if now - self._refusals_logged_at >= _REFUSALS_LOGGED_EVERY_S:
            refused = self.endpoint.refused
            _log.info("sip_strangers_refused", count=refused - self._refused, total=refused)
            self._refused, self._refusals_logged_at = refused, now

    def _pump(self) -> None:
        """Send and deliver until nothing is left; commands given by event handlers join in."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            self._send_pending()
            while (event := self.endpoint.next_event()) is not None:
                self._deliver(event)
                self._send_pending()
        finally:
            self._is_pumping = False
            self._arm()
            if self._is_stopping and self.endpoint.is_idle:
                self._idle.set()

    def _send_pending(self) -> None:
        for flow, data in self.endpoint.outbound():
            if flow.transport is TransportName.UDP:
                self._udp.send(data, flow.host, flow.port)
            else:
                self._streams.send(data, flow)

    def _deliver(self, event: SipEvent) -> None:
        match event:
            case TargetNeeded():
                self._locating.start(event, self.perform)
            case FlowFailed(flow, reason):
                self._loop.call_soon(self._streams.drop, flow, reason)
            case _:
                self._on_event(event)

    def _arm(self) -> None:
        """Keep the one alarm at or before the next deadline."""
        deadline = self.endpoint.next_timer()
        if deadline is None or (self._alarm is not None and self._alarm.when() <= deadline):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(deadline, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self.endpoint.handle_timer(self._loop.time())
        self._pump()
