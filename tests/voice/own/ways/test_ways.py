"""All ways of a call: what opens is told once, what is lost is made again, and numbers never come back."""

import socket
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linegram.voice.own.ice.candidate import Candidate, priority_of
from linegram.voice.own.ice.stun import Address, Attribute, Kind, StunMessage, parse_stun, xor_address
from linegram.voice.own.relays.servers import ReflectorServer, Servers
from linegram.voice.own.ways import relayed
from linegram.voice.own.ways.keeper import RelayKeeper
from linegram.voice.own.ways.sockets import leading_out
from tests.voice.own.ways.machines import RELAYS_ONLY, TAG, Machine, server_at


def test_each_address_of_the_machine_is_a_way_and_told_once() -> None:
    machine = Machine(["127.0.0.1", "127.0.0.2", "::1"])
    assert machine.found() == [(0, "host", "127.0.0.1"), (1, "host", "127.0.0.2"), (2, "host", "::1")]
    machine.later(10.0)
    assert machine.found() == []
    machine.ways.close(machine.now)


def test_an_address_that_this_machine_does_not_have_is_left_out() -> None:
    machine = Machine(["198.51.100.77", "127.0.0.1"])
    assert machine.found() == [(0, "host", "127.0.0.1")]
    machine.ways.close(machine.now)


def test_an_address_that_comes_is_a_new_way_and_one_that_goes_a_lost_way() -> None:
    machine = Machine(["127.0.0.1"])
    machine.found()
    machine.ips = ["127.0.0.1", "127.0.0.2"]
    machine.later(3.0)
    assert (machine.found(), machine.lost()) == ([(1, "host", "127.0.0.2")], [])
    machine.ips = ["127.0.0.2"]
    machine.later(3.0)
    assert (machine.found(), machine.lost()) == ([], [0])
    machine.ways.send(0, Address("127.0.0.9", 9), b"into the void", machine.now)
    assert list(machine.ways.received(machine.now, 0)) == []
    machine.ips = ["127.0.0.1", "127.0.0.2"]
    machine.later(3.0)
    assert machine.found() == [(2, "host", "127.0.0.1")]
    machine.ways.close(machine.now)


def test_relays_only_opens_no_socket_on_the_machines_addresses(reflector: socket.socket) -> None:
    machine = Machine(["127.0.0.1"], server_at(reflector), RELAYS_ONLY)
    assert machine.found() == []
    assert not machine.ways.is_hopeless
    hello, source = reflector.recvfrom(100)
    reflector.sendto(hello[:16] + b"\xff" * 24, source)
    machine.until(lambda: bool(machine.ways.found))
    ((number, kind, name),) = machine.found()
    assert (number, kind) == (0, "relay")
    assert name.startswith("reflector-1-")
    machine.ways.close(machine.now)


def test_what_a_reflector_passes_on_comes_by_its_own_way(reflector: socket.socket) -> None:
    machine = Machine(["127.0.0.1"], server_at(reflector))
    hello, source = reflector.recvfrom(100)
    reflector.sendto(hello[:16] + b"\xff" * 24, source)
    machine.until(lambda: len(machine.ways.found) == 2)
    reflector.sendto(hello[:16] + (7).to_bytes(4, "little") + b"\0\0\0\4talk", source)
    heard: list[tuple[int, Address, bytes]] = []
    while not heard:
        heard += machine.ways.received(machine.now)
    end = Address("reflector-1-7.reflector", reflector.getsockname()[1])
    assert heard == [(1, end, b"talk")]
    machine.ways.send(1, end, b"back", machine.now)
    assert reflector.recv(100) == hello[:12] + (7).to_bytes(4, "little") + hello[12:16] + b"\0\0\0\4back"
    machine.ways.close(machine.now)


UNROUTABLE = Address("fe80::5", 9)


def test_of_a_servers_two_addresses_the_first_that_we_have_a_route_to_is_taken(
    reflector: socket.socket,
) -> None:
    good = Address(*reflector.getsockname())
    assert leading_out((good, UNROUTABLE)) == good
    assert leading_out((UNROUTABLE,)) == UNROUTABLE
    servers = Servers(reflectors=(ReflectorServer((UNROUTABLE, good), 1, TAG),))
    machine = Machine([], servers, RELAYS_ONLY)
    assert reflector.recv(100)[16:28] == b"\xff" * 12
    machine.ways.close(machine.now)


def test_a_reflector_whose_other_address_is_the_one_to_use_after_a_change_is_approached_there(
    reflector: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = Servers(
        reflectors=(ReflectorServer((Address("127.0.0.1", 9), Address(*reflector.getsockname())), 1, TAG),)
    )
    machine = Machine(["127.0.0.1"], servers)
    monkeypatch.setattr(relayed, "leading_out", lambda addresses: addresses[-1])
    machine.ips = ["127.0.0.2"]
    for wait_s in (3.0, 0.0, 1.0):
        machine.later(wait_s)
    assert reflector.recv(100)[16:28] == b"\xff" * 12
    machine.ways.close(machine.now)


def test_a_silent_reflector_is_named_among_the_troubles(reflector: socket.socket) -> None:
    port = reflector.getsockname()[1]
    machine = Machine([], server_at(reflector)._replace(faults=("server 3 is malformed",)), RELAYS_ONLY)
    machine.later(5.0)
    assert machine.ways.troubles() == [
        "server 3 is malformed",
        f"The reflector 127.0.0.1:{port} (UDP) has not answered.",
    ]
    machine.ways.close(machine.now)


def test_a_relay_that_refuses_is_tried_again_ever_more_rarely_until_there_is_no_hope() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        servers = server_at(taken, is_tcp=True)
    machine = Machine([], servers, RELAYS_ONLY)
    (keeper,) = machine.ways._keepers
    for wait_s in (0.5, 1.0, 2.0):
        assert not machine.ways.is_hopeless
        machine.until(lambda: keeper.way is None)
        machine.later(wait_s - 0.01)
        assert keeper.way is None
        machine.later(0.01)
        assert keeper.way is not None
    assert machine.ways.is_hopeless
    assert "Connection refused" in machine.ways.troubles()[0]
    machine.ways.close(machine.now)


def test_without_any_address_and_relay_there_is_no_hope() -> None:
    assert Machine([], Servers(), RELAYS_ONLY).ways.is_hopeless
    assert Machine([]).ways.is_hopeless


def test_a_keeper_that_gets_no_socket_says_so_and_tries_again() -> None:
    tries: list[float] = []

    def make(now: float) -> None:
        tries.append(now)
        raise OSError(24, "Too many open files")

    keeper = RelayKeeper(make, 0.0)  # type: ignore[arg-type]
    for second in range(1, 200):
        keeper.handle_timer(float(second))
    assert keeper.why == "No socket for a relay: Too many open files."
    assert keeper.is_hopeless
    assert [late - early for early, late in pairwise(tries)][-3:] == [30.0] * 3


def test_a_connection_that_ends_in_mid_call_is_a_lost_way_and_then_a_new_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5.0)
        machine = Machine([], server_at(listener, is_tcp=True), RELAYS_ONLY)
        end, _ = listener.accept()
        machine.until(lambda: bool(machine.ways.found))
        assert machine.found()[0][0] == 0
        end.close()
        machine.until(lambda: bool(machine.ways.lost))
        assert machine.lost() == [0]
        assert not machine.ways.is_hopeless
        machine.later(1.0)
        end, _ = listener.accept()
        machine.until(lambda: bool(machine.ways.found))
        assert machine.found()[0][0] == 1
        end.close()
        machine.ways.close(machine.now)


class Allocation:
    """A way whose address at the relay changes, as that of TURN may."""

    relay, seen, why, is_lost = None, (), "", False

    def __init__(self, now: float) -> None:
        self.opened_at = now
        self.local: Candidate | None = None
        self.sent: list[bytes] = []

    def send(self, _target: Address, payload: bytes, _now: float) -> None:
        self.sent.append(payload)

    def received(self, _now: float) -> list[tuple[Address, bytes]]:
        return [(Address("192.0.2.9", 9), b"talk")]

    def handle_timer(self, now: float) -> None:
        return

    look_again = close = handle_timer


def test_an_allocation_that_moves_is_a_lost_way_and_a_new_one() -> None:
    machine = Machine([])
    way = Allocation(machine.now)
    machine.ways._keepers.append(RelayKeeper(lambda _: way, machine.now))
    machine.later(1.0)
    assert (machine.found(), list(machine.ways.received(machine.now))) == ([], [])
    for number, ip in enumerate(("203.0.113.1", "203.0.113.2")):
        way.local = Candidate(Address(ip, 5000), "relay", 5)
        machine.later(1.0)
        assert machine.found() == [(number, "relay", ip)]
        assert machine.lost() == ([number - 1] if number else [])
        (heard,) = machine.ways.received(machine.now)
        assert heard[0] == number
    machine.ways.send(0, Address("192.0.2.9", 9), b"old", machine.now)
    machine.ways.send(1, Address("192.0.2.9", 9), b"new", machine.now)
    assert way.sent == [b"new"]
    way.local = None
    machine.later(1.0)
    assert (machine.found(), machine.lost()) == ([], [1])


def test_what_a_stun_server_saw_is_told_but_no_way_of_its_own() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stun:
        stun.bind(("127.0.0.1", 0))
        stun.settimeout(5.0)
        machine = Machine(["127.0.0.1", "::1"], Servers(stun=(Address(*stun.getsockname()),)))
        machine.found()
        question, source = stun.recvfrom(200)
        transaction = parse_stun(question).transaction
        mapped = xor_address(Address("203.0.113.5", 4242), transaction)
        answer = StunMessage(Kind.SUCCESS, transaction, ((Attribute.XOR_MAPPED_ADDRESS, mapped),))
        for _ in range(2):
            stun.sendto(answer.serialise(None), source)
        machine.until(lambda: bool(machine.ways.found))
        (found,) = machine.ways.found
        assert found.number is None
        assert found.candidate.address == Address("203.0.113.5", 4242)
        assert found.candidate.related == Address(*source)
        assert found.candidate.priority == priority_of("srflx", 0xFFFF)
        machine.later(1.0)
        assert len(machine.ways.found) == 1
        machine.ways.close(machine.now)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sets(st.sampled_from(("127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"))), max_size=8))
def test_however_addresses_come_and_go_the_agent_is_told_of_exactly_those(changes: list[set[str]]) -> None:
    machine = Machine([])
    known: dict[int, str] = {}
    for ips in changes:
        machine.ips = sorted(ips)
        machine.later(3.0)
        for number in machine.lost():
            del known[number]
        for opened, _, ip in machine.found():
            assert opened is not None
            assert opened not in known
            known[opened] = ip
        assert sorted(known.values()) == sorted(ips)
    machine.ways.close(machine.now)
