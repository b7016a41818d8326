"""A server with several places: registrations and calls move on when one fails, and back when it is well."""

import pytest

from linegram.sip.account import AccountConfig, KeepAliveMethod, Target
from linegram.sip.context import EndpointConfig
from linegram.sip.events import CallAnswered, CallEnded, EndCause, RegistrationState
from linegram.sip.flow import Flow, TransportName
from linegram.sip.message import Message, Request
from linegram.units import AccountId
from tests.sip.core.network import Address, EndpointNode, Network, ScriptedNode
from tests.sip.core.registrar import Registrar

US = ("10.0.0.1", 5060)
BEST = ("10.0.0.8", 5060)
SPARE = ("10.0.0.9", 5060)
OFFER = b"v=0\r\n"


class RankedNode(EndpointNode):
    """Its servers are of falling rank, as SRV records of different priority are."""

    def _resolve(self, event: object) -> None:
        found = self.names["1"]
        targets = tuple(
            Target(Flow(TransportName.UDP, *server), *self.address, rank) for rank, server in enumerate(found)
        )
        self.endpoint.set_targets(AccountId(1), targets, self.network.now)


def account(*, is_registering: bool = True) -> AccountConfig:
    return AccountConfig(
        AccountId(1),
        "pbx.example",
        "u1",
        "pw1",
        is_registering=is_registering,
        keep_alive=KeepAliveMethod.OFF,
    )


def make() -> tuple[Network, RankedNode, Registrar, Registrar]:
    network = Network()
    config = EndpointConfig(local_places={TransportName.UDP: US}, rest_s=300)
    node = RankedNode(network, US, config=config)
    best, spare = (Registrar(network, place, {"u1": "pw1"}) for place in (BEST, SPARE))
    return network, node, best, spare


def test_a_silent_place_is_left_after_seconds_and_not_after_half_a_minute() -> None:
    network, node, best, spare = make()
    best.is_silent = True
    node.put(account(), BEST, SPARE)
    network.run(7)
    assert node.registration().state is RegistrationState.REGISTERED
    assert spare.bindings["u1"]


@pytest.mark.parametrize("status", [408, 500, 503, 504])
def test_a_place_that_cannot_serve_is_left_at_once_without_a_word(status: int) -> None:
    network, node, best, spare = make()
    best.rejects_with = status
    node.put(account(), BEST, SPARE)
    network.run(1)
    assert node.registration().state is RegistrationState.REGISTERED
    assert spare.bindings["u1"]
    assert len(best.seen) == 1


def test_the_best_place_is_gone_back_to_when_it_is_well_again() -> None:
    network, node, best, spare = make()
    best.rejects_with = 503
    node.put(account(), BEST, SPARE)
    network.run(1)
    best.rejects_with = None
    network.run(600)
    assert best.bindings["u1"]
    count = len(spare.seen)
    network.run(1200)
    assert len(spare.seen) == count


def test_when_every_place_fails_the_account_waits_and_tries_them_all_again() -> None:
    network, node, best, spare = make()
    best.rejects_with = spare.rejects_with = 503
    node.put(account(), BEST, SPARE)
    network.run(1)
    assert node.registration().state is RegistrationState.RETRYING
    assert (len(best.seen), len(spare.seen)) == (1, 1)
    spare.rejects_with = None
    network.run(20)
    assert node.registration().state is RegistrationState.REGISTERED


def test_a_refusal_is_final_whichever_place_says_it() -> None:
    network, node, best, spare = make()
    best.rejects_with = 403
    node.put(account(), BEST, SPARE)
    network.run(5)
    assert node.registration().state is RegistrationState.REFUSED
    assert spare.seen == []


def test_a_server_that_moves_is_followed_when_its_name_is_looked_up_again() -> None:
    network, node, best, spare = make()
    node.put(account(), BEST)
    network.run(1)
    assert best.bindings["u1"]
    node.names["1"] = (SPARE,)
    node._resolve(None)
    network.run(1)
    assert spare.bindings["u1"]


class Answering:
    """A server that does with every INVITE what it was told to."""

    def __init__(self, network: Network, address: Address, *statuses: int) -> None:
        self.statuses = statuses
        self.headers: tuple[tuple[str, str], ...] = ()
        self.node = ScriptedNode(network, address, self._script)

    @property
    def invites(self) -> list[Request]:
        return self.node.requests("INVITE")

    def _script(self, message: Message, node: ScriptedNode) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            for status in self.statuses:
                node.reply(message, status, headers=self.headers if status >= 300 else ())
        elif isinstance(message, Request) and message.method != "ACK":
            node.reply(message, 200)


def make_call(
    best: tuple[int, ...], spare: tuple[int, ...]
) -> tuple[Network, RankedNode, Answering, Answering]:
    network = Network(delay_s=(0.001, 0.001))  # nothing overtakes: the order of answers matters here
    node = RankedNode(network, US)
    servers = Answering(network, BEST, *best), Answering(network, SPARE, *spare)
    node.put(account(is_registering=False), BEST, SPARE)
    network.run(1)
    node.endpoint.invite(AccountId(1), "600", sdp=OFFER, now=network.now)
    return network, node, *servers


@pytest.mark.parametrize("answers", [(), (503,), (100, 503)])
def test_a_call_takes_the_next_place_when_the_first_cannot_serve(answers: tuple[int, ...]) -> None:
    network, node, best, spare = make_call(answers, (180, 200))
    network.run(8)
    assert node.has(CallAnswered)
    first, second = best.invites[0], spare.invites[0]
    assert len(spare.invites) == 1
    assert (first.call_id, first.cseq, first.from_.tag) == (second.call_id, second.cseq, second.from_.tag)
    assert first.via.branch != second.via.branch


@pytest.mark.parametrize("answers", [(180, 503), (183, 503), (486,), (500,), (403,)])
def test_a_call_that_has_rung_or_was_refused_rings_nowhere_else(answers: tuple[int, ...]) -> None:
    network, node, _, spare = make_call(answers, (200,))
    network.run(40)
    assert node.only(CallEnded).status == answers[-1]
    assert spare.invites == []


def test_a_server_that_has_said_trying_is_not_given_up_for_its_silence() -> None:
    network, node, best, spare = make_call((100,), (200,))
    network.run(20)
    assert spare.invites == []
    assert len(best.invites) == 1
    assert not node.has(CallEnded)


def test_a_connection_that_breaks_after_trying_may_have_rung_and_is_the_end() -> None:
    network, node, _, spare = make_call((100,), (200,))
    network.run(1)
    node.endpoint.lose_flow(Flow(TransportName.UDP, *BEST), network.now, "the server closed the connection")
    network.run(1)
    ended = node.only(CallEnded)
    assert (ended.cause, ended.reason) == (EndCause.UNREACHABLE, "the server closed the connection")
    assert spare.invites == []


def test_a_place_that_asks_for_the_password_again_gets_it() -> None:
    """Both places are of one realm, but each has nonces of its own."""
    network = Network(delay_s=(0.001, 0.001))
    node = RankedNode(network, US)
    asked: list[str] = []

    def script(message: Message, peer: ScriptedNode) -> None:
        if not isinstance(message, Request) or message.method != "INVITE":
            return
        asked.append(peer.address[0])
        given = message.headers.get("Authorization") or ""
        if f'nonce="{peer.address[0]}"' not in given:
            challenge = f'Digest realm="pbx", nonce="{peer.address[0]}", qop="auth"'
            peer.reply(message, 401, headers=(("WWW-Authenticate", challenge),))
        else:
            peer.reply(message, 503 if peer.address == BEST else 200)

    for place in (BEST, SPARE):
        ScriptedNode(network, place, script)
    node.put(account(is_registering=False), BEST, SPARE)
    network.run(1)
    node.endpoint.invite(AccountId(1), "600", sdp=OFFER, now=network.now)
    network.run(2)
    assert node.has(CallAnswered)
    assert asked == [BEST[0], BEST[0], SPARE[0], SPARE[0]]


def test_a_call_that_no_place_takes_ends_once_with_the_last_answer() -> None:
    network, node, best, spare = make_call((503,), (503,))
    network.run(2)
    ended = node.only(CallEnded)
    assert (ended.cause, ended.status) == (EndCause.REMOTE_REJECT, 503)
    assert (len(best.invites), len(spare.invites)) == (1, 1)


def test_a_call_that_is_hung_up_goes_nowhere_else() -> None:
    network, node, best, spare = make_call((), (200,))
    network.run(1)
    handle = node.endpoint.invite(AccountId(1), "601", sdp=OFFER, now=network.now)
    node.endpoint.hang_up(handle, network.now)
    network.run(40)
    assert {request.uri.user for request in spare.invites} == {"600"}
    assert best.invites


def test_a_registration_follows_a_call_to_the_place_that_lives() -> None:
    network, node, best, spare = make()
    node.put(account(), BEST, SPARE)
    network.run(1)
    best.node.script = None
    node.endpoint.invite(AccountId(1), "600", sdp=OFFER, now=network.now)
    network.run(9)
    assert spare.bindings["u1"]


def test_one_overloaded_moment_does_not_move_the_registration() -> None:
    """A 503 without Retry-After is about this call: a trunk, perhaps; with it, about the server."""
    network, node, best, spare = make_call((503,), (200,))
    network.run(1)
    node.endpoint.invite(AccountId(1), "601", sdp=OFFER, now=network.now)
    network.run(1)
    assert len(best.invites) == 2
    best.headers = (("Retry-After", "60"),)
    for number in ("602", "603"):
        node.endpoint.invite(AccountId(1), number, sdp=OFFER, now=network.now)
        network.run(1)
    assert len(best.invites) == 3
    assert len(spare.invites) == 4
