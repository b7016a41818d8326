"""Ways that open are used and told; where reflectors stand alone, the far end is known without telling."""

import socket
from random import Random

from linegram.voice.own.gathering import Gathering
from linegram.voice.own.ice.agent import Credentials, IceAgent
from linegram.voice.own.ice.candidate import Candidate
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.messages import CandidateLine, Candidates
from linegram.voice.own.ways.ways import Terms
from tests.voice.own.ice.net import CALLEE
from tests.voice.own.ways.machines import Machine, server_at


def agent() -> IceAgent:
    return IceAgent(Credentials("call", "p" * 24), is_controlling=True, random=Random(1).random)


def test_ways_that_open_are_used_and_told_in_one_message() -> None:
    machine, ice = Machine(["127.0.0.1", "127.0.0.2"]), agent()
    gathering = Gathering(machine.ways, ice, "call")
    news = gathering.news(machine.now)
    assert news is not None
    assert [line.sdp_string.split()[4] for line in news.candidates] == ["127.0.0.1", "127.0.0.2"]
    assert gathering.news(machine.now) is None
    ice.add_remote(Candidate(Address("127.0.0.9", 9), "host", 5))
    assert ice.knows(0, Address("127.0.0.9", 9))
    machine.ips = ["127.0.0.2"]
    machine.later(3.0)
    assert gathering.news(machine.now) is None
    assert not ice.knows(0, Address("127.0.0.9", 9))
    assert ice.knows(1, Address("127.0.0.9", 9))
    machine.ways.close(machine.now)


def test_where_reflectors_stand_alone_the_far_end_is_known_by_its_fixed_tag(reflector: socket.socket) -> None:
    machine = Machine([], server_at(reflector), Terms(may_go_direct=False, fixed_tag=1))
    ice = agent()
    ice.set_remote(CALLEE)
    gathering = Gathering(machine.ways, ice, "call", far_tag=2)
    hello, source = reflector.recvfrom(100)
    assert hello[12:16] == b"\1\0\0\0"
    reflector.sendto(hello[:16] + b"\xff" * 24, source)
    machine.until(lambda: bool(machine.ways.found))
    assert gathering.news(machine.now) is not None
    port = reflector.getsockname()[1]
    assert ice.knows(0, Address("reflector-1-2.reflector", port))
    line = f"candidate:1 1 udp 5 reflector-1-9.reflector {port} typ relay"
    gathering.take(Candidates((CandidateLine(line),)))
    assert not ice.knows(0, Address("reflector-1-9.reflector", port))
    machine.ways.close(machine.now)
