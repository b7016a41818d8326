"""Where bytes go to and come from. A value: sockets live in `transport/`."""

from enum import Enum
from ipaddress import ip_address
from typing import NamedTuple

from linegram.sip.tls_terms import DEFAULT_TERMS, TlsTerms


class TransportName(Enum):
    """A SIP transport; the value is what a `transport` URI parameter says."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"

    @property
    def is_reliable(self) -> bool:
        """Whether the transport itself repeats what is lost."""
        return self is not TransportName.UDP

    @property
    def via_name(self) -> str:
        """How a Via header spells it."""
        return self.value.upper()

    @property
    def default_port(self) -> int:
        """The port when a URI names none (RFC 3261 19.1.2)."""
        return 5061 if self is TransportName.TLS else 5060


class Flow(NamedTuple):
    """One peer over one transport, as both a destination and an origin.

    `connection` is 0 for UDP and for connections that we open (the shell opens
    one when it is missing); a connection that a peer opened has its own number.
    `server_name` is the host name that a TLS certificate must carry; `tls` is what else is demanded of it.
    """

    transport: TransportName
    host: str
    port: int
    connection: int = 0
    server_name: str = ""
    tls: TlsTerms = DEFAULT_TERMS

    def __str__(self) -> str:
        return f"{self.transport.value}:{host_text(self.host)}:{self.port}"


def host_text(host: str) -> str:
    """Spell a host as it stands in a URI or Via: IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def is_address(host: str) -> bool:
    """Whether `host` is an IP address and needs no resolution."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_unreachable_from(host: str, peer: str) -> bool:
    """Whether `host` is a private address named by a `peer` that itself has a public one."""
    try:
        named, seen = ip_address(host.strip("[]")), ip_address(peer.strip("[]"))
    except ValueError:
        return False
    return named.is_private and not seen.is_private
