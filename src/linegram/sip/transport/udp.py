"""One UDP socket for all accounts: drained whole on each wake-up, with a large receive buffer."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

import structlog

_log = structlog.get_logger()

RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024
_MAX_DATAGRAM_BYTES: Final = 65_535
_DATAGRAMS_PER_WAKE: Final = 256

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


def local_host_towards(host: str, port: int) -> str:
    """Which of our addresses the system would use towards a place. Sends nothing. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, port))
        return str(probe.getsockname()[0])
