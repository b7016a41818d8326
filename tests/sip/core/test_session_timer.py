"""Calls that nobody refreshes end; calls that somebody refreshes go on (RFC 4028)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.sip.events import (
    CallAnswered,
    CallEnded,
    CallHandle,
    EndCause,
    InviteReceived,
    ReofferAnswered,
    ReofferReceived,
)
from linegram.sip.headers import Headers
from linegram.sip.message import Request, Response
from linegram.sip.session_timer import SessionTerms, accept, answer, read_answer
from linegram.sip.uri import SipUri
from tests.sip.core.parties import ANSWER, OFFER, Pair, Scripted

ALLOW_ALL = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE")
ALLOW_OLD = ("Allow", "INVITE, ACK, BYE, CANCEL")


def talking(*headers: tuple[str, str]) -> tuple[Scripted, CallHandle, Request]:
    """Alice called; the peer answered with these headers."""
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 200, headers=headers, body=ANSWER)
    scene.network.run(0.1)
    assert scene.alice.has(CallAnswered)
    return scene, handle, invite


def test_our_invite_asks_for_half_an_hour() -> None:
    _, _, invite = talking()
    assert invite.headers.get("Session-Expires") == "1800"
    assert invite.headers.get("Min-SE") == "90"
    assert "timer" in invite.headers.get_all("Supported")


def test_without_an_agreement_nothing_is_refreshed() -> None:
    scene, handle, _ = talking(ALLOW_ALL)
    scene.network.run(4000)
    assert not scene.peer.requests("UPDATE")
    scene.alice.endpoint.hang_up(handle, scene.now)


def test_we_refresh_by_update_at_half_the_interval() -> None:
    scene, _, invite = talking(ALLOW_ALL, ("Session-Expires", "200;refresher=uac"), ("Require", "timer"))
    scene.network.run(99)
    assert not scene.peer.requests("UPDATE")
    scene.network.run(2)
    update = scene.peer.requests("UPDATE")[-1]
    assert update.headers.get("Session-Expires") == "200;refresher=uac"
    assert not update.body
    assert update.cseq.number > invite.cseq.number
    scene.peer.reply(update, 200, headers=(("Session-Expires", "400;refresher=uac"),))
    scene.network.run(199)
    assert len({u.cseq.number for u in scene.peer.requests("UPDATE")}) == 1, "the new interval counts"
    scene.network.run(2)
    assert len({u.cseq.number for u in scene.peer.requests("UPDATE")}) == 2


def test_we_refresh_by_the_same_offer_where_update_is_not_known() -> None:
    scene, handle, invite = talking(ALLOW_OLD, ("Session-Expires", "200;refresher=uac"))
    scene.network.run(101)
    again = scene.peer.requests("INVITE")[-1]
    assert again.body == invite.body == OFFER
    assert again.headers.get("Session-Expires") == "200;refresher=uac"
    scene.peer.reply(again, 200, headers=(("Session-Expires", "200;refresher=uac"),), body=ANSWER)
    scene.network.run(1)
    assert scene.alice.only(ReofferAnswered).handle == handle
    scene.network.run(98)
    assert scene.peer.requests("INVITE")[-1].cseq == again.cseq
    scene.network.run(4)
    assert scene.peer.requests("INVITE")[-1].cseq.number == again.cseq.number + 1


def test_a_far_end_that_stops_refreshing_is_left() -> None:
    scene, handle, _ = talking(("Session-Expires", "300;refresher=uas"))
    scene.network.run(260)
    assert not scene.peer.requests("BYE")
    scene.network.run(10)
    assert scene.peer.requests("BYE")
    assert scene.alice.ended(handle).cause is EndCause.DIALOG_LOST
    assert scene.alice.ended(handle).reason == "no sign of life from the far end"


def test_a_far_end_that_refreshes_is_kept() -> None:
    scene, handle, invite = talking(("Session-Expires", "300;refresher=uas"))
    tag = invite.from_.tag or ""
    for number in range(1, 6):
        scene.network.run(150)
        update = scene.request(
            "UPDATE",
            cseq=number,
            to_tag=tag,
            call_id=invite.call_id,
            headers=(("Session-Expires", "300;refresher=uac"), ("Supported", "timer")),
        )
        update.headers.set("From", "<sip:bob@10.0.0.2>;tag=far")
        scene.send(update)
        reply = scene.peer.responses(200)[-1]
        assert reply.cseq.method == "UPDATE"
        assert reply.headers.get("Session-Expires") == "300;refresher=uac"
        assert reply.headers.get_all("Require") == ["timer"]
    assert not scene.peer.requests("BYE")
    scene.network.run(300)
    assert scene.alice.ended(handle).cause is EndCause.DIALOG_LOST


def test_a_refresh_that_finds_no_call_ends_it() -> None:
    scene, handle, _ = talking(ALLOW_ALL, ("Session-Expires", "200;refresher=uac"))
    scene.network.run(101)
    scene.peer.reply(scene.peer.requests("UPDATE")[0], 481)
    scene.network.run(1)
    assert scene.alice.ended(handle).cause is EndCause.DIALOG_LOST


def test_a_refresh_that_nobody_answers_ends_the_call() -> None:
    scene, handle, _ = talking(ALLOW_ALL, ("Session-Expires", "200;refresher=uac"))
    scene.network.run(140)
    assert scene.alice.ended(handle).cause is EndCause.DIALOG_LOST


def test_a_refused_refresh_is_tried_again() -> None:
    scene, handle, _ = talking(ALLOW_ALL, ("Session-Expires", "200;refresher=uac"))
    scene.network.run(101)
    scene.peer.reply(scene.peer.requests("UPDATE")[0], 500)
    scene.network.run(34)
    assert len({update.cseq.number for update in scene.peer.requests("UPDATE")}) == 2
    assert not scene.alice.has(CallEnded)
    scene.alice.endpoint.hang_up(handle, scene.now)


def test_a_422_to_a_refresh_is_answered_with_its_interval_at_once() -> None:
    scene, _, _ = talking(ALLOW_ALL, ("Session-Expires", "200;refresher=uac"))
    scene.network.run(101)
    scene.peer.reply(scene.peer.requests("UPDATE")[0], 422, headers=(("Min-SE", "600"),))
    scene.network.run(0.1)
    assert scene.peer.requests("UPDATE")[-1].headers.get("Session-Expires") == "600;refresher=uac"


def test_a_422_to_our_invite_is_answered_with_its_interval_once() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 422, headers=(("Min-SE", "3600"),))
    scene.network.run(0.1)
    again = scene.peer.requests("INVITE")[-1]
    assert (again.call_id, again.cseq.number) == (invite.call_id, invite.cseq.number + 1)
    assert (again.headers.get("Session-Expires"), again.headers.get("Min-SE")) == ("3600", "3600")
    scene.peer.reply(again, 422, headers=(("Min-SE", "7200"),))
    scene.network.run(0.1)
    assert scene.alice.ended(handle).status == 422


def called(*headers: tuple[str, str]) -> tuple[Scripted, Response]:
    """The peer called with these headers; Alice answered."""
    scene = Scripted()
    scene.send(scene.request("INVITE", headers=headers, body=OFFER))
    handle = scene.alice.only(InviteReceived).handle
    scene.alice.endpoint.answer(handle, ANSWER, scene.now)
    scene.network.run(0.1)
    reply = scene.peer.responses(200)[-1]
    scene.send(scene.request("ACK", to_tag=reply.to.tag or "", branch="z9hG4bKack"))
    return scene, reply


def test_a_caller_that_can_refresh_does_it() -> None:
    scene, reply = called(("Session-Expires", "600"), ("Supported", "timer"))
    assert reply.headers.get("Session-Expires") == "600;refresher=uac"
    assert "timer" in reply.headers.get_all("Require")
    scene.network.run(565)
    assert not scene.peer.requests("BYE")
    scene.network.run(5)
    assert scene.peer.requests("BYE")


def test_for_a_caller_that_cannot_refresh_we_do_it() -> None:
    scene, reply = called(("Session-Expires", "600"), ALLOW_ALL)
    assert reply.headers.get("Session-Expires") == "600;refresher=uas"
    assert not reply.headers.get_all("Require")
    scene.network.run(301)
    assert scene.peer.requests("UPDATE")


def test_too_short_an_interval_is_refused_before_anything_rings() -> None:
    scene = Scripted()
    scene.send(
        scene.request("INVITE", headers=(("Session-Expires", "30"), ("Supported", "timer")), body=OFFER)
    )
    assert scene.peer.responses(422)[0].headers.get("Min-SE") == "90"
    assert not scene.alice.has(InviteReceived)


def test_an_update_with_an_offer_is_answered_without_an_ack() -> None:
    scene = Scripted()
    handle, tag = scene.talking()
    update = scene.request("UPDATE", cseq=2, to_tag=tag, body=OFFER)
    scene.send(update)
    assert scene.alice.only(ReofferReceived).sdp == OFFER
    scene.alice.endpoint.answer_reoffer(handle, ANSWER, scene.now)
    scene.network.run(0.1)
    assert scene.peer.responses(200)[-1].body == ANSWER
    assert scene.alice.endpoint.reoffer(handle, OFFER, scene.now), "theirs is over"


def test_an_update_with_an_offer_gets_491_while_ours_is_in_flight() -> None:
    scene = Scripted()
    handle, tag = scene.talking()
    scene.alice.endpoint.reoffer(handle, OFFER, scene.now)
    scene.send(scene.request("UPDATE", cseq=2, to_tag=tag, body=OFFER))
    assert scene.peer.responses(491)


def test_two_ends_of_ours_refresh_each_other_for_hours() -> None:
    pair = Pair()
    mine, _ = pair.talk()
    pair.network.run(5 * 3600)
    assert not pair.alice.has(CallEnded)
    assert not pair.bob.has(CallEnded)
    assert len(pair.network.sent_by(pair.alice.address)) > 10
    pair.network.nodes.pop(pair.bob.address)
    pair.network.run(3600)
    assert pair.alice.ended(mine).cause is EndCause.DIALOG_LOST


def message(seconds: int, refresher: str | None, *, can_refresh: bool) -> Request:
    headers = Headers()
    headers.add("Session-Expires", str(seconds) + (f";refresher={refresher}" if refresher else ""))
    if can_refresh:
        headers.add("Supported", "timer")
    return Request("INVITE", SipUri.parse("sip:a@b"), headers)


@given(st.integers(90, 100_000), st.sampled_from(["uac", "uas", None]), st.booleans())
def test_both_sides_understand_the_same(seconds: int, refresher: str | None, can_refresh: bool) -> None:
    ours = accept(message(seconds, refresher, can_refresh=can_refresh))
    assert ours is not None
    response = Response(200, "OK", Headers())
    answer(response, ours)
    theirs = read_answer(response)
    assert theirs == SessionTerms(seconds, is_refreshed_by_us=not ours.is_refreshed_by_us)
    if refresher is not None:
        assert ours.is_refreshed_by_us is (refresher == "uas")


@pytest.mark.parametrize("value", ["", "x", "-1", "99999999999", "90 90", "9e9", "90;;"])
def test_a_malformed_interval_is_refused(value: str) -> None:
    headers = Headers()
    headers.add("Session-Expires", value)
    with pytest.raises(RemoteProtocolError):
        accept(Request("INVITE", SipUri.parse("sip:a@b"), headers))
