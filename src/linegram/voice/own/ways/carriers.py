"""How packets get to a relay and back: by datagrams, or as frames on a stream."""

import errno
import os
import socket
from typing import Final, Protocol

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.relays.frames import GREETING, FrameReader, frame
from linegram.voice.own.ways.sockets import family_of, open_udp, read_udp

_ANY_IP: Final = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
_PIECE_BYTES: Final = 16 << 10
_MOST_PIECES: Final = 8
_MOST_WAITING_BYTES: Final = 32 << 10
"""Seconds of speech: a stream that is so far behind is of no use to a conversation."""

_DEAD_AFTER_MS: Final = 10_000
_CONNECTING: Final = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class Carrier(Protocol):
    """Carries packets to one relay and from it. No method blocks or raises."""

    is_open: bool
    why: str
    """Empty unless nothing more can be carried."""

    def send(self, packet: bytes) -> None:
        """Send a packet, or lose it."""

    def received(self) -> list[bytes]:
        """Give the packets that came from the relay, from nobody else."""

    def close(self) -> None:
        """Free the port."""


class UdpCarrier:
    """A socket on any address: the system takes the one that leads to the relay, also when that changes."""

    is_open = True
    why = ""

    def __init__(self, relay: Address) -> None:
        """Open; raises OSError when this machine has no such family."""
        self._relay = relay
        self._socket = open_udp(_ANY_IP[family_of(relay.ip)])

    def send(self, packet: bytes) -> None:
        """Send a datagram."""
        try:
            self._socket.sendto(packet, self._relay)
        except OSError:
            return

    def received(self) -> list[bytes]:
        """Give the datagrams of the relay."""
        return [datagram for source, datagram in read_udp(self._socket) if source == self._relay]

    def close(self) -> None:
        """Free the port."""
        self._socket.close()


class TcpCarrier:
    """A connection. Packets that it cannot take are lost whole, so that frames stay whole."""

    def __init__(self, relay: Address) -> None:
        """Begin to connect; raises OSError when that is refused at once."""
        self.is_open = False
        self.why = ""
        self._reader = FrameReader()
        self._waiting = bytearray(GREETING)
        self._socket = socket.socket(family_of(relay.ip), socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER_MS)
            code = self._socket.connect_ex(relay)
            if code not in _CONNECTING:
                raise OSError(code, os.strerror(code))
        except OSError:
            self._socket.close()
            raise

    def send(self, packet: bytes) -> None:
        """Send a frame, or lose it when the connection is too far behind."""
        if self.why or len(self._waiting) > _MOST_WAITING_BYTES:
            return
        self._waiting += frame(packet)
        self._flush()

    def received(self) -> list[bytes]:
        """Give the packets that are whole; what waits to be sent goes on its way too."""
        packets: list[bytes] = []
        for _ in range(_MOST_PIECES):
            if self.why or not (piece := self._read()):
                break
            try:
                packets += self._reader.receive(piece)
            except RemoteProtocolError as error:
                self._fail(f"broke the rules of the stream ({error})")
        self._flush()
        return packets

    def close(self) -> None:
        """Free the port. First read what is there, or the system breaks off before our last words are out."""
        self.received()
        self._fail("is no longer needed")

    def _read(self) -> bytes:
        """Read a piece; none when there is none now, or never again."""
        try:
            piece = self._socket.recv(_PIECE_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            self._fail(f"cannot be reached ({error.strerror})")
            return b""
        if not piece:
            self._fail("closed the connection")
        return piece

    def _flush(self) -> None:
        """Send as much as the connection takes; before it is made, that is nothing."""
        while self._waiting and not self.why:
            try:
                taken = self._socket.send(self._waiting)
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(f"cannot be reached ({error.strerror})")
                return
            self.is_open = True
            del self._waiting[:taken]

    def _fail(self, why: str) -> None:
        self.why = self.why or why
        self._waiting.clear()
        self._socket.close()
