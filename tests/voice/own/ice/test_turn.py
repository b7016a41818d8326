"""The TURN client against a server double in virtual time: what it says, and what it survives."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.stun import Address, Attribute, Kind, StunMessage, parse_stun
from linegram.voice.own.ice.turn import TurnClient
from linegram.voice.own.ice.turn_question import Method
from tests.voice.own.ice.turn_double import MAPPED, RELAYED, SERVER, TurnDouble

FAR, OTHER = Address("203.0.113.5", 5005), Address("203.0.113.6", 6006)


class Wire:
    """A client and its server; `run` lets time pass in steps of 100 ms, `lost` counts datagrams to lose.

    `dropped` says what the client would not take.
    """

    def __init__(self, server: TurnDouble | None = None, password: str = "secret") -> None:
        self.server = server or TurnDouble()
        self.client = TurnClient(SERVER, "desk", password, random=Random(7).random, now=0.0)
        self.now = 0.0
        self.lost = 0
        self.heard: list[tuple[Address, bytes]] = []
        self.dropped: list[str] = []

    def carry(self) -> None:
        self.server.now = self.now
        while (datagram := self.client.next_datagram()) is not None:
            if self.lost:
                self.lost -= 1
                continue
            for answer in self.server.take(datagram):
                self._take(answer)

    def give(self, datagram: bytes) -> None:
        self.heard += self.client.receive(datagram, self.now)

    def _take(self, datagram: bytes) -> None:
        try:
            self.give(datagram)
        except RemoteProtocolError as error:
            self.dropped.append(str(error))

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        self.carry()
        while self.now < until:
            self.now += 0.1
            self.client.handle_timer(self.now)
            self.carry()

    def send(self, payload: bytes, target: Address = FAR) -> None:
        self.client.send(target, payload, self.now)
        self.carry()

    def far_says(self, payload: bytes, source: Address = FAR) -> None:
        self.server.now = self.now
        for datagram in self.server.relay_in(source, payload):
            self.give(datagram)
        self.carry()


@pytest.fixture
def wire() -> Wire:
    wire = Wire()
    wire.carry()
    assert wire.client.relayed == RELAYED
    return wire


def test_an_allocation_is_challenged_then_granted(wire: Wire) -> None:
    assert wire.server.methods() == [Method.ALLOCATE, Method.ALLOCATE]
    first, second = wire.server.asked
    assert first.find(Attribute.USERNAME) is None
    assert second.find(Attribute.USERNAME) == b"desk"
    assert wire.client.mapped == MAPPED
    assert not wire.client.has_failed


def test_the_first_datagrams_wait_for_the_permission_and_are_sent_once(wire: Wire) -> None:
    wire.lost = 1
    for payload in (b"one", b"two"):
        wire.send(payload)
    assert wire.server.sent == []
    wire.run(0.6)
    assert wire.server.sent == [(FAR, b"one", "indication"), (FAR, b"two", "indication")]
    wire.run(5)
    assert wire.server.methods().count(Method.CREATE_PERMISSION) == 1


def test_who_answers_us_gets_a_channel_both_ways(wire: Wire) -> None:
    wire.send(b"one")
    wire.far_says(b"hello")
    wire.send(b"two")
    wire.far_says(b"again")
    assert wire.heard == [(FAR, b"hello"), (FAR, b"again")]
    assert [how for _, _, how in wire.server.sent] == ["indication", "channel"]
    assert wire.server.methods().count(Method.CHANNEL_BIND) == 1


def test_addresses_get_channels_of_their_own(wire: Wire) -> None:
    for far in (FAR, OTHER):
        wire.send(b"one", far)
        wire.far_says(b"hello", far)
        wire.send(b"two", far)
    assert wire.server.sent[1::2] == [(FAR, b"two", "channel"), (OTHER, b"two", "channel")]
    assert sorted(wire.server.channels) == [0x4000, 0x4001]


@given(st.binary(max_size=1200))
def test_every_payload_arrives_as_it_was_by_indication_and_by_channel(payload: bytes) -> None:
    wire = Wire()
    wire.carry()
    wire.send(payload)
    wire.far_says(payload)
    wire.send(payload)
    wire.far_says(payload)
    assert wire.server.sent == [(FAR, payload, "indication"), (FAR, payload, "channel")]
    assert wire.heard == [(FAR, payload)] * 2


def test_unanswered_requests_are_repeated_with_doubling_pauses() -> None:
    wire = Wire()
    wire.server.is_deaf = True
    sent_at = []
    for step in range(200):
        wire.now = step / 10
        wire.client.handle_timer(wire.now)
        while wire.client.next_datagram() is not None:
            sent_at.append(wire.now)
    assert sent_at == [0.0, 0.5, 1.5, 3.5, 7.5]
    assert wire.client.has_failed
    assert wire.client.why == "The TURN server 192.0.2.1:3478 does not answer."


def test_one_answer_to_a_repeated_request_is_enough_and_a_late_one_is_refused() -> None:
    wire = Wire()
    request = wire.client.next_datagram()
    assert request is not None
    answers = [wire.server.take(request)[0] for _ in range(2)]
    wire.give(answers[0])
    with pytest.raises(RemoteProtocolError, match="nothing that we asked"):
        wire.give(answers[1])
    wire.carry()
    assert wire.client.relayed == RELAYED


def test_allocation_permission_and_channel_outlive_an_hour_of_talking(wire: Wire) -> None:
    wire.send(b"first")
    wire.far_says(b"first")
    for _ in range(60):
        wire.run(60)
        wire.send(b"minute")
        wire.far_says(b"minute")
    assert wire.server.sent[-1] == (FAR, b"minute", "channel")
    assert len(wire.heard) == 61
    assert wire.server.allocations == 1
    assert wire.dropped == []
    assert 6 <= wire.server.methods().count(Method.REFRESH) <= 8
    assert 14 <= wire.server.methods().count(Method.CHANNEL_BIND) <= 16


def test_a_short_life_is_refreshed_half_way(wire: Wire) -> None:
    wire.server.lifetime_s = 30
    wire.run(541)
    wire.server.asked.clear()
    wire.run(60)
    assert wire.server.methods() == [Method.REFRESH] * 4
    assert wire.server.is_allocated


def test_a_permission_that_nobody_uses_lapses(wire: Wire) -> None:
    wire.send(b"once")
    wire.run(1500)
    assert wire.server.methods().count(Method.CREATE_PERMISSION) == 2
    wire.send(b"once more")
    assert wire.server.sent[-1] == (FAR, b"once more", "indication")


def test_the_way_to_the_server_is_kept_open_when_nobody_speaks(wire: Wire) -> None:
    indications = []
    for step in range(1, 601):
        wire.client.handle_timer(step / 10)
        while (datagram := wire.client.next_datagram()) is not None:
            indications.append((step / 10, parse_stun(datagram).kind))
    assert indications == [(at, Kind.INDICATION) for at in (15.0, 30.0, 45.0, 60.0)]


def test_a_stale_nonce_costs_one_more_question(wire: Wire) -> None:
    wire.server.nonce = b"nonce 2"
    wire.send(b"one")
    assert wire.server.methods()[2:] == [Method.CREATE_PERMISSION] * 2
    assert wire.server.sent == [(FAR, b"one", "indication")]
    wire.server.nonce = b"nonce 3"
    wire.run(545)
    assert wire.server.is_allocated
    assert not wire.client.has_failed


def test_a_server_that_knows_only_stale_nonces_is_given_up() -> None:
    wire = Wire()
    wire.server.refusals[Method.ALLOCATE] = 438
    wire.carry()
    assert len(wire.server.asked) == 4
    assert wire.client.why.endswith("calls every nonce of its own stale.")


def test_a_wrong_password_is_said() -> None:
    wire = Wire(password="wrong")
    wire.carry()
    assert wire.client.has_failed
    assert wire.client.why == "The TURN server 192.0.2.1:3478 refuses our user name or password."
    wire.run(60)
    assert len(wire.server.asked) == 4


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (300, "another server"),
        (403, "forbids"),
        (437, "another allocation"),
        (442, "UDP"),
        (486, "too many allocations"),
        (508, "capacity"),
        (500, "error 500"),
    ],
)
def test_a_refused_allocation_is_final_and_says_why(code: int, words: str) -> None:
    wire = Wire()
    wire.server.refusals[Method.ALLOCATE] = code
    wire.run(30)
    assert wire.client.has_failed
    assert words in wire.client.why
    assert len(wire.server.asked) == 2
    wire.send(b"lost")
    assert wire.server.sent == []


def test_an_address_that_is_forbidden_stops_no_other(wire: Wire) -> None:
    wire.server.refusals[Method.CREATE_PERMISSION] = 403
    for _ in range(20):
        wire.send(b"never")
        wire.run(1)
    assert wire.server.methods().count(Method.CREATE_PERMISSION) == 1
    del wire.server.refusals[Method.CREATE_PERMISSION]
    wire.send(b"well", OTHER)
    assert wire.server.sent == [(OTHER, b"well", "indication")]
    assert not wire.client.has_failed


def test_without_channels_data_goes_by_indication(wire: Wire) -> None:
    wire.server.refusals[Method.CHANNEL_BIND] = 508
    for _ in range(3):
        wire.send(b"one")
        wire.far_says(b"hello")
        wire.run(1)
    assert wire.server.sent == [(FAR, b"one", "indication")] * 3
    assert wire.heard == [(FAR, b"hello")] * 3
    assert wire.server.methods().count(Method.CHANNEL_BIND) == 1


def test_a_restarted_server_gets_a_new_allocation(wire: Wire) -> None:
    wire.send(b"one")
    wire.far_says(b"one")
    wire.server.restart()
    wire.run(250)
    assert wire.server.is_allocated
    assert wire.client.relayed == RELAYED
    wire.send(b"two")
    wire.far_says(b"two")
    wire.send(b"three")
    assert wire.server.sent[1:] == [(FAR, b"two", "indication"), (FAR, b"three", "channel")]


def test_an_allocation_lost_again_and_again_is_given_up(wire: Wire) -> None:
    for _ in range(3):
        wire.server.restart()
        wire.run(600)
    assert wire.client.why.endswith("lost ours again and again.")
    assert wire.client.relayed is None


def test_a_server_that_falls_silent_is_noticed_at_the_refresh(wire: Wire) -> None:
    wire.server.is_deaf = True
    wire.run(540 + 16)
    assert wire.client.why.endswith("does not answer.")
    assert wire.client.relayed is None


def test_closing_gives_the_allocation_back(wire: Wire) -> None:
    wire.client.close(wire.now)
    wire.carry()
    assert not wire.server.is_allocated
    wire.client.close(wire.now)
    wire.client.handle_timer(1000.0)
    wire.client.send(FAR, b"late", 1000.0)
    assert wire.client.next_datagram() is None
    assert not wire.client.has_failed


def test_an_unsigned_grant_is_not_believed() -> None:
    wire = Wire()
    challenge = wire.server.take(wire.client.next_datagram() or b"")
    wire.give(challenge[0])
    request = parse_stun(wire.client.next_datagram() or b"")
    forged = wire.server._allocate(request)
    for key in (None, b"another key"):
        with pytest.raises(RemoteProtocolError, match="did not sign"):
            wire.give(StunMessage(Method.ALLOCATE | 0x100, request.transaction, forged).serialise(key))
    assert wire.client.relayed is None


def test_nothing_is_relayed_to_the_other_ip_family(wire: Wire) -> None:
    wire.send(b"six", Address("2001:db8::1", 9))
    assert wire.client.next_datagram() is None
    assert wire.server.methods() == [Method.ALLOCATE] * 2


def test_far_ends_without_number_cannot_make_us_ask_without_end(wire: Wire) -> None:
    for number in range(1000):
        wire.send(b"x", Address(f"10.0.{number // 250}.{number % 250 + 1}", 9))
        wire.server.permitted["203.0.113.9"] = wire.now + 300
        wire.far_says(b"x", Address("203.0.113.9", 1000 + number))
    assert wire.server.methods().count(Method.CREATE_PERMISSION) == 64
    assert wire.server.methods().count(Method.CHANNEL_BIND) == 32
    assert len(wire.heard) == 1000


@given(st.binary(max_size=200))
def test_garbage_raises_the_one_error(datagram: bytes) -> None:
    client = TurnClient(SERVER, "desk", "secret", random=Random(7).random, now=0.0)
    with pytest.raises(RemoteProtocolError):
        client.receive(datagram, 0.0)


def answers() -> dict[str, tuple[Wire, bytes]]:
    """One datagram of the server of each kind, not yet given to the client that awaits it."""
    found = {}
    for kind in ("challenge", "grant", "data", "channel"):
        wire = found_for = Wire()
        datagram = wire.server.take(wire.client.next_datagram() or b"")[0]
        if kind != "challenge":
            wire.give(datagram)
            datagram = wire.server.take(wire.client.next_datagram() or b"")[0]
        if kind in ("data", "channel"):
            wire.give(datagram)
            wire.send(b"one")
            if kind == "channel":
                wire.far_says(b"bind")
            (datagram,) = wire.server.relay_in(FAR, b"payload")
        found[kind] = (found_for, datagram)
    return found


@pytest.mark.parametrize("kind", ["challenge", "grant", "data", "channel"])
def test_a_flipped_bit_raises_the_one_error_or_invents_no_address(kind: str) -> None:
    bits = len(answers()[kind][1]) * 8
    for bit in range(bits):
        wire, datagram = answers()[kind]
        mangled = bytearray(datagram)
        mangled[bit // 8] ^= 1 << bit % 8
        try:
            wire.give(bytes(mangled))
        except RemoteProtocolError:
            continue
        assert wire.client.relayed in (None, RELAYED)
