"""The servers of a call, sorted by what they are good for. What is malformed among them is left out. Pure."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final, NamedTuple

from linegram.link.voice import VoiceServer
from linegram.voice.own.ice.stun import Address

PEER_TAG_BYTES: Final = 16
_REFLECTOR_PORT: Final = 599
_STUN_PORT: Final = 3478
_MOST_OF_A_KIND: Final = 4
"""More is of no use, and each costs a socket; Telegram tells of two or three."""


class TurnServer(NamedTuple):
    """A relay that needs a name and a password (RFC 8656), at one address or two, IPv4 first."""

    addresses: tuple[Address, ...]
    username: str
    password: str


class ReflectorServer(NamedTuple):
    """One of Telegram's own relays, at one address or two; both ends call it by the same `number`."""

    addresses: tuple[Address, ...]
    number: int
    peer_tag: bytes
    is_tcp: bool = False


class Servers(NamedTuple):
    """What a call has to offer, bounded; `faults` says which servers are malformed."""

    turn: tuple[TurnServer, ...] = ()
    stun: tuple[Address, ...] = ()
    reflectors: tuple[ReflectorServer, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def have_relay(self) -> bool:
        """Some server relays, so that the ends need not know each other's address."""
        return bool(self.turn or self.reflectors)


def sort_servers(servers: Iterable[VoiceServer], *, may_use_tcp: bool) -> Servers:
    """Sort the servers of a call; TCP is for the versions that know it."""
    told = tuple(servers)
    reflector_ids = sorted({server.server_id for server in told if server.is_reflector})
    turn: list[TurnServer] = []
    stun: list[Address] = []
    reflectors: list[ReflectorServer] = []
    faults: list[str] = []
    for server in told:
        addresses = _addresses(server, _REFLECTOR_PORT if server.is_reflector else _STUN_PORT)
        if not addresses or (server.is_reflector and len(server.peer_tag) != PEER_TAG_BYTES):
            faults.append(f"server {server.server_id} is malformed")
        elif server.is_reflector:
            number = 1 + reflector_ids.index(server.server_id)
            one = ReflectorServer(addresses, number, server.peer_tag, server.is_tcp)
            reflectors.extend([one] if may_use_tcp or not server.is_tcp else [])
        else:
            relaying = TurnServer(addresses, server.username, server.password)
            turn.extend([relaying] if server.is_turn else [])
            stun.extend(addresses if server.is_stun or not server.is_turn else [])
    return Servers(
        tuple(dict.fromkeys(turn))[:_MOST_OF_A_KIND],
        tuple(dict.fromkeys(stun))[:_MOST_OF_A_KIND],
        _few_of_each_transport(reflectors),
        tuple(faults[:_MOST_OF_A_KIND]),
    )


def _few_of_each_transport(reflectors: list[ReflectorServer]) -> tuple[ReflectorServer, ...]:
    """Keep so many over UDP and half as many over TCP, which is for networks that let no UDP through."""
    unique = dict.fromkeys(reflectors)
    over_udp = [one for one in unique if not one.is_tcp][:_MOST_OF_A_KIND]
    over_tcp = [one for one in unique if one.is_tcp][: _MOST_OF_A_KIND // 2]
    return (*over_udp, *over_tcp)


def _addresses(server: VoiceServer, default_port: int) -> tuple[Address, ...]:
    """Give the addresses of a server, IPv4 first; none when they or its port are nonsense."""
    port = server.port or default_port
    if not 0 < port < 1 << 16:
        return ()
    found = (_usable_ip(text) for text in (server.ip, server.ipv6))
    return tuple(Address(ip, port) for ip in found if ip)


def _usable_ip(text: str) -> str:
    try:
        ip = ip_address(text)
    except ValueError:
        return ""
    return "" if ip.is_unspecified or ip.is_multicast else str(ip)
