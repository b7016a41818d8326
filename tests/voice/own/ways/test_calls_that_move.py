"""Calls behind NATs, and calls whose ends come to another address: over real sockets, tones both ways."""

import os
import socket
from collections.abc import Iterator

import pytest

from linegram.link.voice import VoiceParameters, VoiceServer
from linegram.sandbox.udp_network import Nat, UdpNetwork
from linegram.voice.own.engine import OwnEngine
from linegram.voice.own.ice.stun import Address, Attribute, Kind, StunMessage, parse_stun, xor_address
from linegram.voice.own.leg import OwnLeg
from linegram.voice.own.messages import Candidates, Message
from linegram.voice.own.signalling import Signalling
from tests.voice.own.talk import Talker, run

pytestmark = pytest.mark.slow

HZ = 8000
TONES_HZ = (440, 700)
INSIDE = ("127.0.0.3", "127.0.0.4")


class StunServer:
    """Says to everybody where he comes from."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.8", 0))
        self.socket.setblocking(False)

    def poll(self) -> None:
        while True:
            try:
                datagram, source = self.socket.recvfrom(2048)
            except BlockingIOError:
                return
            transaction = parse_stun(datagram).transaction
            mapped = xor_address(Address(*source), transaction)
            answer = StunMessage(Kind.SUCCESS, transaction, ((Attribute.XOR_MAPPED_ADDRESS, mapped),))
            self.socket.sendto(answer.serialise(None), source)


class Call:
    """Two ends, each with an engine and a list of addresses of its own; `look` moves whatever is between."""

    def __init__(self, *, servers: tuple[VoiceServer, ...] = ()) -> None:
        self.ips = [[INSIDE[0]], [INSIDE[1]]]
        self.engines = [OwnEngine(list_ips=lambda side=side: self.ips[side]) for side in (0, 1)]  # type: ignore[misc]
        self.servers = servers
        self.talkers: list[Talker] = []

    def open(self) -> None:
        key = os.urandom(256)
        for side in (0, 1):
            parameters = VoiceParameters(
                key=key,
                is_outgoing=side == 0,
                versions=("13.0.0",),
                servers=self.servers,
                is_p2p_allowed=True,
            )
            leg = self.engines[side].open(parameters, HZ)
            self.talkers.append(Talker(leg, HZ, TONES_HZ[side]))
        one, other = self.talkers
        one.signal, other.signal = other.leg.receive_signal, one.leg.receive_signal

    def look(self) -> None:
        return

    def connect(self) -> None:
        are_both = lambda: all(talker.is_connected for talker in self.talkers)  # noqa: E731
        assert run(self.talkers, 20.0, until=are_both, look=self.look)

    def assert_both_hear(self) -> None:
        run(self.talkers, 1.4, look=self.look)
        assert self.talkers[0].hears(TONES_HZ[1])
        assert self.talkers[1].hears(TONES_HZ[0])
        assert all(talker.is_connected for talker in self.talkers)

    def leg(self, side: int) -> OwnLeg:
        leg = self.talkers[side].leg
        assert isinstance(leg, OwnLeg)
        return leg

    def far_address(self, side: int) -> Address:
        """Where this end's media goes."""
        path = self.leg(side)._path.ice.path
        assert path is not None
        return path.remote.address

    def inside(self, side: int) -> Address:
        (way,) = self.leg(side)._ways._direct.values()
        return way.local.address

    def close(self) -> None:
        for engine in self.engines:
            engine.close()


@pytest.fixture
def call() -> Iterator[Call]:
    made = Call()
    yield made
    made.close()


@pytest.mark.parametrize("mover", [0, 1])
def test_when_the_machine_gets_another_address_in_mid_call_the_call_goes_on(call: Call, mover: int) -> None:
    call.open()
    call.connect()
    run(call.talkers, 1.0)
    call.ips[mover][:] = ["127.0.0.5"]
    has_moved = lambda: call.far_address(1 - mover).ip == "127.0.0.5"  # noqa: E731
    assert run(call.talkers, 9.0, until=has_moved)
    call.assert_both_hear()


class NattedCall(Call):
    """Both ends are behind NATs, and are told of each other's outside addresses only."""

    def __init__(self, nats: tuple[Nat, Nat]) -> None:
        self.network = UdpNetwork("127.0.0.9")
        self.stun = StunServer()
        self.nats = nats
        ip, port = self.network.attach(self.stun.socket.getsockname())
        super().__init__(servers=(VoiceServer(1, ip, "", port, is_stun=True),))

    def open(self) -> None:
        super().open()
        for side in (0, 1):
            self.network.attach(self.inside(side), self.nats[side])

    def look(self) -> None:
        self.network.poll()
        self.stun.poll()

    def close(self) -> None:
        super().close()
        self.network.close()
        self.stun.socket.close()


@pytest.fixture
def host_candidates_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if both ends had private addresses that lead nowhere."""
    send = Signalling.send

    def pass_on(self: Signalling, message: Message, now: float) -> None:
        if isinstance(message, Candidates):
            lines = tuple(line for line in message.candidates if "typ host" not in line.sdp_string)
            message = Candidates(lines)
        send(self, message, now)

    monkeypatch.setattr(Signalling, "send", pass_on)


@pytest.mark.usefixtures("host_candidates_are_lost")
def test_two_ends_behind_nats_meet_at_the_addresses_that_a_stun_server_saw() -> None:
    call = NattedCall((Nat.FILTERED, Nat.FILTERED))
    call.open()
    call.connect()
    call.assert_both_hear()
    assert {call.far_address(side).ip for side in (0, 1)} == {"127.0.0.9"}
    call.close()


@pytest.mark.usefixtures("host_candidates_are_lost")
@pytest.mark.parametrize("mover", [0, 1])
@pytest.mark.parametrize("other", [Nat.OPEN, Nat.FILTERED])
def test_a_nat_that_forgets_us_in_mid_call_costs_seconds_not_the_call(mover: int, other: Nat) -> None:
    call = NattedCall((Nat.FILTERED, other) if mover == 0 else (other, Nat.FILTERED))
    call.open()
    call.connect()
    run(call.talkers, 1.0, look=call.look)
    outside = Address(*call.network.rebind(call.inside(mover)))
    assert run(call.talkers, 9.0, until=lambda: call.far_address(1 - mover) == outside, look=call.look)
    run(call.talkers, 1.0, look=call.look)
    call.assert_both_hear()
    call.close()
