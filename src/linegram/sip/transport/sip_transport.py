"""Drives one endpoint with real sockets and one timer: sends what is pending, delivers events."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import structlog

from linegram.errors import ProtocolError
from linegram.sip.account import AccountConfig, Target
from linegram.sip.context import EndpointConfig, RandomSource
from linegram.sip.endpoint import SipEndpoint
from linegram.sip.events import SipEvent, TargetNeeded
from linegram.sip.flow import Flow, TransportName
from linegram.sip.message import Request, Response, parse_datagram
from linegram.sip.transport.resolver import AddressResolver, Place, Resolver
from linegram.sip.transport.tcp import TcpConnections
from linegram.sip.transport.udp import UdpSocket, local_host_towards
from linegram.units import AccountId

_log = structlog.get_logger()

T = TypeVar("T")

_FREE_PORT_ATTEMPTS: Final = 20
_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Where to bind: port 0 picks a free one, TCP listens on the UDP port.

    `advertised_host` stands in Via and Contact instead of our own address.
    """

    host: str = "0.0.0.0"
    port: int = 5060
    is_tcp_listening: bool = True
    advertised_host: str = ""
    endpoint: EndpointConfig = field(default_factory=lambda: EndpointConfig(local_places={}))


class SipTransport:
    """An endpoint on the network. Make it with `open`, use it through `perform`, end it with `close`."""

    def __init__(
        self, settings: TransportSettings, on_event: Callable[[SipEvent], None], resolver: Resolver | None
    ) -> None:
        self._settings = settings
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._configs: dict[AccountId, AccountConfig] = {}
        self._resolving: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._is_pumping = False
        self._is_stopping = False
        self._idle = asyncio.Event()
        self._udp = UdpSocket(settings.host, settings.port, self._on_datagram, self._pump)
        self._tcp = TcpConnections(self, settings.host)
        self._resolver = resolver or AddressResolver(self._udp.family)
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
            transport = cls(settings, on_event, resolver)
            try:
                await transport._start(source or random.SystemRandom())
            except OSError:
                # A UDP port that is free need not be free for TCP.
                transport._udp.close()
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
        self._configs[config.account_id] = config
        self.perform(lambda endpoint, now: endpoint.put_account(config, now))

    def drop_account(self, account_id: AccountId) -> None:
        """Remove an account and its binding."""
        self._configs.pop(account_id, None)
        self.perform(lambda endpoint, now: endpoint.drop_account(account_id, now))

    async def close(self, *, limit_s: float = 5.0) -> None:
        """Hang up, remove every binding, wait for the answers up to `limit_s`, and close the sockets."""
        self._is_stopping = True
        self.perform(lambda endpoint, now: endpoint.stop(now))
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        for task in self._resolving:
            task.cancel()
        await asyncio.gather(*self._resolving, return_exceptions=True)
        if self._alarm is not None:
            self._alarm.cancel()
        self._udp.close()
        await self._tcp.close()

    def on_message(self, message: Request | Response, flow: Flow) -> None:
        """Take a message from a connection."""
        self.endpoint.receive(message, flow, self._loop.time())

    def on_received(self) -> None:
        """Send what the last batch led to."""
        self._pump()

    def on_flow_lost(self, flow: Flow) -> None:
        """Tell the endpoint of a broken connection."""
        self.perform(lambda endpoint, now: endpoint.lose_flow(flow, now))

    async def _start(self, source: RandomSource) -> None:
        host, port = self._udp.address
        if self._settings.is_tcp_listening:
            await self._tcp.listen(self._settings.host, port)
        named = self._settings.advertised_host or (_own_host() if host in _WILDCARDS else host)
        config = self._settings.endpoint
        places = {**dict.fromkeys(TransportName, (named, port)), **config.local_places}
        self._endpoint = SipEndpoint(replace(config, local_places=places), source)

    def _on_datagram(self, data: bytes, host: str, port: int) -> None:
        if len(data) <= 4:
            return  # a keep-alive
        try:
            message = parse_datagram(data)
        except ProtocolError as error:
            _log.debug("sip_datagram_malformed", peer=host, error=str(error))
            return
        self.endpoint.receive(message, Flow(TransportName.UDP, host, port), self._loop.time())

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
                self._tcp.send(data, flow)

    def _deliver(self, event: SipEvent) -> None:
        if not isinstance(event, TargetNeeded):
            self._on_event(event)
            return
        task = self._loop.create_task(self._resolve(event.account_id), name="sip-resolve")
        self._resolving.add(task)
        task.add_done_callback(self._resolving.discard)

    async def _resolve(self, account_id: AccountId) -> None:
        config = self._configs.get(account_id)
        if config is None:
            return
        places = await self._resolver.resolve(config)
        targets = tuple(target for place in places if (target := self._target_of(place)) is not None)
        self.perform(lambda endpoint, now: endpoint.set_targets(account_id, targets, now))

    def _target_of(self, place: Place) -> Target | None:
        """Add our own address on the way there; None when there is no way."""
        host, port = self._udp.address
        try:
            local_host = local_host_towards(place.host, place.port) if host in _WILDCARDS else host
        except OSError:
            return None
        flow = Flow(place.transport, place.host, place.port, server_name=place.server_name)
        return Target(flow, self._settings.advertised_host or local_host, port)

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


def _own_host() -> str:
    """A name for ourselves where no target tells better."""
    try:
        return local_host_towards("192.0.2.1", 9)
    except OSError:
        return "127.0.0.1"
