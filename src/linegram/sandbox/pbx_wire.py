"""The PBX's UDP socket and the SIP endpoint behind it. Knows no extension and no audio."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final, TypeVar

import structlog

from linegram.errors import ProtocolError
from linegram.sip.account import AccountConfig, KeepAliveMethod, Target
from linegram.sip.context import EndpointConfig
from linegram.sip.endpoint import SipEndpoint
from linegram.sip.events import SipEvent, TargetNeeded
from linegram.sip.flow import Flow, TransportName
from linegram.sip.message import Request, Response, parse_datagram
from linegram.sip.transport.udp import UdpSocket
from linegram.units import AccountId

_log = structlog.get_logger()

_CLOSE_S: Final = 3.0
_KEEP_ALIVE_BYTES: Final = 4

T = TypeVar("T")
Front = Callable[[Request, Flow, float], Response | None]
"""Sees every request first; what it answers itself does not come to the endpoint."""


class PbxWire:
    """Drives a `SipEndpoint` that has an account for each call: a PBX is no user agent of one account."""

    def __init__(
        self, host: str, *, front: Front, on_event: Callable[[SipEvent], None], random: Random
    ) -> None:
        """Bind a free port of `host`; the loop must be running."""
        self._loop = asyncio.get_running_loop()
        self._front = front
        self._on_event = on_event
        self._alarm: asyncio.TimerHandle | None = None
        self._is_pumping = False
        self._idle = asyncio.Event()
        self._last_account = 0
        self._udp = UdpSocket(host, 0, self._take_datagram, self._pump)
        self.address = self._udp.address
        config = EndpointConfig(
            local_places={TransportName.UDP: self.address},
            user_agent="Linegram sandbox PBX",
            trusted_hosts=frozenset({host}),
        )
        self.endpoint = SipEndpoint(config, random)

    def perform(self, action: Callable[[SipEndpoint, float], T]) -> T:
        """Run a command on the endpoint, then send and deliver what comes of it."""
        result = action(self.endpoint, self._loop.time())
        self._pump()
        return result

    def add_call_account(self, number: str, flow: Flow, *, name: str = "") -> AccountConfig:
        """Make the account under which the PBX carries one call with the phone at `flow`.

        Its token in a request URI leads a request to it.
        """
        self._last_account += 1
        host, port = self.address
        config = AccountConfig(
            account_id=AccountId(self._last_account),
            server_host=flow.host,
            server_port=flow.port,
            username=number,
            password="",
            domain=host,
            display_name=name,
            is_registering=False,
            keep_alive=KeepAliveMethod.OFF,
            token=f"call{self._last_account}",
        )
        now = self._loop.time()
        self.endpoint.put_account(config, now)
        self.endpoint.set_targets(config.account_id, (Target(flow, host, port),), now)
        return config

    def drop_account(self, account_id: AccountId) -> None:
        """Forget the account of a call that is over."""
        self.perform(lambda endpoint, now: endpoint.drop_account(account_id, now))

    async def close(self) -> None:
        """Hang up every call, wait a little for the answers, and free the port."""
        self.perform(lambda endpoint, now: endpoint.stop(now))
        try:
            async with asyncio.timeout(_CLOSE_S):
                while not self.endpoint.is_idle:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            _log.info("sandbox_pbx_closed_with_open_requests")
        if self._alarm is not None:
            self._alarm.cancel()
        self._udp.close()

    def _take_datagram(self, datagram: bytes, host: str, port: int) -> None:
        if len(datagram) <= _KEEP_ALIVE_BYTES:
            return
        try:
            message = parse_datagram(datagram)
        except ProtocolError as error:
            _log.info("sandbox_pbx_datagram_malformed", error=str(error))
            return
        flow, now = Flow(TransportName.UDP, host, port), self._loop.time()
        if isinstance(message, Request):
            response = self._front(message, flow, now)
            if response is not None:
                self._udp.send(bytes(_stamped(response, flow)), host, port)
                return
        self.endpoint.receive(message, flow, now)

    def _pump(self) -> None:
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            self._send_pending()
            while (event := self.endpoint.next_event()) is not None:
                if not isinstance(event, TargetNeeded):
                    self._on_event(event)
                self._send_pending()
        finally:
            self._is_pumping = False
        self._arm()
        self._idle.set()

    def _send_pending(self) -> None:
        for flow, datagram in self.endpoint.outbound():
            self._udp.send(datagram, flow.host, flow.port)

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        deadline = self.endpoint.next_timer()
        self._alarm = None if deadline is None else self._loop.call_at(deadline, self._on_alarm)

    def _on_alarm(self) -> None:
        self.endpoint.handle_timer(self._loop.time())
        self._pump()


def _stamped(response: Response, source: Flow) -> Response:
    """Tell the sender how it is seen (RFC 3581 section 4)."""
    via = response.via.with_parameter("received", source.host)
    if via.parameter("rport") is not None:
        via = via.with_parameter("rport", str(source.port))
    response.headers.remove_first("Via")
    response.headers.prepend("Via", str(via))
    return response
