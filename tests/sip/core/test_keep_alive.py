"""Keep-alives over connections: a server that has answered one is dead when it stops (RFC 5626 4.4.1)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from linegram.sip.account import AccountConfig, KeepAliveMethod, Target
from linegram.sip.context import EndpointConfig
from linegram.sip.events import FlowFailed, RegistrationChanged, RegistrationState
from linegram.sip.flow import Flow, TransportName
from linegram.sip.message import Request, Response
from linegram.sip.stream import Ping, StreamParser
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.units import AccountId
from tests.peers.waiting import until
from tests.sip.core.network import EndpointNode, Network
from tests.sip.core.party import LIMIT_S, Party

US = ("10.0.0.1", 5060)
FLOW = Flow(TransportName.TCP, "10.0.0.9", 5060)


def account(port: int | None = None) -> AccountConfig:
    return AccountConfig(
        AccountId(1),
        "127.0.0.1" if port else FLOW.host,
        "u1",
        "pw1",
        server_port=port,
        transport=TransportName.TCP,
        is_registering=port is not None,
        keep_alive=KeepAliveMethod.CRLF,
        keep_alive_s=0.2 if port else 25.0,
    )


def pinging() -> tuple[Network, EndpointNode]:
    network = Network()
    node = EndpointNode(network, US)
    node.endpoint.put_account(account(), network.now)
    node.endpoint.next_event()
    node.endpoint.set_targets(AccountId(1), (Target(FLOW, *US),), network.now)
    return network, node


def test_a_server_that_never_answered_a_ping_is_not_thought_dead() -> None:
    network, node = pinging()
    network.run(120)
    assert not node.has(FlowFailed)
    pings = [data for _, source, _, data in network.log if source == US]
    assert set(pings) == {b"\r\n\r\n"}
    assert 4 <= len(pings) <= 6


def test_a_server_that_answered_once_is_dead_when_it_stops() -> None:
    network, node = pinging()
    network.run(26)
    node.endpoint.receive_pong(FLOW, network.now)
    network.run(24)
    assert not node.has(FlowFailed)
    network.run(20)
    assert node.only(FlowFailed) == FlowFailed(FLOW, "the server does not answer keep-alives")


def test_every_answer_keeps_the_connection() -> None:
    network, node = pinging()
    for _ in range(100):
        network.run(5)
        node.endpoint.receive_pong(FLOW, network.now)
    assert not node.has(FlowFailed)


class Server:
    """Answers REGISTER and, while it likes to, pings."""

    def __init__(self) -> None:
        self.is_ponging = True
        self.connections = 0
        self.registers = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        parser = StreamParser()
        while data := await reader.read(65_536):
            parser.feed(data)
            while (message := parser.next_message()) is not None:
                if isinstance(message, Ping) and self.is_ponging:
                    writer.write(b"\r\n")
                elif isinstance(message, Request):
                    self.registers += 1
                    response = Response.make(message, 200, to_tag="far")
                    response.headers.add("Contact", message.headers.get("Contact") or "")
                    writer.write(bytes(response))


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    here = Server()
    listening = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.port = listening.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        listening.close()
        for writer in here.writers:
            writer.transport.abort()


async def test_a_connection_whose_other_end_fell_silent_is_replaced() -> None:
    us = Party()
    settings = TransportSettings("127.0.0.1", 0, endpoint=EndpointConfig(local_places={}, pong_s=0.2))
    async with server() as far:
        us.transport = await SipTransport.open(settings, us.take)
        us.transport.put_account(account(far.port))
        await us.wait_for_state(RegistrationState.REGISTERED)

        async def has_ponged() -> bool:
            return any(
                beat.has_ponged for beat in us.transport.endpoint._accounts.keep_alives._beats.values()
            )

        await until(has_ponged, LIMIT_S)
        far.is_ponging = False

        async def is_replaced() -> bool:
            return far.connections >= 2 and far.registers >= 2

        await until(is_replaced, LIMIT_S)
        await us.transport.close(limit_s=0.2)
    states = {event.state for event in us.events if isinstance(event, RegistrationChanged)}
    assert RegistrationState.REFUSED not in states
