"""Registrations over a simulated network: what is granted, refused, lost, moved, left."""

from dataclasses import replace

import pytest

from linegram.sip.account import AccountConfig, KeepAliveMethod
from linegram.sip.context import EndpointConfig
from linegram.sip.events import RegistrationChanged, RegistrationState
from linegram.sip.flow import TransportName
from linegram.sip.message import Request
from linegram.sip.registration_table import TRANSITIONS, Happening, Phase
from linegram.units import AccountId
from tests.sip.core.network import EndpointNode, Network, ScriptedNode
from tests.sip.core.registrar import Registrar

US = ("10.0.0.1", 5060)
PBX = ("10.0.0.9", 5060)


def account(number: int = 1, **changes: object) -> AccountConfig:
    config = AccountConfig(AccountId(number), PBX[0], f"u{number}", f"pw{number}")
    return replace(config, **changes)  # type: ignore[arg-type]


def make(network: Network | None = None, accounts: int = 1) -> tuple[Network, EndpointNode, Registrar]:
    network = network or Network()
    node = EndpointNode(network, US)
    registrar = Registrar(network, PBX, {f"u{n}": f"pw{n}" for n in range(1, accounts + 1)})
    return network, node, registrar


def test_an_account_registers_with_one_challenge_and_a_token_in_its_contact() -> None:
    network, node, registrar = make()
    node.put(account(), PBX)
    network.run(1)
    event = node.only(RegistrationChanged)
    assert (event.state, event.status, event.expires_s) == (RegistrationState.REGISTERED, 200, 600)
    (contact,) = registrar.bindings["u1"]
    assert ";line=" in contact
    assert contact.startswith("sip:u1@10.0.0.1:5060")
    assert len(registrar.seen) == 2


def test_a_refresh_comes_at_70_to_90_percent_and_carries_credentials_at_once() -> None:
    network, node, registrar = make()
    registrar.max_expires_s = 100
    node.put(account(), PBX)
    network.run(69)
    assert len(registrar.seen) == 2
    network.run(22)
    assert len(registrar.seen) == 3
    assert registrar.challenges == 1
    assert "nc=00000002" in (registrar.seen[-1].headers.get("Authorization") or "")
    assert len(node.of(RegistrationChanged)) == 1


def test_call_id_stays_and_cseq_rises_over_refreshes() -> None:
    network, node, registrar = make()
    registrar.max_expires_s = 100
    node.put(account(), PBX)
    network.run(400)
    assert len({request.call_id for request in registrar.seen}) == 1
    numbers = [request.cseq.number for request in registrar.seen]
    assert numbers == sorted(set(numbers))


def test_only_our_own_contacts_expiry_counts_and_the_others_are_reported() -> None:
    network, node, registrar = make()
    registrar.lists_first = ("<sip:u1@10.9.9.9:5060>;expires=7", '"desk" <sip:u1@10.8.8.8>;expires=3000')
    node.put(account(), PBX)
    network.run(1)
    event = node.registration()
    assert event.expires_s == 600
    assert event.other_contacts == ("sip:u1@10.8.8.8", "sip:u1@10.9.9.9:5060")


def test_a_strange_binding_of_another_device_does_not_cost_us_ours() -> None:
    network, node, registrar = make()
    registrar.lists_first = ("<urn:service:sos>", "<>;;;")
    node.put(account(), PBX)
    network.run(1)
    assert node.registration().state is RegistrationState.REGISTERED


def test_423_is_followed_by_the_registrars_minimum() -> None:
    network, node, registrar = make()
    registrar.min_expires_s = 900
    node.put(account(), PBX)
    network.run(1)
    assert node.registration().expires_s == 900


def test_a_stale_nonce_is_renewed_without_a_word() -> None:
    network, node, registrar = make()
    registrar.max_expires_s = 100
    registrar.uses_per_nonce = 1
    node.put(account(), PBX)
    network.run(300)
    assert len(node.of(RegistrationChanged)) == 1
    assert registrar.challenges >= 3


def test_a_wrong_password_is_reported_after_one_try_and_repeated_slowly() -> None:
    network, node, registrar = make()
    node.put(account(password="wrong"), PBX)
    network.run(600)
    event = node.only(RegistrationChanged)
    assert (event.state, event.status) == (RegistrationState.REFUSED, 401)
    assert len(registrar.seen) == 2
    network.run(2400)
    assert 3 <= len(registrar.seen) <= 6


@pytest.mark.parametrize("status", [402, 403, 404])
def test_a_final_refusal_is_reported_with_its_code(status: int) -> None:
    network, node, registrar = make()
    registrar.rejects_with = status
    node.put(account(), PBX)
    network.run(1000)
    event = node.only(RegistrationChanged)
    assert (event.state, event.status) == (RegistrationState.REFUSED, status)
    assert len(registrar.seen) == 1


def test_a_new_password_registers_at_once() -> None:
    network, node, registrar = make()
    node.put(account(password="wrong"), PBX)
    network.run(5)
    node.put(account(), PBX)
    network.run(5)
    assert node.registration().state is RegistrationState.REGISTERED
    assert len(registrar.bindings["u1"]) == 1


def test_a_silent_server_is_tried_again_with_growing_pauses() -> None:
    network, node, registrar = make()
    registrar.is_silent = True
    node.put(account(), PBX)
    network.run(33)
    event = node.only(RegistrationChanged)
    assert (event.state, event.status, event.reason) == (RegistrationState.RETRYING, 0, "timeout")
    registrar.is_silent = False
    network.run(5)
    assert node.registration().state is RegistrationState.REGISTERED


def test_retry_after_of_a_503_is_kept() -> None:
    network, node, registrar = make()
    registrar.rejects_with, registrar.reject_headers = 503, (("Retry-After", "120 (busy)"),)
    node.put(account(), PBX)
    network.run(119)
    assert len(registrar.seen) == 1
    network.run(30)
    assert len(registrar.seen) == 2


def test_a_registrar_that_keeps_nothing_is_not_hammered() -> None:
    network, node, registrar = make()
    registrar.max_expires_s = 0
    registrar.lists_first = ("<sip:u1@10.9.9.9>;expires=50",)
    node.put(account(), PBX)

    def forget(message: object, peer: ScriptedNode) -> None:
        assert isinstance(message, Request)
        registrar.seen.append(message)
        peer.reply(message, 200, headers=(("Contact", f"<{message.contacts[0].uri}>;expires=0"),))

    registrar.node.script = forget
    network.run(60)
    assert node.registration().state is RegistrationState.RETRYING
    assert node.registration().reason == "the binding was not kept"
    assert len(registrar.seen) < 10


def test_an_outbound_proxy_gets_the_requests_and_stands_in_their_route() -> None:
    network, node, registrar = make()
    node.put(account(server_host="pbx.example", outbound_proxy_host=PBX[0]), PBX)
    network.run(1)
    assert node.registration().state is RegistrationState.REGISTERED
    assert str(registrar.seen[0].uri) == "sip:pbx.example"
    assert registrar.seen[0].headers.get_all("Route") == ["<sip:10.0.0.9;lr>"]


def test_stopping_removes_every_binding() -> None:
    network, node, registrar = make(accounts=200)
    for number in range(1, 201):
        node.put(account(number), PBX)
    network.run(5)
    node.endpoint.stop(network.now)
    network.run(3)
    assert node.endpoint.is_idle
    assert all(not bound for bound in registrar.bindings.values())


def test_the_same_settings_again_change_nothing_and_a_person_may_renew() -> None:
    network, node, registrar = make()
    node.put(account(), PBX)
    network.run(1)
    node.put(account(), PBX)
    network.run(1)
    assert len(registrar.seen) == 2
    node.endpoint.renew_registration(AccountId(1), network.now)
    network.run(1)
    assert len(registrar.seen) == 3


def test_a_server_that_moves_is_found_when_its_old_address_is_dead() -> None:
    network, node, _ = make()
    node.put(account(server_host="pbx.example"), ("10.0.0.8", 5060))
    network.run(33)
    assert node.registration().state is RegistrationState.RETRYING
    node.names["1"] = (PBX,)
    network.run(60)
    assert node.registration().state is RegistrationState.REGISTERED


def test_the_next_address_of_a_server_is_tried_when_the_first_is_dead() -> None:
    network, node, registrar = make()
    node.put(account(server_host="pbx.example"), ("10.0.0.8", 5060), PBX)
    network.run(40)
    assert node.registration().state is RegistrationState.REGISTERED
    assert registrar.bindings["u1"]


def test_a_name_that_does_not_resolve_is_reported_and_asked_again() -> None:
    network, node, _ = make()
    node.put(account(server_host="pbx.example"))
    network.run(1)
    assert node.registration().reason == "server name not resolved"
    node.names["1"] = (PBX,)
    network.run(10)
    assert node.registration().state is RegistrationState.REGISTERED


def test_the_public_address_is_learnt_and_the_private_binding_removed() -> None:
    network = Network()
    node = EndpointNode(network, US)
    bindings: set[str] = set()

    def natted(message: object, peer: ScriptedNode) -> None:
        assert isinstance(message, Request)
        via = message.via.with_parameter("received", "203.0.113.5").with_parameter("rport", "41000")
        message.headers.set("Via", str(via))
        for contact in message.contacts:
            uri = str(contact.uri)
            (bindings.discard if contact.parameter("expires") == "0" else bindings.add)(uri)
        peer.reply(
            message, 200, headers=tuple(("Contact", f"<{uri}>;expires=600") for uri in sorted(bindings))
        )

    ScriptedNode(network, PBX, natted)
    node.put(account(), PBX)
    network.run(5)
    assert node.registration().state is RegistrationState.REGISTERED
    (only,) = bindings
    assert "@203.0.113.5:41000" in only
    assert node.registration().other_contacts == ()


def test_dropping_an_account_removes_its_binding_and_reports_it() -> None:
    network, node, registrar = make()
    node.put(account(), PBX)
    network.run(1)
    node.endpoint.drop_account(AccountId(1), network.now)
    network.run(1)
    assert node.registration().state is RegistrationState.UNREGISTERED
    assert registrar.bindings["u1"] == {}
    network.run_out()
    assert node.endpoint.is_idle


def test_dropping_while_the_first_register_is_in_flight_still_leaves_nothing_bound() -> None:
    network, node, registrar = make()
    node.put(account(), PBX)
    network.run_until(lambda: bool(registrar.seen))
    node.endpoint.drop_account(AccountId(1), network.now)
    network.run_out()
    assert registrar.bindings["u1"] == {}
    assert node.registration().state is RegistrationState.UNREGISTERED
    assert node.endpoint.is_idle


def test_dropping_before_the_name_is_resolved_ends_at_once() -> None:
    network, node, registrar = make()
    node.put(account(), PBX)
    node.endpoint.handle_timer(network.now)
    node.endpoint.drop_account(AccountId(1), network.now)
    assert node.endpoint.is_idle
    network.run_out()
    assert registrar.seen == []


def test_moving_an_account_to_another_user_leaves_the_old_binding() -> None:
    network, node, registrar = make(accounts=2)
    node.put(account(), PBX)
    network.run(1)
    node.put(account(username="u2", password="pw2"), PBX)
    network.run(1)
    assert registrar.bindings["u1"] == {}
    assert len(registrar.bindings["u2"]) == 1
    states = {event.state for event in node.of(RegistrationChanged)}
    assert states == {RegistrationState.REGISTERED}


def test_a_challenge_that_tells_our_public_address_saves_a_registration() -> None:
    network, node, registrar = make()
    registrar.seen_as = ("203.0.113.5", 41000)
    node.put(account(), PBX)
    network.run(1)
    assert len(registrar.seen) == 2
    (contact,) = registrar.bindings["u1"]
    assert "@203.0.113.5:41000" in contact


def test_a_changed_public_address_moves_the_binding() -> None:
    network, node, registrar = make()
    node.put(account(), PBX)
    network.run(1)
    registrar.seen_as = ("203.0.113.5", 41000)
    network.run(560)
    (contact,) = registrar.bindings["u1"]
    assert "@203.0.113.5:41000" in contact
    registrar.seen_as = ("203.0.113.5", 41001)
    network.run(560)
    (contact,) = registrar.bindings["u1"]
    assert "@203.0.113.5:41001" in contact


def test_keep_alive_by_options_notices_a_dead_server_and_registers_anew() -> None:
    network, node, registrar = make()
    node.put(account(keep_alive=KeepAliveMethod.OPTIONS, keep_alive_s=30.0), PBX)
    network.run(60)
    count = len(registrar.seen)
    registrar.is_silent = True
    network.run(100)
    assert node.registration().state is RegistrationState.RETRYING
    registrar.is_silent = False
    network.run(20)
    assert node.registration().state is RegistrationState.REGISTERED
    assert len(registrar.seen) > count


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_knows_what_to_do_when_told_to_leave_or_renew(phase: Phase) -> None:
    assert all((phase, happening) in TRANSITIONS for happening in (Happening.LEAVE, Happening.RENEW))


def test_illegal_pairs_of_a_registration_are_these() -> None:
    outcomes = {
        Happening.GRANTED,
        Happening.TOO_BRIEF,
        Happening.FAILED,
        Happening.REFUSED,
        Happening.ELSEWHERE,
    }
    quiet = {Phase.IDLE, Phase.QUEUED, Phase.REGISTERED, Phase.WAITING, Phase.REFUSED}
    expected = {(phase, outcome) for phase in quiet for outcome in outcomes}
    timerless = {Phase.IDLE, Phase.LEAVE_WANTED, Phase.LEAVING, Phase.GONE}
    expected |= {(phase, Happening.DUE) for phase in timerless}
    assert {(p, h) for p in Phase for h in Happening if (p, h) not in TRANSITIONS} == expected


def test_a_thousand_accounts_register_through_one_socket_at_ten_percent_loss() -> None:
    network = Network(loss=0.1, doubled=0.02, delay_s=(0.001, 0.08))
    network, node, registrar = make(network, accounts=1000)
    for number in range(1, 1001):
        node.put(account(number), PBX)
    network.run(30)
    states = {e.account_id: e.state for e in node.of(RegistrationChanged)}
    assert len(states) == 1000
    assert set(states.values()) == {RegistrationState.REGISTERED}
    assert all(len(bound) == 1 for bound in registrar.bindings.values())


def test_the_first_burst_is_paced() -> None:
    network = Network()
    config = EndpointConfig(local_places={TransportName.UDP: US}, registers_per_s=50)
    node = EndpointNode(network, US, config=config)
    registrar = Registrar(network, PBX, {f"u{n}": f"pw{n}" for n in range(1, 101)})
    for number in range(1, 101):
        node.put(account(number), PBX)
    network.run(1)
    users = {request.from_.uri.user for request in registrar.seen}
    assert 45 <= len(users) <= 55


def test_refreshes_of_many_accounts_are_spread() -> None:
    network, node, registrar = make(accounts=100)
    for number in range(1, 101):
        node.put(account(number, expires_s=1000), PBX)
    network.run(650)
    registrar.seen.clear()
    moments: list[float] = []
    for _ in range(300):
        before = len(registrar.seen)
        network.run(1)
        moments.append(len(registrar.seen) - before)
    assert sum(moments) == 100
    assert max(moments) <= 6


def test_one_keep_alive_per_flow_serves_all_accounts() -> None:
    network, node, _ = make(accounts=50)
    for number in range(1, 51):
        node.put(account(number), PBX)
    network.run(100)
    pings = [data for _, source, _, data in network.log if source == US and not data.strip()]
    assert 4 <= len(pings) <= 5
