"""An agent whose ways open late, are lost in mid-call, or lead through relays and NATs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.voice.own.ice.agent import IceAgent
from linegram.voice.own.ice.candidate import Candidate, network_of, priority_of, reflector_name
from linegram.voice.own.ice.stun import Address, Attribute, Kind, StunMessage, parse_stun, read_xor_address
from tests.voice.own.ice.net import CALLEE, CALLER, Net


def reflected(tag: int, number: int = 1) -> Candidate:
    return Candidate(Address(reflector_name(number, tag), 599), "relay", priority_of("relay", 100 - number))


def check_from(way: int, source: Address, agent: IceAgent, priority: int = 5) -> StunMessage:
    """Have a check of the caller's arrive at the callee's agent; return the answer."""
    attributes = ((Attribute.USERNAME, b"cale:call"), (Attribute.PRIORITY, priority.to_bytes(4, "big")))
    request = StunMessage(Kind.REQUEST, bytes(12), attributes)
    agent.receive(way, source, request.serialise(CALLEE.password), 1.0)
    datagram = agent.next_datagram()
    assert datagram is not None
    assert (datagram.way, datagram.target) == (way, source)
    return parse_stun(datagram.payload)


def test_an_end_behind_a_reflector_is_paired_only_with_those_behind_the_same() -> None:
    agent = Net().agents[1]
    agent.add_local(7, reflected(11), Address("203.0.113.1", 599))
    agent.add_remote(reflected(22))
    agent.add_remote(reflected(33, number=2))
    agent.add_remote(Candidate(Address("192.0.2.1", 4000), "host", 5))
    assert agent.knows(7, reflected(22).address)
    assert not agent.knows(7, reflected(33, number=2).address)
    assert not agent.knows(7, Address("192.0.2.1", 4000))
    assert not agent.knows(0, reflected(22).address)


def test_a_far_end_cannot_send_us_to_our_own_loopback() -> None:
    agent = Net().agents[1]
    for ip in ("127.0.0.1", "127.8.8.8"):
        agent.add_remote(Candidate(Address(ip, 53), "host", 5))
        assert not agent.knows(0, Address(ip, 53))
    agent.add_local(7, Candidate(Address("127.0.0.1", 4000), "host", 5))
    assert agent.knows(7, Address("127.8.8.8", 53))
    assert network_of(Address("::1", 9)) not in (network_of(Address("2001:db8::1", 9)), "loopback 4")


def test_a_check_through_a_reflector_by_an_unknown_tag_is_answered_with_the_reflectors_address() -> None:
    agent = Net().agents[1]
    agent.add_local(7, reflected(11), Address("203.0.113.1", 599))
    answer = check_from(7, reflected(99).address, agent)
    seen = read_xor_address(answer.find(Attribute.XOR_MAPPED_ADDRESS) or b"", bytes(12))
    assert seen == Address("203.0.113.1", 599)
    assert agent.knows(7, reflected(99).address)


def test_a_way_that_opens_late_is_tried_and_taken_when_it_is_better() -> None:
    net = Net(2)
    late = Address("192.0.2.1", 4000)
    net.agents[0].remove_local(0, net.now)
    net.introduce()
    net.run(3.0)
    assert net.paths()[0] == ("192.0.2.2", "192.0.2.11")
    net.agents[0].add_local(0, Candidate(late, "host", priority_of("host", 65535)))
    net.run(1.0)
    assert net.paths() == [("192.0.2.1", "192.0.2.11"), ("192.0.2.11", "192.0.2.1")]


def test_when_the_way_in_use_is_lost_another_one_that_works_is_taken_at_once() -> None:
    net = Net(2)
    net.introduce()
    net.run(6.0)
    net.agents[0].remove_local(0, net.now)
    path = net.agents[0].path
    assert path is not None
    assert path.way == 1
    assert not net.agents[0].knows(0, path.remote.address)
    net.blocked = {Address("192.0.2.1", 4000)}
    net.run(6.0)
    assert net.paths()[1] == ("192.0.2.11", "192.0.2.2")


def test_without_any_way_left_nothing_is_sent_until_there_is_one() -> None:
    net = Net()
    net.introduce()
    net.run(2.0)
    net.agents[0].remove_local(0, net.now)
    assert net.agents[0].path is None
    net.agents[0].handle_timer(net.now + 5.0)
    assert net.agents[0].next_datagram() is None
    net.agents[0].add_local(0, Candidate(Address("192.0.2.1", 4000), "host", priority_of("host", 65535)))
    net.run(1.0)
    assert net.agents[0].path is not None


def test_an_address_met_before_it_was_told_is_ranked_anew_when_it_is() -> None:
    agent = Net().agents[1]
    source = Address("192.0.2.77", 5000)
    check_from(0, source, agent, priority_of("prflx", 65535))
    pair = agent._pairs[0, source]
    met = pair.priority
    agent.add_remote(Candidate(source, "relay", priority_of("relay", 65535)))
    assert pair.priority < met
    assert pair.remote.kind == "relay"


def test_paths_of_low_rank_get_their_turn_though_many_better_ones_are_dead() -> None:
    net = Net()
    net.agents[0].set_remote(CALLEE)
    for number in range(30):
        dead = Address(f"198.51.100.{number + 1}", 9)
        net.agents[0].add_remote(Candidate(dead, "host", priority_of("host", number)))
    last = Address("203.0.113.9", 9)
    net.agents[0].add_remote(Candidate(last, "relay", priority_of("relay", 0)))
    tried: set[Address] = set()
    for tenth in range(8):
        net.agents[0].handle_timer(tenth / 10)
        while (datagram := net.agents[0].next_datagram()) is not None:
            tried.add(datagram.target)
    assert last in tried


def test_a_relay_is_tried_though_the_other_ways_have_all_the_paths_they_may_have() -> None:
    net = Net(8)
    agent = net.agents[0]
    for number in range(40):
        agent.add_remote(Candidate(Address(f"198.51.100.{number + 1}", 9), "host", 5))
    agent.add_local(99, reflected(1), Address("203.0.113.1", 599))
    agent.add_remote(reflected(2))
    assert agent.knows(99, reflected(2).address)
    assert len(agent._pairs) <= 8 * 32 + 1


def test_once_there_is_a_path_dead_ends_are_hardly_tried_and_those_that_work_are_kept_open() -> None:
    net = Net(2)
    net.introduce()
    for number in range(20):
        net.agents[0].add_remote(Candidate(Address(f"198.51.100.{number + 1}", 9), "host", 5))
    net.run(120.0)
    net.sent.clear()
    net.run(40.0)
    dead = [target for target in net.sent if target not in net.addresses]
    assert 20 * 2 * 2 <= len(dead) <= 20 * 2 * 3
    assert net.sent.count(Address("192.0.2.12", 4001)) >= 2 * 7


class NatNet(Net):
    """The caller is behind a NAT that shows one address for its socket and lets in whom it sent to."""

    OUTSIDE = Address("203.0.113.5", 40_000)

    def __init__(self) -> None:
        super().__init__()
        self.moved[Address("192.0.2.1", 4000)] = self.OUTSIDE

    def introduce(self) -> None:
        self.agents[0].set_remote(CALLEE)
        self.agents[1].set_remote(CALLER)
        self.agents[0].add_remote(Candidate(Address("192.0.2.11", 4000), "host", priority_of("host", 1)))


def test_an_end_behind_a_nat_is_reached_at_the_address_that_a_stun_server_saw() -> None:
    net = NatNet()
    net.introduce()
    seen = Candidate(net.OUTSIDE, "srflx", priority_of("srflx", 1))
    net.agents[1].add_remote(seen)
    net.agents[1].handle_timer(0.0)
    assert net.agents[1].knows(0, net.OUTSIDE)
    net.run(0.4)
    path = net.agents[1].path
    assert path is not None
    assert path.remote == seen


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(("open", "lose", "tell", "run")), st.integers(0, 2), st.integers(0, 1)),
        max_size=25,
    )
)
def test_ways_that_come_and_go_in_any_order_leave_both_ends_talking(
    steps: list[tuple[str, int, int]],
) -> None:
    net = Net(3)
    net.introduce()

    def candidate(side: int, number: int) -> Candidate:
        address = next(a for a, place in net.addresses.items() if place == (side, number))
        return Candidate(address, "host", priority_of("host", 65535 - number))

    for what, number, side in steps:
        match what:
            case "open":
                net.agents[side].add_local(number, candidate(side, number))
            case "lose":
                net.agents[side].remove_local(number, net.now)
            case "tell":
                net.agents[1 - side].add_remote(candidate(side, number))
            case _:
                net.run(0.3)
    for side in (0, 1):
        net.agents[side].add_local(2, candidate(side, 2))
    net.run(8.0)
    first, second = net.paths()
    assert first is not None
    assert second is not None
    assert first == second[::-1]
