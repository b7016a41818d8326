"""A scripted peer plays the hard cases by hand: forks, late offers, crossings, glare, wrong requests."""

import json
from dataclasses import replace

import pytest

from linegram.errors import LocalProtocolError
from linegram.sip.caller_identity import CallerIdentity
from linegram.sip.dialog import Dialog
from linegram.sip.events import (
    CallAnswered,
    CallConfirmed,
    CallEnded,
    CallHandle,
    EndCause,
    InfoReceived,
    InviteReceived,
    ProgressReceived,
    ReofferAnswered,
    ReofferConfirmed,
    ReofferReceived,
    ReofferRefused,
)
from linegram.sip.message import Request, Response
from linegram.units import AccountId
from tests.sip.core.network import ScriptedNode
from tests.sip.core.parties import ACCOUNT, ALICE, ANSWER, BOB, OFFER, Pair, Scripted, quiet_account


def early(tag: str) -> bytes:
    return b"v=0 early " + tag.encode() + b"\r\n"


# The caller's side.


def test_an_unanswered_invite_is_repeated_seven_times_and_times_out() -> None:
    scene = Scripted()
    handle, _ = scene.invite()
    scene.network.run_out()
    assert len(scene.peer.requests("INVITE")) == 7
    assert scene.alice.ended(handle).cause is EndCause.TIMEOUT


def test_early_media_of_two_forks_is_told_apart_and_the_answering_one_wins() -> None:
    scene = Scripted()
    _, invite = scene.invite()
    scene.peer.reply(invite, 183, tag="one", body=early("one"))
    scene.peer.reply(invite, 180, tag="two")
    scene.network.run(0.1)
    scene.peer.reply(invite, 183, tag="two", body=early("two"))
    scene.network.run(0.1)
    progress = scene.alice.of(ProgressReceived)
    assert {(p.status, p.fork, p.sdp) for p in progress} == {
        (183, "one", early("one")),
        (180, "two", b""),
        (183, "two", early("two")),
    }
    scene.peer.reply(invite, 200, tag="two")
    scene.network.run(0.1)
    assert scene.alice.only(CallAnswered).sdp == early("two")
    assert scene.peer.requests("ACK")[0].to.tag == "two"


def test_a_second_forked_200_is_acknowledged_and_hung_up_while_the_first_talks_on() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 200, tag="one", body=ANSWER)
    scene.network.run(5)
    scene.peer.reply(invite, 200, tag="two", body=ANSWER)
    scene.network.run(0.1)
    assert [ack.to.tag for ack in scene.peer.requests("ACK")] == ["one", "two"]
    (bye,) = {request.to.tag for request in scene.peer.requests("BYE")}
    assert bye == "two"
    assert not scene.alice.has(CallEnded)
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run(40)
    assert scene.alice.ended(handle).cause is EndCause.LOCAL_BYE


def test_a_repeated_200_is_acknowledged_again_with_the_same_ack() -> None:
    scene = Scripted()
    _, invite = scene.invite()
    for _ in range(3):
        scene.peer.reply(invite, 200, body=ANSWER)
        scene.network.run(1)
    acks = [bytes(ack) for ack in scene.peer.requests("ACK")]
    assert len(acks) == 3
    assert len(set(acks)) == 1
    assert len(scene.alice.of(CallAnswered)) == 1


def test_a_failure_is_acknowledged_by_the_transaction_each_time_it_comes() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    for _ in range(3):
        scene.peer.reply(invite, 486)
        scene.network.run(0.5)
    acks = scene.peer.requests("ACK")
    assert len(acks) == 3
    assert acks[0].via.branch == invite.via.branch
    assert acks[0].to.tag == "far"
    assert scene.alice.ended(handle).status == 486


def test_a_redirection_is_reported_with_its_contacts() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 302, headers=(("Contact", "<sip:600@10.0.0.7>"), ("Retry-After", "5")))
    scene.network.run(0.1)
    ended = scene.alice.ended(handle)
    assert (ended.status, ended.contacts, ended.retry_after_s) == (302, ("<sip:600@10.0.0.7>",), 5)


def test_cancel_waits_for_a_provisional_response() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run(0.3)
    assert not scene.peer.requests("CANCEL")
    scene.peer.reply(invite, 100)
    scene.network.run(0.1)
    (cancel,) = scene.peer.requests("CANCEL")
    assert cancel.via.branch == invite.via.branch
    assert cancel.cseq.number == invite.cseq.number
    scene.peer.reply(cancel, 200)
    scene.peer.reply(invite, 487)
    scene.network.run(0.1)
    ended = scene.alice.ended(handle)
    assert (ended.cause, ended.status) == (EndCause.LOCAL_CANCEL, 487)
    assert len(scene.peer.requests("ACK")) == 1


@pytest.mark.parametrize("provisional", [None, 180])
def test_a_200_that_crosses_our_cancel_is_acknowledged_and_hung_up(provisional: int | None) -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    if provisional:
        scene.peer.reply(invite, provisional)
        scene.network.run(0.1)
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.peer.reply(invite, 200, body=ANSWER)
    scene.network.run(0.1)
    assert len(scene.peer.requests("ACK")) == 1
    assert len(scene.peer.requests("BYE")) == 1
    assert scene.alice.ended(handle).cause is EndCause.LOCAL_CANCEL
    assert not scene.alice.has(CallAnswered)


def test_a_cancelled_invite_that_gets_no_final_answer_is_given_up() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 180)
    scene.network.run(0.1)
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run_out()
    assert scene.alice.ended(handle).cause is EndCause.LOCAL_CANCEL
    assert scene.alice.endpoint.census()[1:] == (0, 0)


def test_a_challenge_to_a_call_that_is_being_cancelled_ends_it() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.peer.reply(invite, 401, headers=(("WWW-Authenticate", 'Digest realm="r", nonce="n"'),))
    scene.network.run(1)
    assert len(scene.peer.requests("INVITE")) == 1
    assert scene.alice.ended(handle).cause is EndCause.LOCAL_CANCEL


def test_a_call_that_rings_for_ever_is_withdrawn() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 180)
    scene.network.run(301)
    (cancel, *_) = scene.peer.requests("CANCEL")
    assert cancel.cseq.method == "CANCEL"
    scene.peer.reply(invite, 487)
    scene.network.run(1)
    assert scene.alice.ended(handle).cause is EndCause.TIMEOUT


@pytest.mark.parametrize(
    ("status", "name", "answer"),
    [
        (401, "WWW-Authenticate", "Authorization"),
        (407, "Proxy-Authenticate", "Proxy-Authorization"),
    ],
)
def test_an_invite_is_repeated_with_credentials(status: int, name: str, answer: str) -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    challenge = ((name, 'Digest realm="r", nonce="n", qop="auth"'),)
    scene.peer.reply(invite, status, headers=challenge)
    scene.network.run(0.1)
    again = scene.peer.requests("INVITE")[-1]
    assert again.cseq.number == invite.cseq.number + 1
    assert again.via.branch != invite.via.branch
    assert answer in again.headers
    scene.peer.reply(invite, status, headers=challenge)
    scene.network.run(0.1)
    assert not scene.alice.has(CallEnded)
    scene.peer.reply(again, 200, body=ANSWER)
    scene.network.run(0.1)
    assert answer in scene.peer.requests("ACK")[-1].headers
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run(0.1)
    (bye, *_) = scene.peer.requests("BYE")
    assert bye.cseq.number == again.cseq.number + 1
    assert "nc=00000002" in (bye.headers.get(answer) or "")


def test_a_bye_that_is_challenged_is_repeated_with_credentials() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 200, body=ANSWER)
    scene.network.run(0.1)
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run(0.1)
    (bye,) = scene.peer.requests("BYE")
    scene.peer.reply(bye, 407, headers=(("Proxy-Authenticate", 'Digest realm="r", nonce="n"'),))
    scene.network.run(0.1)
    again = scene.peer.requests("BYE")[-1]
    assert again.cseq.number == bye.cseq.number + 1
    assert "Proxy-Authorization" in again.headers


def test_record_route_and_contact_decide_where_ack_and_bye_go() -> None:
    scene = Scripted()
    proxy = ScriptedNode(scene.network, ("10.0.0.3", 5070))
    handle, invite = scene.invite()
    routes = (
        ("Record-Route", "<sip:10.0.0.4;lr>, <sip:10.0.0.3:5070;lr>"),
        ("Contact", "<sip:phone@10.0.0.5:5090>"),
    )
    scene.peer.reply(invite, 200, body=ANSWER, headers=routes)
    scene.network.run(0.1)
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run(0.1)
    for request in (*proxy.requests("ACK"), *proxy.requests("BYE")):
        assert str(request.uri) == "sip:phone@10.0.0.5:5090"
        assert request.headers.get_all("Route") == ["<sip:10.0.0.3:5070;lr>", "<sip:10.0.0.4;lr>"]
    assert len(proxy.requests("ACK")) == 1
    assert proxy.requests("BYE")


def test_a_200_that_cannot_be_acknowledged_fails_the_call() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 200, body=ANSWER, headers=(("Record-Route", "<>"),))
    scene.network.run(0.1)
    ended = scene.alice.ended(handle)
    assert (ended.cause, ended.status) == (EndCause.UNREACHABLE, 200)
    scene.alice.endpoint.hang_up(handle, scene.now)


def test_an_invite_whose_route_cannot_be_followed_back_gets_400() -> None:
    scene = Scripted()
    scene.send(scene.request("INVITE", headers=(("Record-Route", "<>"),), body=OFFER))
    assert scene.peer.responses(400)
    assert not scene.alice.has(InviteReceived)


def test_a_strict_router_gets_its_uri_in_the_request_line() -> None:
    scene = Scripted()
    _, invite = scene.invite()
    routes = (("Record-Route", "<sip:10.0.0.2:5060>"), ("Contact", "<sip:phone@10.0.0.5>"))
    scene.peer.reply(invite, 200, body=ANSWER, headers=routes)
    scene.network.run(0.1)
    (ack,) = scene.peer.requests("ACK")
    assert str(ack.uri) == "sip:10.0.0.2:5060"
    assert ack.headers.get_all("Route") == ["<sip:phone@10.0.0.5>"]


def test_a_reoffer_refused_leaves_the_call_and_481_ends_it() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 200, body=ANSWER)
    scene.network.run(0.1)
    assert scene.alice.endpoint.reoffer(handle, OFFER, scene.now)
    assert not scene.alice.endpoint.reoffer(handle, OFFER, scene.now)
    scene.network.run(0.1)
    scene.peer.reply(scene.peer.requests("INVITE")[-1], 488)
    scene.network.run(0.1)
    assert scene.alice.only(ReofferRefused).status == 488
    assert scene.alice.endpoint.reoffer(handle, OFFER, scene.now)
    scene.network.run(0.1)
    scene.peer.reply(scene.peer.requests("INVITE")[-1], 481)
    scene.network.run(0.1)
    assert scene.alice.ended(handle).cause is EndCause.DIALOG_LOST
    assert scene.peer.requests("BYE")


def test_a_reoffer_that_is_never_decided_is_given_up_and_nothing_is_left() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 200, body=ANSWER)
    scene.network.run(0.1)
    scene.alice.endpoint.reoffer(handle, OFFER, scene.now)
    scene.network.run(0.1)
    scene.peer.reply(scene.peer.requests("INVITE")[-1], 100)
    scene.network.run(61)
    assert scene.alice.only(ReofferRefused).status == 408
    scene.alice.endpoint.reoffer(handle, OFFER, scene.now)
    scene.network.run(0.1)
    scene.peer.reply(scene.peer.requests("INVITE")[-1], 100)
    scene.network.run(0.1)
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run_out()
    assert scene.alice.endpoint.census()[1:] == (0, 0)


def test_a_reoffer_after_glare_comes_again_after_two_to_four_seconds() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 200, body=ANSWER)
    scene.network.run(0.1)
    scene.alice.endpoint.reoffer(handle, OFFER, scene.now)
    scene.network.run(0.1)
    first = scene.peer.requests("INVITE")[-1]
    scene.peer.reply(first, 491)
    scene.network.run(1.9)
    assert scene.peer.requests("INVITE")[-1].cseq.number == first.cseq.number
    scene.network.run(2.2)
    again = scene.peer.requests("INVITE")[-1]
    assert again.cseq.number == first.cseq.number + 1
    scene.peer.reply(again, 200, body=ANSWER)
    scene.network.run(0.1)
    assert scene.alice.only(ReofferAnswered).sdp == ANSWER


# The callee's side.


def test_a_call_gets_100_then_180_with_one_tag_and_a_contact() -> None:
    scene = Scripted()
    handle, _ = scene.called()
    assert scene.peer.responses(100)
    scene.alice.endpoint.ring(handle, scene.now)
    scene.alice.endpoint.progress(handle, ANSWER, scene.now)
    scene.network.run(0.1)
    scene.alice.endpoint.answer(handle, ANSWER, scene.now)
    scene.network.run(0.1)
    tags = {response.to.tag for status in (180, 183, 200) for response in scene.peer.responses(status)}
    assert len(tags) == 1
    assert scene.peer.responses(183)[0].body == ANSWER
    assert ";line=" in (scene.peer.responses(200)[0].headers.get("Contact") or "")


def test_a_repeated_invite_is_absorbed_and_gets_the_last_answer_again() -> None:
    scene = Scripted()
    handle, invite = scene.called()
    scene.alice.endpoint.ring(handle, scene.now)
    scene.send(invite)
    assert len(scene.alice.of(InviteReceived)) == 1
    assert len(scene.peer.responses(180)) == 2


def test_a_long_ringing_says_every_minute_that_it_is_alive() -> None:
    scene = Scripted()
    handle, _ = scene.called()
    scene.alice.endpoint.ring(handle, scene.now)
    scene.network.run(185)
    assert len(scene.peer.responses(180)) == 4


def test_our_200_is_repeated_until_the_ack_comes() -> None:
    scene = Scripted()
    handle, _ = scene.called()
    scene.alice.endpoint.answer(handle, ANSWER, scene.now)
    scene.network.run(4)
    assert len(scene.peer.responses(200)) == 4
    tag = scene.peer.responses(200)[0].to.tag or ""
    scene.send(scene.request("ACK", to_tag=tag, branch="z9hG4bKack"))
    before = len(scene.peer.responses(200))
    scene.network.run(30)
    assert len(scene.peer.responses(200)) == before
    assert scene.alice.has(CallConfirmed)


def test_an_answer_that_is_never_acknowledged_is_hung_up() -> None:
    scene = Scripted()
    handle, _ = scene.called()
    scene.alice.endpoint.answer(handle, ANSWER, scene.now)
    scene.network.run(31)
    assert not scene.peer.requests("BYE")
    scene.network.run(2)
    assert scene.peer.requests("BYE")
    assert scene.alice.ended(handle).cause is EndCause.NOT_ACKNOWLEDGED


def test_hanging_up_before_the_ack_waits_for_it() -> None:
    scene = Scripted()
    handle, _ = scene.called()
    scene.alice.endpoint.answer(handle, ANSWER, scene.now)
    scene.network.run(0.1)
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run(0.1)
    assert not scene.peer.requests("BYE")
    tag = scene.peer.responses(200)[0].to.tag or ""
    scene.send(scene.request("ACK", to_tag=tag, branch="z9hG4bKack"))
    assert scene.peer.requests("BYE")
    assert scene.alice.ended(handle).cause is EndCause.LOCAL_BYE


def test_an_invite_without_sdp_gets_our_offer_and_its_ack_brings_the_answer() -> None:
    scene = Scripted()
    handle, _ = scene.called(body=b"")
    assert scene.alice.only(InviteReceived).sdp == b""
    scene.alice.endpoint.answer(handle, OFFER, scene.now)
    scene.network.run(0.1)
    response = scene.peer.responses(200)[0]
    assert response.body == OFFER
    scene.send(scene.request("ACK", to_tag=response.to.tag or "", branch="z9hG4bKa", body=ANSWER))
    assert scene.alice.only(CallConfirmed).sdp == ANSWER


def test_a_cancel_ends_a_ringing_call_and_reports_its_reason() -> None:
    scene = Scripted()
    handle, invite = scene.called()
    scene.alice.endpoint.ring(handle, scene.now)
    reason = 'SIP;cause=200;text="Call completed elsewhere"'
    scene.send(scene.request("CANCEL", branch=invite.via.branch, headers=(("Reason", reason),)))
    assert scene.peer.responses(487)
    assert [r.cseq.method for r in scene.peer.responses(200)] == ["CANCEL"]
    ended = scene.alice.ended(handle)
    assert (ended.cause, ended.reason_header) == (EndCause.REMOTE_CANCEL, reason)


def test_a_cancel_that_crosses_our_200_changes_nothing() -> None:
    scene = Scripted()
    handle, invite = scene.called()
    scene.alice.endpoint.answer(handle, ANSWER, scene.now)
    scene.network.run(0.1)
    scene.send(scene.request("CANCEL", branch=invite.via.branch))
    assert not scene.alice.has(CallEnded)
    assert "CANCEL" in [r.cseq.method for r in scene.peer.responses(200)]


def test_a_refusal_is_repeated_until_it_is_acknowledged() -> None:
    scene = Scripted()
    handle, invite = scene.called()
    scene.alice.endpoint.reject(handle, 486, now=scene.now)
    scene.network.run(2)
    count = len(scene.peer.responses(486))
    assert count == 3
    tag = scene.peer.responses(486)[0].to.tag or ""
    scene.send(scene.request("ACK", to_tag=tag, branch=invite.via.branch))
    scene.network.run(20)
    assert len(scene.peer.responses(486)) == count


def test_requests_inside_the_early_dialog_are_answered() -> None:
    scene = Scripted()
    handle, _ = scene.called()
    scene.alice.endpoint.ring(handle, scene.now)
    scene.network.run(0.1)
    tag = scene.peer.responses(180)[0].to.tag or ""
    for cseq, (method, status) in enumerate(
        [("INFO", 200), ("OPTIONS", 200), ("UPDATE", 200), ("MESSAGE", 405), ("INVITE", 500)], start=2
    ):
        body = b"5" if method == "INFO" else b""
        scene.send(scene.request(method, cseq=cseq, to_tag=tag, body=body))
        last = [m for m in scene.peer.received if isinstance(m, Response) and m.cseq.method == method][-1]
        assert last.status == status
    scene.send(scene.request("INFO", cseq=1, to_tag=tag, branch="z9hG4bKold"))
    assert len(scene.peer.responses(500)) == 2
    assert scene.alice.only(InfoReceived).handle == handle
    assert not scene.alice.has(CallEnded)


def test_commands_that_cross_the_end_of_a_call_do_nothing_and_wrong_ones_are_told() -> None:
    scene = Scripted()
    handle, _ = scene.called()
    endpoint = scene.alice.endpoint
    with pytest.raises(LocalProtocolError):
        endpoint.info(handle, "application/dtmf", b"1", now=scene.now)
    with pytest.raises(LocalProtocolError):
        endpoint.reject(handle, 200, now=scene.now)
    endpoint.reject(handle, 486, now=scene.now)
    endpoint.answer(handle, ANSWER, scene.now)
    endpoint.hang_up(handle, scene.now)
    assert endpoint.export_dialog(handle) is None
    with pytest.raises(LocalProtocolError):
        endpoint.hang_up(CallHandle(99), scene.now)
    with pytest.raises(LocalProtocolError):
        endpoint.invite(AccountId(99), "1", sdp=OFFER, now=scene.now)


def test_a_dialog_survives_json_and_anything_else_is_refused() -> None:
    scene = Scripted()
    handle, _ = scene.talking()
    exported = scene.alice.endpoint.export_dialog(handle)
    assert exported is not None
    assert Dialog.restore(json.loads(json.dumps(exported))).key == Dialog.restore(exported).key
    for wrong in ({}, {**exported, "route_set": "x"}, {**exported, "transport": "pigeon"}):
        with pytest.raises(LocalProtocolError):
            Dialog.restore(wrong)


def test_a_call_through_a_server_without_address_ends_at_once() -> None:
    scene = Scripted()
    scene.alice.put(replace(quiet_account("dave", BOB), account_id=AccountId(4), server_host="nowhere"))
    handle = scene.alice.endpoint.invite(AccountId(4), "1", sdp=OFFER, now=scene.now)
    assert scene.alice.ended(handle).cause is EndCause.UNREACHABLE


def test_a_call_that_nobody_decides_on_is_refused_in_the_end() -> None:
    scene = Scripted()
    handle, _ = scene.called()
    scene.network.run(301)
    assert scene.alice.ended(handle).cause is EndCause.TIMEOUT
    assert scene.peer.responses(480)


def test_a_refusal_may_say_when_to_try_again() -> None:
    scene = Scripted()
    handle, _ = scene.called()
    scene.alice.endpoint.reject(handle, 503, retry_after_s=30, now=scene.now)
    scene.network.run(0.1)
    assert scene.peer.responses(503)[0].headers.get("Retry-After") == "30"


def test_a_proxy_that_forks_to_two_of_our_accounts_rings_both() -> None:
    scene = Scripted()
    second = replace(quiet_account("carol", BOB), account_id=AccountId(2))
    scene.alice.put(second, BOB)
    scene.send(scene.request("INVITE", body=OFFER, branch="z9hG4bKfork1"))
    scene.send(scene.request("INVITE", body=OFFER, branch="z9hG4bKfork2", user="carol"))
    invites = scene.alice.of(InviteReceived)
    assert {invite.account_id for invite in invites} == {ACCOUNT, AccountId(2)}
    scene.alice.endpoint.answer(invites[0].handle, ANSWER, scene.now)
    scene.send(scene.request("CANCEL", branch="z9hG4bKfork2", user="carol"))
    assert scene.alice.only(CallEnded).handle == invites[1].handle


def test_a_bye_before_our_answer_ends_the_call() -> None:
    scene = Scripted()
    handle, _ = scene.called()
    scene.alice.endpoint.ring(handle, scene.now)
    scene.network.run(0.1)
    tag = scene.peer.responses(180)[0].to.tag or ""
    scene.send(scene.request("BYE", cseq=2, to_tag=tag))
    assert scene.peer.responses(487)
    assert scene.alice.ended(handle).cause is EndCause.REMOTE_BYE


def test_a_reoffer_of_theirs_is_answered_and_confirmed() -> None:
    scene = Scripted()
    handle, tag = scene.talking()
    scene.send(scene.request("INVITE", cseq=2, to_tag=tag, body=b"v=0 hold\r\n"))
    assert scene.alice.only(ReofferReceived).sdp == b"v=0 hold\r\n"
    scene.alice.endpoint.answer_reoffer(handle, b"v=0 held\r\n", scene.now)
    scene.network.run(0.1)
    assert scene.peer.responses(200)[-1].body == b"v=0 held\r\n"
    scene.send(scene.request("ACK", cseq=2, to_tag=tag, branch="z9hG4bKack2"))
    assert scene.alice.only(ReofferConfirmed).sdp == b""


def test_an_offerless_reoffer_gets_our_offer_and_its_ack_brings_the_answer() -> None:
    scene = Scripted()
    handle, tag = scene.talking()
    scene.send(scene.request("INVITE", cseq=2, to_tag=tag))
    assert scene.alice.only(ReofferReceived).sdp == b""
    scene.alice.endpoint.answer_reoffer(handle, OFFER, scene.now)
    scene.network.run(0.1)
    assert scene.peer.responses(200)[-1].body == OFFER
    scene.send(scene.request("ACK", cseq=2, to_tag=tag, branch="z9hG4bKack2", body=ANSWER))
    assert scene.alice.only(ReofferConfirmed).sdp == ANSWER


def test_a_reoffer_of_theirs_gets_491_while_ours_is_in_flight_and_500_while_theirs_is_open() -> None:
    scene = Scripted()
    handle, tag = scene.talking()
    scene.send(scene.request("INVITE", cseq=2, to_tag=tag, body=OFFER))
    scene.send(scene.request("INVITE", cseq=3, to_tag=tag, body=OFFER))
    assert "Retry-After" in scene.peer.responses(500)[0].headers
    scene.alice.endpoint.reject_reoffer(handle, 488, now=scene.now)
    scene.network.run(0.1)
    assert scene.peer.responses(488)
    scene.alice.endpoint.reoffer(handle, OFFER, scene.now)
    scene.send(scene.request("INVITE", cseq=4, to_tag=tag, body=OFFER))
    assert scene.peer.responses(491)
    assert not scene.alice.has(CallEnded)


def test_a_cancelled_reoffer_leaves_the_call_up() -> None:
    scene = Scripted()
    handle, tag = scene.talking()
    reinvite = scene.request("INVITE", cseq=2, to_tag=tag, body=OFFER)
    scene.send(reinvite)
    scene.send(scene.request("CANCEL", cseq=2, to_tag=tag, branch=reinvite.via.branch))
    assert scene.peer.responses(487)
    scene.alice.endpoint.answer_reoffer(handle, ANSWER, scene.now)
    assert not scene.alice.has(CallEnded)


def test_a_reoffer_moves_the_remote_target() -> None:
    scene = Scripted()
    handle, tag = scene.talking()
    moved = scene.request("INVITE", cseq=2, to_tag=tag, body=OFFER)
    moved.headers.set("Contact", "<sip:bob@10.0.0.77:5066>")
    elsewhere = ScriptedNode(scene.network, ("10.0.0.77", 5066))
    scene.send(moved)
    scene.alice.endpoint.answer_reoffer(handle, ANSWER, scene.now)
    scene.send(scene.request("ACK", cseq=2, to_tag=tag, branch="z9hG4bKack2"))
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run(0.1)
    assert elsewhere.requests("BYE")


def test_requests_out_of_order_get_500() -> None:
    scene = Scripted()
    _, tag = scene.talking()
    scene.send(scene.request("INFO", cseq=9, to_tag=tag, body=b"x"))
    scene.send(scene.request("INFO", cseq=5, to_tag=tag, body=b"y", branch="z9hG4bKold"))
    assert len(scene.peer.responses(500)) == 1
    assert scene.alice.only(InfoReceived).body == b"x"


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("OPTIONS", 200),
        ("INFO", 481),
        ("BYE", 481),
        ("REFER", 405),
        ("NOTIFY", 489),
        ("REGISTER", 405),
        ("UPDATE", 405),
        ("DANCE", 501),
        ("CANCEL", 481),
    ],
)
def test_requests_outside_dialogs_get_the_right_answer(method: str, status: int) -> None:
    scene = Scripted()
    scene.send(scene.request(method))
    (response,) = [m for m in scene.peer.received if isinstance(m, Response)]
    assert response.status == status
    if status in {200, 405}:
        assert "INVITE" in (response.headers.get("Allow") or "")


def test_a_request_for_a_dialog_that_is_gone_gets_481() -> None:
    scene = Scripted()
    scene.send(scene.request("INVITE", to_tag="gone", body=OFFER))
    assert scene.peer.responses(481)
    scene.send(scene.request("BYE", to_tag="gone"))
    assert len(scene.peer.responses(481)) == 2


def test_a_required_extension_is_refused_with_420_and_its_name() -> None:
    scene = Scripted()
    scene.send(scene.request("INVITE", headers=(("Require", "timer, precondition, outbound"),), body=OFFER))
    assert scene.peer.responses(420)[0].headers.get_all("Unsupported") == ["precondition", "outbound"]
    assert not scene.alice.has(InviteReceived)


def test_a_request_that_came_two_ways_gets_482_the_second_time() -> None:
    scene = Scripted()
    scene.called()
    scene.send(scene.request("INVITE", branch="z9hG4bKother", body=OFFER))
    assert scene.peer.responses(482)
    assert len(scene.alice.of(InviteReceived)) == 1


def test_a_number_that_is_not_ours_gets_404_from_a_trusted_address() -> None:
    scene = Scripted()
    scene.send(scene.request("INVITE", user="stranger", body=OFFER))
    assert scene.peer.responses(404)


def test_strangers_are_dropped_without_a_sound_unless_they_know_our_contact() -> None:
    scene = Scripted()
    stranger = ScriptedNode(scene.network, ("198.51.100.1", 5060))
    for method in ("INVITE", "OPTIONS", "REGISTER", "CANCEL", "BYE"):
        stranger.send(scene.request(method, body=OFFER if method == "INVITE" else b""), ALICE)
    scene.network.run(1)
    assert stranger.received == []
    account = scene.alice.endpoint._accounts.get(ACCOUNT)
    assert account is not None
    known = scene.request("INVITE", body=OFFER)
    stranger.send(Request("INVITE", account.contact_uri(), known.headers, known.body), ALICE)
    scene.network.run(0.1)
    assert scene.alice.has(InviteReceived)


def test_a_body_that_is_not_sdp_gets_415() -> None:
    scene = Scripted()
    request = scene.request("INVITE")
    request.headers.add("Content-Type", "text/plain")
    request.body = b"hello"
    scene.send(request)
    assert scene.peer.responses(415)[0].headers.get("Accept") == "application/sdp"


def test_sdp_is_found_in_a_multipart_body() -> None:
    scene = Scripted()
    request = scene.request("INVITE")
    request.headers.add("Content-Type", 'multipart/mixed;boundary="x"')
    request.body = (
        b"--x\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n"
        b"--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--x--\r\n"
    )
    scene.send(request)
    assert scene.alice.only(InviteReceived).sdp.startswith(b"v=0\r\n")


def test_who_the_network_says_is_calling_is_reported() -> None:
    scene = Scripted()
    headers = (
        ("P-Asserted-Identity", '"Anna" <sip:+4930123@pbx>'),
        ("Diversion", "<sip:200@pbx>;reason=no-answer"),
    )
    scene.send(scene.request("INVITE", headers=headers, body=OFFER))
    invite = scene.alice.only(InviteReceived)
    assert invite.caller == CallerIdentity("+4930123", "Anna", is_withheld=False, diverted_by="200")


def test_responses_go_to_the_source_port_only_if_rport_asks_for_it() -> None:
    scene = Scripted()
    request = scene.request("OPTIONS")
    request.headers.set("Via", "SIP/2.0/UDP 10.0.0.2:5077;branch=z9hG4bKnorport")
    other = ScriptedNode(scene.network, (BOB[0], 5077))
    scene.send(request)
    assert other.responses(200)


def test_a_peer_that_reuses_the_invites_branch_for_its_ack_is_understood() -> None:
    scene = Scripted()
    handle, invite = scene.called()
    scene.alice.endpoint.answer(handle, ANSWER, scene.now)
    scene.network.run(0.1)
    tag = scene.peer.responses(200)[0].to.tag or ""
    scene.send(scene.request("ACK", to_tag=tag, branch=invite.via.branch))
    assert scene.alice.has(CallConfirmed)


def test_stop_hangs_up_everything() -> None:
    pair = Pair()
    mine, theirs = pair.talk()
    ringing = pair.invite()
    pair.network.run(0.5)
    pair.alice.endpoint.stop(pair.network.now)
    pair.network.run(0.5)
    assert pair.alice.ended(mine).cause is EndCause.LOCAL_BYE
    assert pair.alice.ended(ringing).cause is EndCause.LOCAL_CANCEL
    assert pair.bob.ended(theirs).cause is EndCause.REMOTE_BYE
    assert pair.alice.endpoint.is_idle
    pair.network.run_out()
    assert pair.alice.endpoint.census() == (0, 0, 0)


def test_it_is_not_idle_while_a_bye_waits_for_the_ack_of_our_answer() -> None:
    scene = Scripted()
    handle, invite = scene.called()
    scene.alice.endpoint.answer(handle, ANSWER, scene.now)
    scene.network.run(0.1)
    scene.alice.endpoint.stop(scene.now)
    scene.network.run(0.1)
    assert not scene.alice.endpoint.is_idle
    tag = scene.peer.responses(200)[0].to.tag or ""
    scene.send(scene.request("ACK", to_tag=tag, branch=invite.via.branch))
    scene.network.run(0.1)
    assert scene.peer.requests("BYE")
