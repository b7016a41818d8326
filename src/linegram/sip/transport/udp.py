"""UDP sockets for all accounts, one for each kind of IP: drained whole on each wake-up."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Final

import structlog

_log = structlog.get_logger()

RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024
_MAX_DATAGRAM_BYTES: Final = 65_535
_DATAGRAMS_PER_WAKE: Final = 256
_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})

OnDatagram = Callable[[bytes, str, int], None]


class UdpSocket:
    """A bound UDP socket that hands every datagram to a function."""

    def __init__(self, host: str, port: int, on_datagram: OnDatagram, on_drained: Callable[[], None]) -> None:
        """Bind; the loop must be running. `on_drained` follows each batch of datagrams. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._on_datagram = on_datagram
        self._on_drained = on_drained
        self._loop = asyncio.get_running_loop()
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            if family is socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket.fileno(), self._drain)

    @property
    def address(self) -> tuple[str, int]:
        """Where the socket is bound."""
        name = self._socket.getsockname()
        return str(name[0]), int(name[1])

    @property
    def family(self) -> socket.AddressFamily:
        """IPv4 or IPv6."""
        return self._socket.family

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send one datagram; what the kernel does not take is lost like any packet: timers repeat it."""
        try:
            self._socket.sendto(data, (host, port))
        except OSError as error:
            _log.debug("sip_datagram_not_sent", peer=host, error=str(error))

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _drain(self) -> None:
        for _ in range(_DATAGRAMS_PER_WAKE):
            try:
                data, source = self._socket.recvfrom(_MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                _log.debug("sip_datagram_refused", error=str(error))
                continue
            self._on_datagram(data, source[0], source[1])
        self._on_drained()


class UdpSockets:
    """One socket for each address to bind; the first is the one that stands for us."""

    def __init__(
        self, hosts: Sequence[str], port: int, on_datagram: OnDatagram, on_drained: Callable[[], None]
    ) -> None:
        """Bind them all to one port, if it is given. Raises OSError."""
        self._sockets: dict[socket.AddressFamily, UdpSocket] = {}
        try:
            for host in hosts:
                bound = UdpSocket(host, port, on_datagram, on_drained)
                self._sockets[bound.family] = bound
        except OSError:
            self.close()
            raise

    @property
    def address(self) -> tuple[str, int]:
        """Where the first is bound."""
        return self.addresses[0]

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where they are bound."""
        return [one.address for one in self._sockets.values()]

    @property
    def families(self) -> frozenset[socket.AddressFamily]:
        """The kinds of IP that we speak."""
        return frozenset(self._sockets)

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send one datagram by the socket that fits the address."""
        fitting = self._sockets.get(family_of(host))
        if fitting is not None:
            fitting.send(data, host, port)

    def towards(self, host: str, port: int) -> tuple[str, int] | None:
        """Our own address and port as a place sees them; None when there is no way there."""
        fitting = self._sockets.get(family_of(host))
        if fitting is None:
            return None
        bound, bound_port = fitting.address
        try:
            return (local_host_towards(host, port) if bound in _WILDCARDS else bound), bound_port
        except OSError:
            return None

    def own_host(self) -> str:
        """A name for ourselves where no target tells better."""
        bound = self.address[0]
        if bound not in _WILDCARDS:
            return bound
        is_v6 = ":" in bound
        try:
            return local_host_towards("2001:db8::1" if is_v6 else "192.0.2.1", 9)
        except OSError:
            return "::1" if is_v6 else "127.0.0.1"

    def close(self) -> None:
        """Close them all."""
        while self._sockets:
            self._sockets.popitem()[1].close()


def family_of(host: str) -> socket.AddressFamily:
    """The kind of IP of an address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def local_host_towards(host: str, port: int) -> str:
    """Which of our addresses the system would use towards a place. Sends nothing. Raises OSError."""
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
        probe.connect((host, port))
        return str(probe.getsockname()[0])
