"""A SIP account as the endpoint sees it: settings, its Contact, its credentials, the routes to its server."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NamedTuple

from linegram.sip.digest import Credentials, DigestSession
from linegram.sip.flow import Flow, TransportName
from linegram.sip.headers import Headers, NameAddress
from linegram.sip.location import Wish
from linegram.sip.message import Response
from linegram.sip.targets import Target, Targets
from linegram.sip.tls_terms import DEFAULT_TERMS, TlsTerms
from linegram.sip.uri import SipUri
from linegram.units import AccountId

__all__ = ["LINE_PARAMETER", "Account", "AccountConfig", "KeepAliveMethod", "Target"]

LINE_PARAMETER = "line"
Scheme = Literal["sip", "sips"]


class KeepAliveMethod(Enum):
    """How the way through a NAT is kept open."""

    OFF = "off"
    CRLF = "crlf"
    OPTIONS = "options"


class PublicPlace(NamedTuple):
    """Where the outside sees us; no port means that of our own socket."""

    host: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """The settings of one account.

    `token` marks the account's Contact; give a stored one to keep it over restarts. An empty `domain`
    or `auth_username` means the server's name and `username`. No `server_port` means that DNS says where the
    server is (RFC 3263), no `transport` that it says how, too. `trusted_hosts` are addresses and networks.
    A `public_place` is never unlearnt; without one, what the server sees counts. `has_tcp_for_large` lets
    requests that would not fit a datagram go over TCP (RFC 3261 18.1.1).
    """

    account_id: AccountId
    server_host: str
    username: str
    password: str = field(repr=False)
    server_port: int | None = None
    domain: str = ""
    transport: TransportName | None = TransportName.UDP
    outbound_proxy_host: str = ""
    outbound_proxy_port: int | None = None
    auth_username: str = ""
    display_name: str = ""
    expires_s: int = 600
    keep_alive: KeepAliveMethod = KeepAliveMethod.CRLF
    keep_alive_s: float = 25.0
    is_registering: bool = True
    token: str = ""
    trusted_hosts: tuple[str, ...] = ()
    tls: TlsTerms = DEFAULT_TERMS
    public_place: PublicPlace | None = None
    has_tcp_for_large: bool = False

    def __post_init__(self) -> None:
        """Take IPv6 addresses out of brackets. Raises LocalProtocolError for what cannot stand in a URI."""
        for name in ("server_host", "domain", "outbound_proxy_host"):
            host = getattr(self, name).strip("[]")
            object.__setattr__(self, name, host)
            if host:
                str(SipUri("sip", self.username, host))

    @property
    def contact_point(self) -> tuple[str, int | None]:
        """Host and port that requests are sent to: the outbound proxy, else the server."""
        if self.outbound_proxy_host:
            return self.outbound_proxy_host, self.outbound_proxy_port
        return self.server_host, self.server_port

    def wish(self, redirected_to: SipUri | None = None) -> Wish:
        """What to look for: the contact point, or where its registrar sends us instead."""
        if redirected_to is None:
            host, port = self.contact_point
            return Wish(host, port, self.transport)
        named = {transport.value: transport for transport in TransportName}
        transport = named.get((redirected_to.parameter("transport") or "").lower(), self.transport)
        is_secure = redirected_to.scheme == "sips" or self.transport is TransportName.TLS
        return Wish(redirected_to.host.strip("[]"), redirected_to.port, transport, is_secure)


class Account:
    """One account at run time."""

    __slots__ = ("_public_place", "config", "digest", "places", "service_route", "token")

    def __init__(self, config: AccountConfig, token: str) -> None:
        self.config = config
        self.token = token
        self.digest = DigestSession(Credentials(config.auth_username or config.username, config.password))
        self.places = Targets()
        self.service_route: tuple[str, ...] = ()
        self._public_place: tuple[Target, str, int] | None = None

    @property
    def account_id(self) -> AccountId:
        """The application's name for the account."""
        return self.config.account_id

    @property
    def domain(self) -> str:
        """The right side of the address of record."""
        return self.config.domain or self.config.server_host

    @property
    def address_of_record(self) -> NameAddress:
        """Who we are towards the PBX."""
        return NameAddress(self.config.display_name, SipUri("sip", self.config.username, self.domain))

    @property
    def target(self) -> Target | None:
        """The place in use, None while the server's name is unresolved."""
        return self.places.current

    def add_routes(self, headers: Headers, *, has_service: bool = True) -> None:
        """Route a request outside dialogs: the outbound proxy first (RFC 3261 8.1.2).

        Then, but not for REGISTER and keep-alives, the route that the registrar gave us (RFC 3608 6.1).
        """
        service = self.service_route if has_service else ()
        proxy = self._proxy_route()
        if proxy is not None:
            headers.add("Route", str(proxy))
            if service and NameAddress.parse(service[0]).uri.host.lower() == proxy.uri.host.lower():
                service = service[1:]
        for route in service:
            headers.add("Route", route)

    def _proxy_route(self) -> NameAddress | None:
        config = self.config
        if not config.outbound_proxy_host:
            return None
        parameters: list[tuple[str, str | None]] = [("lr", None)]
        if config.transport not in {None, TransportName.UDP}:
            parameters.insert(0, ("transport", config.transport.value if config.transport else None))
        uri = SipUri("sip", None, config.outbound_proxy_host, config.outbound_proxy_port, tuple(parameters))
        return NameAddress("", uri)

    def contact_uri(self, flow: Flow | None = None, *, scheme: Scheme = "sip") -> SipUri:
        """The URI under which the PBX reaches this account: the public place once it is known.

        `flow` is the way that a request takes if it is not the account's usual one.
        """
        target = self.target if flow is None else self.places.of(flow)
        if target is None:
            return SipUri(scheme, self.config.username, self.domain)
        host, port = self._place_at(target)
        parameters: list[tuple[str, str | None]] = [(LINE_PARAMETER, self.token)]
        if target.flow.transport is not TransportName.UDP:
            parameters.append(("transport", target.flow.transport.value))
        return SipUri(scheme, self.config.username, host, port, tuple(parameters))

    def learn_public_place(self, response: Response) -> None:
        """Remember how the server sees us: `received` and `rport` of our own Via (RFC 3581).

        A port alone counts over UDP only: over TCP it is the connection's own, on which nobody listens.
        """
        target, via = self.target, response.via
        if target is None or via.parameter("rport") is None:
            return
        host = (via.parameter("received") or via.host).strip("[]")
        port_text = via.parameter("rport") or ""
        port = int(port_text) if port_text.isascii() and port_text.isdigit() else target.local_port
        is_moved = host != target.local_host
        if target.flow.transport.is_reliable and not is_moved:
            port = target.local_port
        is_moved = is_moved or port != target.local_port
        self._public_place = (target, host, port) if is_moved and 0 < port < 65536 else None

    def _place_at(self, target: Target) -> tuple[str, int]:
        configured, learnt = self.config.public_place, self._public_place
        if configured is not None:
            return configured.host, configured.port or target.local_port
        if learnt is not None and learnt[0].flow == target.flow:
            return learnt[1], learnt[2]
        return target.local_host, target.local_port
