"""Our TURN client and STUN probe at a real coturn, over real sockets."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random

import pytest

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.ice.stun_probe import StunProbe
from linegram.voice.own.ice.turn import TurnClient
from tests.peers.coturn import Coturn, TurnPolicy
from tests.peers.waiting import until

pytestmark = pytest.mark.peer("coturn")

PATIENCE_S = 15.0


class Socket:
    """A UDP socket that waits for what must come."""

    def __init__(self, ip: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ip, 0))
        self._socket.settimeout(0.05)
        self.address = Address(*self._socket.getsockname())

    def send(self, target: Address, payload: bytes) -> None:
        self._socket.sendto(payload, target)

    def take(self) -> tuple[bytes, Address] | None:
        try:
            datagram, source = self._socket.recvfrom(2048)
        except TimeoutError:
            return None
        return datagram, Address(*source)

    def hears(self) -> tuple[bytes, Address]:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if (taken := self.take()) is not None:
                return taken
        raise AssertionError("nothing came")

    def close(self) -> None:
        self._socket.close()


class Desk:
    """A TURN client on a socket. Its clock can be put forward: the server's cannot."""

    def __init__(self, server: Coturn, password: str) -> None:
        self._socket = Socket(server.address)
        self._ahead_s = 0.0
        self.server = Address(server.address, server.port)
        self.client = TurnClient(
            self.server, server.policy.username, password, random=Random(time.time_ns()).random, now=self.now
        )
        self.heard: list[tuple[Address, bytes]] = []

    @property
    def now(self) -> float:
        return time.monotonic() + self._ahead_s

    @property
    def mapped(self) -> Address:
        return self._socket.address

    def run_until(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < until, self.client.why
            self._step()

    def put_forward(self, seconds: float) -> None:
        """Let the client believe that time has passed, and do what is then due."""
        self._ahead_s += seconds
        self._step()

    def say(self, target: Address, payload: bytes) -> None:
        self.client.send(target, payload, self.now)
        self._step()

    def close(self) -> None:
        self.client.close(self.now)
        self._flush()
        self._socket.close()

    def _step(self) -> None:
        self.client.handle_timer(self.now)
        self._flush()
        if (taken := self._socket.take()) is not None:
            # A clock put forward repeats what is on its way: its second answer is one to nothing.
            with suppress(RemoteProtocolError):
                self.heard += self.client.receive(taken[0], self.now)
        self._flush()

    def _flush(self) -> None:
        while (datagram := self.client.next_datagram()) is not None:
            self._socket.send(self.server, datagram)


@contextmanager
def desk_at(server: Coturn, password: str = "") -> Iterator[Desk]:
    desk = Desk(server, password or server.policy.password)
    try:
        yield desk
    finally:
        desk.close()


@pytest.fixture
def desk(coturn: Coturn) -> Iterator[Desk]:
    with desk_at(coturn) as desk:
        desk.run_until(lambda: desk.client.relayed is not None)
        yield desk


@contextmanager
def socket_at(server: Coturn) -> Iterator[Socket]:
    made = Socket(server.address)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def far(coturn: Coturn) -> Iterator[Socket]:
    with socket_at(coturn) as far:
        yield far


@pytest.fixture
def other(coturn: Coturn) -> Iterator[Socket]:
    with socket_at(coturn) as other:
        yield other


def exchange(desk: Desk, far: Socket, words: bytes) -> None:
    """Say something each way."""
    assert desk.client.relayed is not None
    desk.say(far.address, words)
    assert far.hears() == (words, desk.client.relayed)
    count = len(desk.heard)
    far.send(desk.client.relayed, words[::-1])
    desk.run_until(lambda: len(desk.heard) > count)
    assert desk.heard[count:] == [(far.address, words[::-1])]


def answered(server: Coturn, method: str) -> int:
    """Count what the server has granted in its newest allocation."""
    return server.log().rpartition(": new, ")[2].count(f"{method} processed, success")


async def has_forgotten(server: Coturn, ip: str) -> bool:
    return f"peer {ip} deleted" in server.log()


def test_coturn_gives_an_address_and_relays_both_ways(desk: Desk, far: Socket) -> None:
    assert desk.client.relayed is not None
    assert desk.client.relayed.ip == desk.server.ip
    assert desk.client.relayed not in (desk.server, desk.mapped)
    assert desk.client.mapped == desk.mapped
    for number in range(20):
        exchange(desk, far, b"word %d" % number)


def test_odd_lengths_and_long_datagrams_pass(desk: Desk, far: Socket) -> None:
    for length in (1, 2, 3, 4, 5, 171, 1172, 1200):
        exchange(desk, far, (bytes(range(1, 256)) * 5)[:length])


def test_two_far_ends_are_told_apart(desk: Desk, far: Socket, other: Socket) -> None:
    for one in (far, other, far, other):
        exchange(desk, one, b"to %d" % one.address.port)


def test_everything_is_renewed_in_time(coturn: Coturn, desk: Desk, far: Socket) -> None:
    exchange(desk, far, b"before")
    desk.run_until(lambda: answered(coturn, "CHANNEL_BIND") > 0)
    before = {word: answered(coturn, word) for word in ("REFRESH", "CHANNEL_BIND")}
    for _ in range(3):
        desk.put_forward(190)
        desk.say(far.address, b"meanwhile")
    desk.run_until(lambda: all(answered(coturn, word) > count for word, count in before.items()))
    while far.take() is not None:
        continue
    exchange(desk, far, b"after")
    assert not desk.client.has_failed


async def test_a_stale_nonce_is_survived() -> None:
    async with Coturn("127.0.0.1", TurnPolicy(nonce_s=1)) as server:
        with desk_at(server) as desk, socket_at(server) as far:
            desk.run_until(lambda: desk.client.relayed is not None)
            exchange(desk, far, b"before")
            while "error 438" not in server.log():
                desk.put_forward(250)
                exchange(desk, far, b"meanwhile")
            exchange(desk, far, b"after")
            assert not desk.client.has_failed


def test_a_wrong_password_says_so(coturn: Coturn) -> None:
    with desk_at(coturn, "wrong") as desk:
        desk.run_until(lambda: desk.client.has_failed)
        assert desk.client.why == (
            f"The TURN server {coturn.address}:{coturn.port} refuses our user name or password."
        )


async def test_a_full_server_says_so() -> None:
    async with Coturn("127.0.0.1", TurnPolicy(most_allocations=1)) as server:
        with desk_at(server) as first, desk_at(server) as second:
            first.run_until(lambda: first.client.relayed is not None)
            second.run_until(lambda: second.client.has_failed)
            assert "too many allocations" in second.client.why


async def test_a_forbidden_address_stops_no_other() -> None:
    async with Coturn("127.0.0.1", TurnPolicy(denied_peer="10.9.9.9")) as server:
        with desk_at(server) as desk, socket_at(server) as far:
            desk.run_until(lambda: desk.client.relayed is not None)
            desk.say(Address("10.9.9.9", 9), b"never")
            desk.run_until(lambda: "error 403" in server.log())
            exchange(desk, far, b"well")


async def test_a_restarted_server_gives_a_new_address() -> None:
    async with Coturn("127.0.0.1") as server:
        with desk_at(server) as desk, socket_at(server) as far:
            desk.run_until(lambda: desk.client.relayed is not None)
            exchange(desk, far, b"before")
            lost = desk.client.relayed
            await server.stop()
            await server.start()
            desk.put_forward(250)
            desk.run_until(lambda: desk.client.relayed not in (None, lost))
            exchange(desk, far, b"after")


async def test_closing_gives_the_address_back_long_before_it_would_lapse() -> None:
    async with Coturn("127.0.0.1") as server:
        with desk_at(server) as desk, socket_at(server) as far:
            desk.run_until(lambda: desk.client.relayed is not None)
            exchange(desk, far, b"word")
            assert "deleted" not in server.log()
        await until(lambda: has_forgotten(server, far.address.ip), PATIENCE_S)


def test_the_probe_learns_how_the_server_sees_us(coturn: Coturn, far: Socket) -> None:
    server = Address(coturn.address, coturn.port)
    probe = StunProbe(server, Random(1).random, 0.0)
    for now in (0.0, 15.0):
        probe.handle_timer(now)
        far.send(server, probe.next_datagram() or b"")
        datagram, source = far.hears()
        assert source == server
        probe.receive(datagram, now)
        assert probe.mapped == far.address
