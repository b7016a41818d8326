"""Two agents find a path over a network with walls, losses and moves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.candidate import Candidate, priority_of
from linegram.voice.own.ice.stun import Address, Attribute, Kind, StunMessage, parse_stun
from tests.voice.own.ice.net import CALLEE, CALLER, Net


def test_both_ends_take_the_best_path_and_the_same() -> None:
    net = Net(2)
    net.introduce()
    net.run(0.2)
    assert net.paths() == [("192.0.2.1", "192.0.2.11"), ("192.0.2.11", "192.0.2.1")]


def test_a_path_is_found_around_a_wall() -> None:
    net = Net(2)
    net.blocked = {Address("192.0.2.1", 4000), Address("192.0.2.11", 4000)}
    net.introduce()
    net.run(0.5)
    assert net.paths() == [("192.0.2.2", "192.0.2.12"), ("192.0.2.12", "192.0.2.2")]


def test_an_end_is_found_by_its_checks_alone() -> None:
    net = Net()
    net.agents[0].set_remote(CALLEE)
    net.agents[1].set_remote(CALLER)
    net.agents[0].add_remote(Candidate(Address("192.0.2.11", 4000), "host", priority_of("host", 1)))
    net.run(0.3)
    assert net.paths() == [("192.0.2.1", "192.0.2.11"), ("192.0.2.11", "192.0.2.1")]


def test_checks_are_answered_before_the_far_ends_credentials_are_known() -> None:
    net = Net()
    net.agents[0].set_remote(CALLEE)
    net.agents[0].add_remote(Candidate(Address("192.0.2.11", 4000), "host", priority_of("host", 1)))
    net.run(0.3)
    assert net.agents[0].path is not None
    assert net.agents[1].path is None
    net.agents[1].set_remote(CALLER)
    net.run(0.3)
    assert net.agents[1].path is not None


def test_both_ends_leave_a_path_that_dies_in_the_middle_of_the_call() -> None:
    net = Net(2)
    net.introduce()
    net.run(5.0)
    net.blocked = {Address("192.0.2.1", 4000)}
    net.run(5.0)
    first, second = net.paths()
    assert first is not None
    assert second is not None
    assert first[0] == second[1] == "192.0.2.2"


@pytest.mark.parametrize("side", [0, 1])
def test_an_end_that_appears_at_another_address_is_followed(side: int) -> None:
    net = Net()
    net.introduce()
    net.run(3.0)
    old = Address(f"192.0.2.{10 * side + 1}", 4000)
    net.moved[old] = Address("198.51.100.7", 999)
    net.run(6.0)
    path = net.agents[1 - side].path
    assert path is not None
    assert path.remote.address == Address("198.51.100.7", 999)


def test_a_far_end_that_is_gone_is_not_heard_any_more() -> None:
    net = Net()
    net.introduce()
    net.run(1.0)
    net.blocked = set(net.addresses)
    net.run(10.0)
    heard_at = net.agents[0].heard_at
    assert heard_at is not None
    assert net.now - heard_at > 9.0


def test_a_check_with_another_password_is_not_answered_and_proves_nothing() -> None:
    net = Net()
    request = StunMessage(Kind.REQUEST, bytes(12), ((Attribute.USERNAME, b"call:evil"),))
    with pytest.raises(RemoteProtocolError):
        net.agents[0].receive(0, Address("198.51.100.1", 9), request.serialise("wrong"), 0.0)
    assert net.agents[0].next_datagram() is None
    assert net.agents[0].heard_at is None


def test_an_answer_to_no_check_is_refused() -> None:
    net = Net()
    net.introduce()
    answer = StunMessage(Kind.SUCCESS, bytes(12)).serialise(CALLEE.password)
    with pytest.raises(RemoteProtocolError):
        net.agents[0].receive(0, Address("192.0.2.11", 4000), answer, 0.0)


def test_a_flood_of_candidates_is_bounded() -> None:
    net = Net(2)
    net.introduce()
    for number in range(1000):
        net.agents[0].add_remote(Candidate(Address(f"198.51.{number // 250}.{number % 250}", 9), "host", 5))
    assert len(net.agents[0]._pairs) <= 128
    net.agents[0].handle_timer(0.0)
    count = 0
    while net.agents[0].next_datagram() is not None:
        count += 1
    assert count <= 5


def test_families_are_not_mixed() -> None:
    net = Net()
    net.agents[0].add_remote(Candidate(Address("2001:db8::1", 9), "host", 5))
    assert not net.agents[0].knows(0, Address("2001:db8::1", 9))


def test_the_caller_names_its_choice() -> None:
    net = Net()
    net.introduce()
    net.run(0.5)
    net.agents[0].handle_timer(net.now + 2.0)
    datagram = net.agents[0].next_datagram()
    assert datagram is not None
    message = parse_stun(datagram.payload)
    assert message.find(Attribute.USE_CANDIDATE) == b""
    assert message.find(Attribute.ICE_CONTROLLING) is not None
    assert message.find(Attribute.USERNAME) == b"cale:call"


def test_passwords_are_not_in_what_is_logged() -> None:
    assert "pppp" not in repr(CALLER)


@settings(max_examples=40)
@given(st.lists(st.booleans(), max_size=60))
def test_both_ends_find_the_same_path_whatever_is_lost_at_first(fates: list[bool]) -> None:
    net = Net(2, fates)
    net.introduce()
    net.run(20.0)
    first, second = net.paths()
    assert first is not None
    assert second is not None
    assert first == second[::-1]
