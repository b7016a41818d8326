"""The way to a server and back: proxies, Path, Service-Route, public places, redirections, sips."""

from dataclasses import replace

import pytest

from linegram.errors import LocalProtocolError
from linegram.sip.account import AccountConfig, KeepAliveMethod, PublicPlace, Target
from linegram.sip.events import CallAnswered, CallEnded, EndCause, RegistrationState, TargetNeeded
from linegram.sip.flow import Flow, TransportName
from linegram.sip.message import Message, Request
from linegram.sip.next_hop import next_hop
from linegram.sip.tls_terms import TlsTerms
from linegram.sip.uri import SipUri
from linegram.units import AccountId
from tests.sip.core.network import Address, EndpointNode, Network, ScriptedNode
from tests.sip.core.registrar import Registrar

US = ("10.0.0.1", 5060)
PBX = ("10.0.0.9", 5060)
OTHER = ("10.0.0.8", 5060)
OFFER = b"v=0\r\n"


def account(**changes: object) -> AccountConfig:
    config = AccountConfig(AccountId(1), PBX[0], "u1", "pw1", keep_alive=KeepAliveMethod.OFF)
    return replace(config, **changes)  # type: ignore[arg-type]


class Edge:
    """A registrar that adds headers to every 200, and takes every call."""

    def __init__(self, network: Network, address: Address, *headers: tuple[str, str]) -> None:
        self.headers = headers
        self.registers: list[Request] = []
        self.node = ScriptedNode(network, address, self._script)

    def _script(self, message: Message, node: ScriptedNode) -> None:
        if not isinstance(message, Request) or message.method == "ACK":
            return
        found = self.headers
        if message.method == "REGISTER":
            self.registers.append(message)
            found += tuple(("Contact", value) for value in message.headers.get_all("Contact"))
        node.reply(message, 200, headers=found if message.method == "REGISTER" else ())


def make(config: AccountConfig, *headers: tuple[str, str]) -> tuple[Network, EndpointNode, Edge]:
    network = Network()
    node = EndpointNode(network, US)
    edge = Edge(network, PBX, *headers)
    node.put(config, PBX)
    network.run(1)
    return network, node, edge


def call(network: Network, node: EndpointNode, target: SipUri | str = "600") -> None:
    node.endpoint.invite(AccountId(1), target, sdp=OFFER, now=network.now)
    network.run(1)


def test_a_register_says_that_proxies_may_add_themselves_to_its_path() -> None:
    """RFC 3327 4.1: without it an edge proxy must not insert Path, and calls would not find us."""
    _, _, edge = make(account())
    assert edge.registers[0].headers.get_all("Supported") == ["path"]


def test_calls_take_the_route_that_the_registrar_gave_and_registers_do_not() -> None:
    route = "<sip:orig@10.0.0.9;lr>"
    network, node, edge = make(
        account(expires_s=60), ("Service-Route", route), ("Service-Route", "<sip:core.example;lr>")
    )
    call(network, node)
    (invite,) = edge.node.requests("INVITE")
    assert invite.headers.get_all("Route") == [route, "<sip:core.example;lr>"]
    network.run(60)
    assert [request.headers.get_all("Route") for request in edge.registers] == [[], []]


def test_the_first_hop_of_a_service_route_gets_the_call() -> None:
    network, node, edge = make(account(), ("Service-Route", f"<sip:{OTHER[0]};lr>"))
    core = Edge(network, OTHER)
    call(network, node)
    assert len(core.node.requests("INVITE")) == 1
    assert edge.node.requests("INVITE") == []


def test_an_outbound_proxy_comes_before_the_service_route_and_is_not_doubled() -> None:
    config = account(server_host="pbx.example", outbound_proxy_host=PBX[0])
    routes = (("Service-Route", f"<sip:orig@{PBX[0]};lr>"), ("Service-Route", "<sip:core.example;lr>"))
    network, node, edge = make(config, *routes)
    call(network, node)
    (invite,) = edge.node.requests("INVITE")
    assert invite.headers.get_all("Route") == [f"<sip:{PBX[0]};lr>", "<sip:core.example;lr>"]


def test_a_service_route_that_is_taken_away_is_forgotten() -> None:
    network, node, edge = make(account(expires_s=60), ("Service-Route", "<sip:x@10.0.0.9;lr>"))
    edge.headers = ()
    network.run(60)
    call(network, node)
    assert edge.node.requests("INVITE")[0].headers.get_all("Route") == []


def test_a_configured_public_place_stands_in_every_contact_and_is_not_unlearnt() -> None:
    network = Network()
    node = EndpointNode(network, US)
    registrar = Registrar(network, PBX, {"u1": "pw1"}, seen_as=("203.0.113.5", 41000))
    node.put(account(public_place=PublicPlace("198.51.100.7", 5999)), PBX)
    network.run(1)
    (contact,) = registrar.bindings["u1"]
    assert "@198.51.100.7:5999" in contact


def test_a_configured_public_host_goes_with_our_own_port() -> None:
    network = Network()
    node = EndpointNode(network, US)
    registrar = Registrar(network, PBX, {"u1": "pw1"})
    node.put(account(public_place=PublicPlace("198.51.100.7")), PBX)
    network.run(1)
    (contact,) = registrar.bindings["u1"]
    assert "@198.51.100.7:5060" in contact


class RedirectedNode(EndpointNode):
    """Finds the place that a redirection names."""

    def _resolve(self, event: TargetNeeded) -> None:
        wished = event.redirected_to
        place = PBX if wished is None else (wished.host, wished.port or 5060)
        target = Target(Flow(TransportName.UDP, *place), *self.address)
        self.endpoint.set_targets(event.account_id, (target,), self.network.now)


def test_a_registrar_that_sends_us_elsewhere_is_followed_by_its_best_contact() -> None:
    network = Network()
    node = RedirectedNode(network, US)
    first = Registrar(network, PBX, rejects_with=302)
    first.reject_headers = (
        ("Contact", "<sip:10.0.0.7>;q=0.1"),
        ("Contact", f"<sip:u1@{OTHER[0]}:5060>;q=0.9"),
    )
    second = Registrar(network, OTHER, {"u1": "pw1"})
    node.put(account(), PBX)
    network.run(2)
    assert node.registration().state is RegistrationState.REGISTERED
    assert second.bindings["u1"]
    assert str(second.seen[0].uri) == f"sip:{OTHER[0]}:5060"
    network.run(580)
    assert len(first.seen) == 1
    assert len(second.seen) > 2


def test_registrars_that_send_us_in_a_circle_are_a_failure_and_no_storm() -> None:
    network = Network()
    node = RedirectedNode(network, US)
    for place, other in ((PBX, OTHER), (OTHER, PBX)):
        registrar = Registrar(network, place, rejects_with=302)
        registrar.reject_headers = (("Contact", f"<sip:{other[0]}>"),)
    node.put(account(), PBX)
    network.run(2)
    assert node.registration().state is RegistrationState.RETRYING
    assert node.registration().status == 302
    assert len([m for m in network.sent_by(US) if isinstance(m, Request)]) <= 7


def test_a_sips_address_is_not_called_in_clear() -> None:
    network, node, edge = make(account())
    call(network, node, SipUri("sips", "bob", "pbx.example"))
    ended = node.only(CallEnded)
    assert (ended.cause, ended.reason) == (EndCause.UNREACHABLE, "a sips address can only be called over TLS")
    assert edge.node.requests("INVITE") == []


TLS_FLOW = Flow(TransportName.TLS, "10.0.0.9", 5061, server_name="pbx", tls=TlsTerms(fingerprint="ab" * 32))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:x@10.0.0.8:5060", TLS_FLOW),
        ("sip:x@10.0.0.8;transport=tcp", TLS_FLOW),
        ("sip:x@10.0.0.8;transport=tls", TLS_FLOW._replace(host="10.0.0.8")),
        ("sips:x@10.0.0.8:5071", TLS_FLOW._replace(host="10.0.0.8", port=5071)),
        ("sip:x@10.0.0.9:40000;transport=tls", TLS_FLOW),
        ("sip:x@pbx.example", TLS_FLOW),
        ("tel:600", TLS_FLOW),
    ],
)
def test_what_began_over_tls_stays_there_under_the_same_terms(uri: str, expected: Flow) -> None:
    assert next_hop(SipUri.parse(uri), TLS_FLOW) == expected


@pytest.mark.parametrize("name", ["server_host", "domain", "outbound_proxy_host"])
def test_a_host_that_cannot_stand_in_a_uri_is_refused_with_the_settings(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        account(**{name: "a host>"})


def test_an_ipv6_server_may_come_in_brackets() -> None:
    config = account(server_host="[2001:db8::1]", server_port=5070)
    assert config.contact_point == ("2001:db8::1", 5070)


class Wires(EndpointNode):
    """Hands everything over one network, and notes by which transport it was meant to go."""

    def __init__(self, network: Network, address: Address) -> None:
        super().__init__(network, address)
        self.flows: list[tuple[TransportName, str]] = []
        self.has_tcp = True

    def take_outbound(self) -> list[tuple[Address, bytes]]:
        self.drain()
        carried = []
        for flow, data in list(self.endpoint.outbound()):
            self.flows.append((flow.transport, data.split(b" ")[0].decode()))
            if flow.transport is TransportName.UDP or self.has_tcp:
                carried.append(((flow.host, flow.port), data))
            else:
                self.endpoint.lose_flow(flow, self.network.now, "connection refused")
                carried += self.take_outbound()
        return carried


@pytest.mark.parametrize("has_tcp", [True, False])
def test_a_request_too_large_for_a_datagram_goes_over_tcp_or_else_over_udp(
    has_tcp: bool,
) -> None:
    """RFC 3261 18.1.1."""
    network = Network()
    node = Wires(network, US)
    node.has_tcp = has_tcp
    edge = Edge(network, PBX)
    node.put(account(is_registering=False, has_tcp_for_large=True), PBX)
    network.run(1)
    node.endpoint.invite(AccountId(1), "600", sdp=b"v=0\r\n" + b"a=x\r\n" * 300, now=network.now)
    network.run(1)
    assert node.has(CallAnswered)
    ways = [transport for transport, method in node.flows if method == "INVITE"]
    expected = [TransportName.TCP] if has_tcp else [TransportName.TCP, TransportName.UDP]
    assert ways == expected
    assert edge.node.requests("INVITE")[0].via.transport == expected[-1].via_name


def test_a_large_request_stays_on_udp_unless_the_account_says_otherwise() -> None:
    network = Network()
    node = Wires(network, US)
    Edge(network, PBX)
    node.put(account(is_registering=False), PBX)
    network.run(1)
    node.endpoint.invite(AccountId(1), "600", sdp=b"v=0\r\n" + b"a=x\r\n" * 300, now=network.now)
    network.run(1)
    assert {transport for transport, _ in node.flows} == {TransportName.UDP}
