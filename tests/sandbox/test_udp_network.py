"""The bad network with real sockets: who reaches whom, from which address, and what becomes of packets."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from linegram.sandbox.network import CUT, Impairment
from linegram.sandbox.udp_network import Address, Nat, UdpNetwork

IP = "127.0.0.1"


class End:
    """A party's own socket."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((IP, 0))
        self.socket.setblocking(False)
        self.address: Address = self.socket.getsockname()

    def say(self, text: bytes, target: Address) -> None:
        self.socket.sendto(text, target)

    def heard(self) -> list[tuple[bytes, Address]]:
        found = []
        while True:
            try:
                found.append(self.socket.recvfrom(2000))
            except BlockingIOError:
                return found


@pytest.fixture
def ends() -> Iterator[tuple[End, End]]:
    made = End(), End()
    yield made
    for end in made:
        end.socket.close()


@pytest.fixture
def network() -> Iterator[UdpNetwork]:
    made = UdpNetwork(IP)
    yield made
    made.close()


def hear(network: UdpNetwork, end: End) -> list[tuple[bytes, Address]]:
    """Move packets; give what has come to an end. On loopback a datagram is there when it was sent."""
    network.poll()
    return end.heard()


def test_both_parties_see_each_others_outside_address(ends: tuple[End, End], network: UdpNetwork) -> None:
    outside = [network.attach(end.address) for end in ends]
    assert len({*outside, ends[0].address, ends[1].address}) == 4
    ends[0].say(b"hello", outside[1])
    assert hear(network, ends[1]) == [(b"hello", outside[0])]
    ends[1].say(b"and you", outside[0])
    assert hear(network, ends[0]) == [(b"and you", outside[1])]


def test_attaching_twice_gives_the_same_address(ends: tuple[End, End], network: UdpNetwork) -> None:
    outside = network.attach(ends[0].address)
    assert (
        network.attach(ends[0].address) == network.told(ends[0].address) == network.told(outside) == outside
    )


def test_a_stranger_gets_an_outside_address_by_its_first_packet(
    ends: tuple[End, End], network: UdpNetwork
) -> None:
    ends[0].say(b"who am I", network.attach(ends[1].address))
    ((_, seen),) = hear(network, ends[1])
    assert seen == network.attach(ends[0].address)


def test_after_a_rebinding_a_party_comes_from_elsewhere_and_its_old_address_is_dead(
    ends: tuple[End, End], network: UdpNetwork
) -> None:
    old, other = network.attach(ends[0].address), network.attach(ends[1].address)
    new = network.rebind(ends[0].address)
    assert new != old
    ends[1].say(b"to the old one", old)
    ends[0].say(b"from the new one", other)
    assert hear(network, ends[1]) == [(b"from the new one", new)]
    assert hear(network, ends[0]) == []
    ends[1].say(b"to the new one", new)
    assert hear(network, ends[0]) == [(b"to the new one", other)]


def test_what_was_under_way_at_a_rebinding_is_lost_without_harm(
    ends: tuple[End, End], network: UdpNetwork
) -> None:
    network.attach(ends[0].address)
    other = network.attach(ends[1].address)
    network.impair(Impairment(delay_s=0.001))
    ends[0].say(b"late", other)
    network.poll()
    network.rebind(ends[0].address)
    poll_until(network, lambda: len(network.way_from(ends[0].address)) == 0)
    assert ends[1].heard() == []


def poll_until(network: UdpNetwork, is_so: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < limit
        network.poll(0.01)


def test_a_filtering_nat_lets_in_only_whom_the_party_has_sent_to(
    ends: tuple[End, End], network: UdpNetwork
) -> None:
    hidden, other = network.attach(ends[0].address, Nat.FILTERED), network.attach(ends[1].address)
    ends[1].say(b"too early", hidden)
    assert hear(network, ends[0]) == []
    assert network.filtered == 1
    ends[0].say(b"opens", other)
    assert hear(network, ends[1]) == [(b"opens", hidden)]
    ends[1].say(b"in time", hidden)
    assert hear(network, ends[0]) == [(b"in time", other)]


def test_a_symmetric_nat_shows_each_target_another_address(
    ends: tuple[End, End], network: UdpNetwork
) -> None:
    third = End()
    told = network.attach(ends[0].address, Nat.SYMMETRIC)
    seen = []
    for end in (ends[1], third):
        ends[0].say(b"hello", network.attach(end.address))
        ((_, source),) = hear(network, end)
        seen.append(source)
    assert len({told, *seen}) == 3
    third.say(b"by a hole that is not its own", seen[0])
    third.say(b"by no hole", told)
    third.say(b"by its own", seen[1])
    assert hear(network, ends[0]) == [(b"by its own", network.attach(third.address))]
    third.socket.close()


def test_a_network_may_be_bad_for_one_party_only(ends: tuple[End, End], network: UdpNetwork) -> None:
    outside = [network.attach(end.address) for end in ends]
    network.impair(CUT, ends[0].address)
    ends[0].say(b"lost", outside[1])
    ends[1].say(b"not lost", outside[0])
    network.poll()
    assert ends[1].heard() == []
    assert ends[0].heard() == [(b"not lost", outside[1])]
    assert network.way_from(ends[0].address).lost == 1
    network.impair(Impairment(duplication=1.0))
    ends[0].say(b"twice", outside[1])
    assert [text for text, _ in hear(network, ends[1])] == [b"twice", b"twice"]


def test_delay_is_kept_by_the_clock_that_was_given(ends: tuple[End, End]) -> None:
    now = [100.0]
    network = UdpNetwork(IP, Impairment(delay_s=0.5), clock=lambda: now[0])
    ends[0].say(b"slow", network.attach(ends[1].address))
    now[0] = 100.4
    assert hear(network, ends[1]) == []
    now[0] = 100.9
    assert [text for text, _ in hear(network, ends[1])] == [b"slow"]
    network.close()


def test_a_thread_moves_packets_and_ends_with_the_network(ends: tuple[End, End]) -> None:
    with UdpNetwork(IP) as network:
        ends[1].socket.setblocking(True)
        ends[1].socket.settimeout(10)
        ends[0].say(b"hello", network.attach(ends[1].address))
        assert ends[1].socket.recv(100) == b"hello"
    network.close()
