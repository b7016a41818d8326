"""UDP sockets that never block."""

import socket
from collections.abc import Sequence
from typing import Final

from linegram.voice.own.ice.stun import Address

_LONGEST_DATAGRAM: Final = 2048
_MOST_AT_ONCE: Final = 100
_EXPEDITED: Final = 46 << 2
"""DSCP EF, the class for voice (RFC 3246), as the TOS byte holds it."""


def family_of(ip: str) -> socket.AddressFamily:
    """Say which family an address is of."""
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def open_udp(ip: str) -> socket.socket:
    """Open a socket on an address of ours.

    Raises OSError when the address refuses: it may just have gone.
    """
    family = family_of(ip)
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        if family == socket.AF_INET:
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED)
        else:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _EXPEDITED)
        opened.bind((ip, 0))
    except OSError:
        opened.close()
        raise
    return opened


def routed_ip(target: Address) -> str:
    """Say which address of ours leads to a target now, empty without any; nothing is sent."""
    with socket.socket(family_of(target.ip), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(target)
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def leading_out(addresses: Sequence[Address]) -> Address:
    """Choose the first address of a server that this machine has a route to; the first of all without any."""
    return next((one for one in addresses if routed_ip(one)), addresses[0])


def read_udp(opened: socket.socket) -> list[tuple[Address, bytes]]:
    """Take what has come to a socket; not more than a tick can bear."""
    found: list[tuple[Address, bytes]] = []
    receive = opened.recvfrom
    for _ in range(_MOST_AT_ONCE):
        try:
            datagram, source = receive(_LONGEST_DATAGRAM)
        except BlockingIOError:
            break
        except OSError:
            continue
        found.append((Address(source[0], source[1]), datagram))
    return found
