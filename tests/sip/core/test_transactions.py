"""The four transaction machines: each pair of state and input, each timer, over both kinds of transport."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from linegram.errors import UnexpectedEventError
from linegram.sip.flow import Flow, TransportName
from linegram.sip.headers import Headers
from linegram.sip.message import Request, Response, parse_datagram
from linegram.sip.timers import TimerDurations, TimerHeap
from linegram.sip.transaction import RequestFailure, ServerTransaction
from linegram.sip.transaction_layer import TransactionLayer
from linegram.sip.transaction_tables import (
    CLIENT,
    INVITE_CLIENT,
    INVITE_SERVER,
    MACHINES,
    SERVER,
    Input,
    Machine,
    State,
)
from linegram.sip.uri import SipUri

UDP = Flow(TransportName.UDP, "10.0.0.9", 5060)
TCP = Flow(TransportName.TCP, "10.0.0.9", 5060)

# What cannot happen, because the timer does not run there or our own side would not do it.
ILLEGAL: dict[str, dict[State, str]] = {
    "invite client": {
        State.CALLING: "timer D, timer M",
        State.PROCEEDING: "timer A, timer B, timer D, timer M",
        State.COMPLETED: "timer A, timer B, timer M",
        State.ACCEPTED: "timer A, timer B, timer D",
    },
    "client": {
        State.TRYING: "timer K",
        State.PROCEEDING: "timer K",
        State.COMPLETED: "timer E, timer F",
    },
    "invite server": {
        State.PROCEEDING: "timer G, timer H, timer I, timer L",
        State.ACCEPTED: "1xx, 3xx-6xx, timer G, timer H, timer I",
        State.COMPLETED: "1xx, 2xx, 3xx-6xx, timer I, timer L",
        State.CONFIRMED: "1xx, 2xx, 3xx-6xx, timer G, timer H, timer L",
    },
    "server": {
        State.TRYING: "timer J",
        State.PROCEEDING: "timer J",
    },
}


class User:
    """Remembers what a client transaction reported."""

    def __init__(self) -> None:
        self.responses: list[int] = []
        self.failures: list[RequestFailure] = []

    def on_response(self, response: Response, now: float) -> None:
        self.responses.append(response.status)

    def on_request_failed(self, reason: RequestFailure, now: float) -> None:
        self.failures.append(reason)


class Bench:
    """One layer, its clock and what it sent when."""

    def __init__(self, flow: Flow = UDP) -> None:
        self.flow = flow
        self.now = 0.0
        self.timers = TimerHeap()
        self.sent: list[tuple[float, str]] = []
        self.layer = TransactionLayer(self.timers, TimerDurations(), self._send)
        self.user = User()

    def _send(self, flow: Flow, data: bytes) -> None:
        message = parse_datagram(data)
        self.sent.append((self.now, message.method if isinstance(message, Request) else str(message.status)))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while (deadline := self.timers.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.timers.fire_due(self.now)
        self.now = end

    def start_client(self, method: str) -> Request:
        request = make_request(method)
        self.layer.send_request(request, self.flow, self.user, self.now)
        return request

    def receive(self, request: Request, status: int) -> None:
        self.layer.receive_response(Response.make(request, status, to_tag="t"), self.now)

    def times(self, what: str) -> list[float]:
        return [at for at, name in self.sent if name == what]


def make_request(method: str, branch: str = "z9hG4bKone") -> Request:
    headers = Headers()
    headers.add("Via", f"SIP/2.0/UDP 10.0.0.1:5060;branch={branch}")
    headers.add("From", "<sip:a@x>;tag=a")
    headers.add("To", "<sip:b@x>")
    headers.add("Call-ID", "call")
    headers.add("CSeq", f"1 {method}")
    return Request(method, SipUri.parse("sip:b@x"), headers)


def inputs_of(machine: Machine) -> frozenset[Input]:
    return frozenset(event for _, event in machine.rows)


def illegal_pairs(machine: Machine) -> Iterator[tuple[State, Input]]:
    states = {state for state, _ in machine.rows}
    for state in states:
        for event in inputs_of(machine):
            if (state, event) not in machine.rows:
                yield state, event


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_every_illegal_pair_is_listed_and_no_other(machine: Machine) -> None:
    found: dict[State, set[str]] = {}
    for state, event in illegal_pairs(machine):
        found.setdefault(state, set()).add(event.value)
    listed = {state: set(names.split(", ")) for state, names in ILLEGAL[machine.name].items()}
    assert found == listed


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_an_illegal_pair_raises_and_changes_nothing(machine: Machine) -> None:
    bench = Bench()
    layer_ground = bench.layer._ground
    for state, event in illegal_pairs(machine):
        transaction = ServerTransaction(layer_ground, machine, make_request("X"), flow=UDP, key=0)
        transaction.state = state
        with pytest.raises(UnexpectedEventError):
            transaction.take(event, 0.0)
        assert transaction.state is state


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_every_timer_that_a_row_starts_has_a_row_where_it_leads(machine: Machine) -> None:
    for row in (machine.start, *machine.rows.values()):
        assert all((row.state, timer) in machine.rows for timer in row.timers)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_every_state_can_reach_the_end(machine: Machine) -> None:
    reaches = {State.TERMINATED}
    for _ in State:
        reaches |= {state for (state, _), row in machine.rows.items() if row.state in reaches}
    assert {state for state, _ in machine.rows} <= reaches


def test_timer_a_doubles_and_timer_b_gives_up_after_64_t1() -> None:
    bench = Bench()
    bench.start_client("INVITE")
    bench.run(100)
    assert bench.times("INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.user.failures == [RequestFailure.TIMEOUT]
    assert len(bench.layer) == 0


def test_timer_e_doubles_up_to_t2_and_timer_f_gives_up() -> None:
    bench = Bench()
    bench.start_client("BYE")
    bench.run(100)
    assert bench.times("BYE") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.user.failures == [RequestFailure.TIMEOUT]
    assert len(bench.layer) == 0


def test_after_a_provisional_response_timer_e_runs_at_t2() -> None:
    bench = Bench()
    request = bench.start_client("BYE")
    bench.run(0.1)
    bench.receive(request, 100)
    bench.run(100)
    times = bench.times("BYE")
    assert times[:2] == [0, 0.5]
    assert {after - before for before, after in pairwise(times[1:])} == {4.0}


def test_a_provisional_response_stops_the_invites_timers() -> None:
    bench = Bench()
    request = bench.start_client("INVITE")
    bench.receive(request, 180)
    bench.run(1000)
    assert bench.times("INVITE") == [0]
    assert len(bench.layer) == 1
    bench.receive(request, 486)
    bench.run(31)
    assert len(bench.layer) == 1
    bench.run(2)
    assert len(bench.layer) == 0


def test_an_invite_client_stays_64_t1_after_a_2xx_and_hands_each_one_up() -> None:
    bench = Bench()
    request = bench.start_client("INVITE")
    bench.receive(request, 200)
    bench.run(31)
    bench.receive(request, 200)
    bench.receive(request, 486)
    assert bench.user.responses == [200, 200]
    bench.run(2)
    assert len(bench.layer) == 0


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_over_tcp_nothing_is_repeated_and_no_time_is_waited(method: str) -> None:
    bench = Bench(TCP)
    request = bench.start_client(method)
    bench.run(20)
    assert len(bench.times(method)) == 1
    bench.receive(request, 486)
    bench.run(0)
    assert len(bench.layer) == 0
    assert bench.user.responses == [486]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_a_broken_connection_fails_what_is_open(method: str) -> None:
    bench = Bench(TCP)
    bench.start_client(method)
    bench.layer.lose_flow(TCP, bench.now)
    assert bench.user.failures == [RequestFailure.TRANSPORT]
    assert len(bench.layer) == 0


def test_timer_g_repeats_a_refusal_and_timer_h_gives_up() -> None:
    bench = Bench()
    transaction = bench.layer.accept(make_request("INVITE"), UDP)
    transaction.respond(Response.make(transaction.request, 486), bench.now)
    bench.run(100)
    assert bench.times("486") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert len(bench.layer) == 0


def test_an_ack_stops_the_refusal_and_timer_i_absorbs_more_of_them() -> None:
    bench = Bench()
    transaction = bench.layer.accept(make_request("INVITE"), UDP)
    transaction.respond(Response.make(transaction.request, 486), bench.now)
    for _ in range(3):
        assert bench.layer.absorb(make_request("ACK"), bench.now)
    bench.run(4.9)
    assert len(bench.layer) == 1
    bench.run(0.2)
    assert bench.times("486") == [0]
    assert len(bench.layer) == 0


def test_a_repeated_request_gets_the_last_response_again_until_timer_j() -> None:
    bench = Bench()
    transaction = bench.layer.accept(make_request("BYE"), UDP)
    assert bench.layer.absorb(make_request("BYE"), bench.now)
    assert bench.sent == []
    transaction.respond(Response.make(transaction.request, 200), bench.now)
    assert bench.layer.absorb(make_request("BYE"), bench.now)
    assert len(bench.times("200")) == 2
    bench.run(33)
    assert len(bench.layer) == 0
    assert not bench.layer.absorb(make_request("BYE"), bench.now)


def test_after_a_2xx_repeated_invites_are_swallowed_until_timer_l() -> None:
    bench = Bench()
    transaction = bench.layer.accept(make_request("INVITE"), UDP)
    transaction.respond(Response.make(transaction.request, 200), bench.now)
    assert bench.layer.absorb(make_request("INVITE"), bench.now)
    assert len(bench.times("200")) == 1
    bench.run(33)
    assert len(bench.layer) == 0


def test_transactions_of_different_branches_and_senders_are_kept_apart() -> None:
    bench = Bench()
    bench.layer.accept(make_request("BYE"), UDP)
    assert not bench.layer.absorb(make_request("BYE", "z9hG4bKtwo"), bench.now)
    assert not bench.layer.absorb(make_request("INFO"), bench.now)


def test_a_peer_without_unique_branches_is_matched_by_the_rest() -> None:
    bench = Bench()
    bench.layer.accept(make_request("BYE", "1"), UDP)
    assert bench.layer.absorb(make_request("BYE", "1"), bench.now)


def test_the_machines_begin_where_the_rfc_says() -> None:
    starts = [machine.start.state for machine in (INVITE_CLIENT, CLIENT, INVITE_SERVER, SERVER)]
    assert starts == [State.CALLING, State.TRYING, State.PROCEEDING, State.TRYING]
