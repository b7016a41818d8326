"""Packets to a relay and back, over real sockets: in pieces, too fast, and from strangers."""

import select
import socket
from collections.abc import Iterator

import pytest

from linegram.voice.own.ice.stun import Address
from linegram.voice.own.relays.frames import GREETING, frame
from linegram.voice.own.ways.carriers import TcpCarrier, UdpCarrier


def wait_for(end: socket.socket) -> None:
    assert select.select([end], [], [], 5.0)[0]


class TcpRelay:
    """The relay's end of one connection."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(5.0)
        self.carrier = TcpCarrier(Address(*self.listener.getsockname()))
        self.end, _ = self.listener.accept()
        self.end.settimeout(5.0)

    def read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            found += self.end.recv(count - len(found))
        return found

    def received(self, count: int) -> list[bytes]:
        """What the carrier has read once it is so many packets, or has failed."""
        found: list[bytes] = []
        while len(found) < count and not self.carrier.why:
            wait_for(self.carrier._socket)
            found += self.carrier.received()
        return found

    def close(self) -> None:
        self.carrier.close()
        self.end.close()
        self.listener.close()


@pytest.fixture
def relay() -> Iterator[TcpRelay]:
    made = TcpRelay()
    yield made
    made.close()


def test_a_connection_begins_with_the_greeting_and_is_open_then(relay: TcpRelay) -> None:
    assert not relay.carrier.is_open
    relay.carrier.send(b"hello")
    assert relay.read(4 + 4 + 5) == GREETING + frame(b"hello")
    assert relay.carrier.is_open


def test_packets_that_come_in_pieces_come_out_whole(relay: TcpRelay) -> None:
    stream = frame(b"one") + frame(b"") + frame(b"two" * 200)
    for at in range(0, len(stream), 7):
        relay.end.sendall(stream[at : at + 7])
    assert relay.received(3) == [b"one", b"", b"two" * 200]


def test_a_stream_that_falls_behind_loses_packets_whole_and_keeps_its_order(relay: TcpRelay) -> None:
    relay.carrier._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    packets = [number.to_bytes(4, "big") * 250 for number in range(8000)]
    for packet in packets:
        relay.carrier.send(packet)
    assert len(relay.carrier._waiting) < 40 << 10
    assert relay.read(4) == GREETING
    found: list[bytes] = []
    relay.end.settimeout(0.3)
    while True:
        relay.carrier.received()
        try:
            assert relay.read(4) == (1000).to_bytes(4, "little")
            found.append(relay.read(1000))
        except TimeoutError:
            break
    assert len(found) < len(packets)
    assert found == [packet for packet in packets if packet in set(found)]


class Trickle:
    """A connection that takes three bytes at a time."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.recv, self.close = inner.recv, inner.close

    def send(self, piece: bytes) -> int:
        return self._inner.send(piece[:3])


def test_what_the_connection_takes_in_pieces_arrives_whole(relay: TcpRelay) -> None:
    relay.carrier._socket = Trickle(relay.carrier._socket)  # type: ignore[assignment]
    relay.carrier.send(b"first packet")
    relay.carrier.send(b"second")
    stream = GREETING + frame(b"first packet") + frame(b"second")
    assert relay.read(len(stream)) == stream


def test_a_frame_that_is_too_long_ends_the_connection(relay: TcpRelay) -> None:
    relay.end.sendall(b"\xff\xff\xff\x7f")
    assert relay.received(1) == []
    assert "broke the rules" in relay.carrier.why


def test_a_relay_that_hangs_up_is_noticed_and_nothing_more_is_sent(relay: TcpRelay) -> None:
    relay.end.close()
    assert relay.received(1) == []
    assert relay.carrier.why == "closed the connection"
    relay.carrier.send(b"late")
    assert relay.carrier.received() == []
    relay.carrier.close()
    assert relay.carrier.why == "closed the connection"


def test_a_relay_that_refuses_is_noticed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(*taken.getsockname())
    carrier = TcpCarrier(address)
    while not carrier.why:
        carrier.received()
    assert carrier.why == "cannot be reached (Connection refused)"


def test_datagrams_are_taken_from_the_relay_and_nobody_else() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        relay.bind(("127.0.0.1", 0))
        carrier = UdpCarrier(Address(*relay.getsockname()))
        carrier.send(b"hello")
        datagram, ours = relay.recvfrom(100)
        assert datagram == b"hello"
        stranger.sendto(b"evil", ("127.0.0.1", ours[1]))
        relay.sendto(b"answer", ("127.0.0.1", ours[1]))
        found: list[bytes] = []
        while not found:
            wait_for(carrier._socket)
            found += carrier.received()
        assert found == [b"answer"]
        carrier.close()
        carrier.send(b"late")


def test_last_words_arrive_though_not_all_was_read(relay: TcpRelay) -> None:
    relay.end.sendall(frame(b"unread") * 3)
    wait_for(relay.carrier._socket)
    relay.carrier.send(b"bye")
    relay.carrier.close()
    assert relay.read(4 + 4 + 3) == GREETING + frame(b"bye")
    assert relay.end.recv(1) == b""
