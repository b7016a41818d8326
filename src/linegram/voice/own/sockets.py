"""The UDP sockets of one call, one on each address of this machine. Never blocks."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

import ifaddr

from linegram.voice.own.ice.stun import Address

_LONGEST_DATAGRAM: Final = 2048
_MOST_AT_ONCE: Final = 100
_MOST_ADDRESSES: Final = 8
_EXPEDITED: Final = 46 << 2
"""DSCP EF, the class for voice (RFC 3246), as the TOS byte holds it."""


def local_ips() -> list[str]:
    """List this machine's addresses that a far end may reach: no loopback, no link-local. IPv4 first."""
    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for one in adapter.ips:
            text = one.ip if isinstance(one.ip, str) else one.ip[0]
            ip = ip_address(text)
            if not (ip.is_loopback or ip.is_link_local or ip.is_unspecified):
                found.append(str(ip))
    return sorted(found, key=lambda text: ":" in text)[:_MOST_ADDRESSES]


class VoiceSockets:
    """Numbered from 0; a number is what the path calls a socket by."""

    def __init__(self, ips: list[str]) -> None:
        """Bind one socket to each address; an address that refuses (just gone) is left out."""
        self._sockets: list[socket.socket] = []
        for ip in ips:
            family = socket.AF_INET6 if ":" in ip else socket.AF_INET
            bound = socket.socket(family, socket.SOCK_DGRAM)
            try:
                bound.setblocking(False)
                if family == socket.AF_INET:
                    bound.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED)
                bound.bind((ip, 0))
            except OSError:
                bound.close()
                continue
            self._sockets.append(bound)

    def addresses(self) -> list[Address]:
        """Say where the sockets are bound, in their order."""
        return [Address(*one.getsockname()[:2]) for one in self._sockets]

    def received(self, only: int | None = None) -> Iterator[tuple[int, Address, bytes]]:
        """Give what has come, or only what has come to one socket; not more than a tick can bear."""
        numbers = range(len(self._sockets)) if only is None else (only,)
        for number in numbers:
            receive = self._sockets[number].recvfrom
            for _ in range(_MOST_AT_ONCE):
                try:
                    datagram, source = receive(_LONGEST_DATAGRAM)
                except BlockingIOError:
                    break
                except OSError:
                    continue
                yield number, Address(source[0], source[1]), datagram

    def send(self, number: int, target: Address, datagram: bytes) -> None:
        """Send; what the network does not take now is lost, as on any network."""
        try:
            self._sockets[number].sendto(datagram, target)
        except OSError:
            return

    def close(self) -> None:
        """Free all ports."""
        for one in self._sockets:
            one.close()
