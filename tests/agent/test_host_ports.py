"""RTP ports: even, never twice, rested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.agent.rtp_ports import RtpPorts
from linegram.errors import UnavailableError


def test_ports_are_even_and_leave_room_for_rtcp() -> None:
    ports = RtpPorts(4001, 4007)
    assert [ports.take(0.0) for _ in range(3)] == [4002, 4004, 4006]


def test_a_range_without_a_pair_is_refused() -> None:
    for first, last in ((4001, 4002), (4000, 4000), (5000, 4000), (0, 1), (65534, 70000)):
        with pytest.raises(ValueError, match="no pair of RTP ports"):
            RtpPorts(first, last)


def test_a_freed_port_rests_thirty_seconds() -> None:
    ports = RtpPorts(4000, 4001)
    ports.give_back(ports.take(0.0), 10.0)
    with pytest.raises(UnavailableError, match=r"in use \(0\) or resting \(1\)"):
        ports.take(39.9)
    assert ports.take(40.0) == 4000


def test_a_port_given_back_twice_or_never_taken_is_there_once() -> None:
    ports = RtpPorts(4000, 4003)
    port = ports.take(0.0)
    for _ in range(3):
        ports.give_back(port, 0.0)
    ports.give_back(9999, 0.0)
    assert sorted(ports.take(31.0) for _ in range(2)) == [4000, 4002]
    with pytest.raises(UnavailableError):
        ports.take(31.0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 20.0)), max_size=100))
def test_no_port_is_held_twice_or_before_its_rest(steps: list[tuple[bool, float]]) -> None:
    ports, now = RtpPorts(4000, 4019), 0.0
    taken: list[int] = []
    freed_at: dict[int, float] = {}
    for is_taking, step_s in steps:
        now += step_s
        if is_taking and len(taken) < 10:
            try:
                port = ports.take(now)
            except UnavailableError:
                continue
            assert port not in taken
            assert now >= freed_at.get(port, -30.0) + 30.0
            taken.append(port)
        elif taken:
            freed_at[taken[0]] = now
            ports.give_back(taken.pop(0), now)
    assert ports.taken_count == len(taken)
