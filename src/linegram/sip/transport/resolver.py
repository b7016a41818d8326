"""From the name of an account's server to the places to try, in order."""

import asyncio
import socket
from typing import Final, NamedTuple, Protocol

from linegram.sip.account import AccountConfig
from linegram.sip.flow import TransportName

_SOCKET_TYPES: Final = {TransportName.UDP: socket.SOCK_DGRAM}


class Place(NamedTuple):
    """One address at which a server may be reached."""

    transport: TransportName
    host: str
    port: int
    server_name: str = ""


class Resolver(Protocol):
    """Finds the places of a server. SRV and NAPTR (RFC 3263) fit behind this."""

    async def resolve(self, config: AccountConfig) -> list[Place]:
        """Return the places in the order to try them, none if the name does not resolve."""


class AddressResolver:
    """Asks the system for A and AAAA records; the port is the configured one or the transport's own."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self._family = family

    async def resolve(self, config: AccountConfig) -> list[Place]:
        """Return every address of the account's contact point, once each."""
        host, port = config.contact_point
        transport = config.transport
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host,
                port or transport.default_port,
                family=self._family,
                type=_SOCKET_TYPES.get(transport, socket.SOCK_STREAM),
            )
        except (OSError, UnicodeError):
            return []
        addresses = dict.fromkeys((str(entry[4][0]), int(entry[4][1])) for entry in found)
        server_name = host if transport is TransportName.TLS else ""
        return [Place(transport, address, number, server_name) for address, number in addresses]
