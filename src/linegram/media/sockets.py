"""The pair of UDP sockets of one RTP stream. Never blocks; knows nothing of what it carries."""

import socket
from collections.abc import Iterator
from typing import Final

from linegram.media.latch import Address

_LONGEST_DATAGRAM: Final = 2048
_MOST_AT_ONCE: Final = 100
_EXPEDITED: Final = 46 << 2
"""DSCP EF, the class for voice (RFC 3246), as the TOS byte holds it."""


class MediaSockets:
    """RTP on an even port, RTCP on the next one (RFC 3550 section 11)."""

    def __init__(self, ip: str, port: int) -> None:
        """Bind both.

        Raises OSError when one of the ports is taken; then neither is held.
        """
        self.ip, self.port = ip, port
        self._rtp = _bound(ip, port)
        try:
            self._rtcp = _bound(ip, port + 1)
        except OSError:
            self._rtp.close()
            raise

    def received_rtp(self) -> Iterator[tuple[bytes, Address]]:
        """Give what has come on the RTP socket, with its sources; not more than a tick can bear."""
        return _received(self._rtp)

    def received_rtcp(self) -> Iterator[tuple[bytes, Address]]:
        """Give what has come on the RTCP socket."""
        return _received(self._rtcp)

    def send_rtp(self, datagram: bytes, target: Address) -> None:
        """Send; what the network does not take now is lost, as on any network."""
        _send(self._rtp, datagram, target)

    def send_rtcp(self, datagram: bytes, target: Address) -> None:
        """Send a report, under the same terms."""
        _send(self._rtcp, datagram, target)

    def close(self) -> None:
        """Free both ports."""
        self._rtp.close()
        self._rtcp.close()


def _bound(ip: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        if family == socket.AF_INET:
            bound.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED)
        bound.bind((ip, port))
    except OSError:
        bound.close()
        raise
    return bound


def _received(source: socket.socket) -> Iterator[tuple[bytes, Address]]:
    for _ in range(_MOST_AT_ONCE):
        try:
            datagram, address = source.recvfrom(_LONGEST_DATAGRAM)
        except OSError:
            return
        yield datagram, (address[0], address[1])


def _send(sender: socket.socket, datagram: bytes, target: Address) -> None:
    try:
        sender.sendto(datagram, target)
    except OSError:
        return
