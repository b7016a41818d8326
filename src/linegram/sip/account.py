"""A SIP account as the endpoint sees it: settings, where its server is, its Contact, its credentials."""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from linegram.sip.digest import Credentials, DigestSession
from linegram.sip.flow import Flow, TransportName
from linegram.sip.headers import Headers, NameAddress
from linegram.sip.message import Response
from linegram.sip.uri import SipUri
from linegram.units import AccountId

LINE_PARAMETER = "line"


class KeepAliveMethod(Enum):
    """How the way through a NAT is kept open."""

    OFF = "off"
    CRLF = "crlf"
    OPTIONS = "options"


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """The settings of one account.

    `token` marks the account's Contact; give a stored one to keep it over restarts. An empty `domain`
    or `auth_username` means the server's name and `username`.
    """

    account_id: AccountId
    server_host: str
    username: str
    password: str = field(repr=False)
    server_port: int | None = None
    domain: str = ""
    transport: TransportName = TransportName.UDP
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

    @property
    def contact_point(self) -> tuple[str, int | None]:
        """Host and port that requests are sent to: the outbound proxy, else the server."""
        if self.outbound_proxy_host:
            return self.outbound_proxy_host, self.outbound_proxy_port
        return self.server_host, self.server_port


class Target(NamedTuple):
    """One resolved place of an account's server, and our own address as seen on the way there."""

    flow: Flow
    local_host: str
    local_port: int


class Account:
    """One account at run time."""

    __slots__ = ("_public_place", "_target_index", "config", "digest", "targets", "token")

    def __init__(self, config: AccountConfig, token: str) -> None:
        self.config = config
        self.token = token
        self.digest = DigestSession(Credentials(config.auth_username or config.username, config.password))
        self.targets: tuple[Target, ...] = ()
        self._target_index = 0
        self._public_place: tuple[str, int] | None = None

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
        return self.targets[self._target_index] if self.targets else None

    def set_targets(self, targets: tuple[Target, ...]) -> None:
        """Take newly resolved places; stay with the one in use if it is among them."""
        current = self.target
        self.targets = targets
        self._target_index = targets.index(current) if current in targets else 0

    def try_next_target(self) -> bool:
        """Turn to the next place; True when all have been tried and the first is next."""
        if len(self.targets) > 1:
            self._public_place = None
            self._target_index = (self._target_index + 1) % len(self.targets)
        return self._target_index == 0

    def add_routes(self, headers: Headers) -> None:
        """Route a request outside dialogs through the outbound proxy, if there is one (RFC 3261 8.1.2)."""
        config = self.config
        if not config.outbound_proxy_host:
            return
        parameters: list[tuple[str, str | None]] = [("lr", None)]
        if config.transport is not TransportName.UDP:
            parameters.insert(0, ("transport", config.transport.value))
        uri = SipUri("sip", None, config.outbound_proxy_host, config.outbound_proxy_port, tuple(parameters))
        headers.add("Route", str(NameAddress("", uri)))

    def contact_uri(self) -> SipUri:
        """The URI under which the PBX reaches this account: the public place once it is known."""
        target = self.target
        if target is None:
            return SipUri("sip", self.config.username, self.domain)
        host, port = self._public_place or (target.local_host, target.local_port)
        parameters: list[tuple[str, str | None]] = [(LINE_PARAMETER, self.token)]
        if target.flow.transport is not TransportName.UDP:
            parameters.append(("transport", target.flow.transport.value))
        return SipUri("sip", self.config.username, host, port, tuple(parameters))

    def learn_public_place(self, response: Response) -> None:
        """Remember how the server sees us: `received` and `rport` of our own Via (RFC 3581).

        A port alone counts over UDP only: over TCP it is the connection's own, on which nobody listens.
        """
        target, via = self.target, response.via
        if target is None or via.parameter("rport") is None:
            return
        host = via.parameter("received") or via.host
        port_text = via.parameter("rport") or ""
        port = int(port_text) if port_text.isascii() and port_text.isdigit() else target.local_port
        is_moved = host != target.local_host
        if target.flow.transport.is_reliable and not is_moved:
            port = target.local_port
        is_moved = is_moved or port != target.local_port
        self._public_place = (host, port) if is_moved and 0 < port < 65536 else None
