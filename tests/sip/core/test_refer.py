"""A call moves to somebody else: REFER both ways, its notifications, and calls that replace calls."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.sip.events import (
    CallAnswered,
    CallHandle,
    EndCause,
    InviteReceived,
    ReferEnded,
    ReferProgressed,
    ReferReceived,
)
from linegram.sip.message import Request, Response
from linegram.sip.refer import TRANSITIONS, ReferInput, ReferState
from linegram.sip.replaces import Replaces
from linegram.sip.uri import SipUri
from tests.sip.core.network import Network
from tests.sip.core.parties import ACCOUNT, ALICE, ANSWER, OFFER, Pair, Scripted

CAROL = SipUri.parse("sip:carol@10.0.0.3:5080")


def test_every_state_of_a_refer_has_a_row_for_whatever_may_come() -> None:
    assert set(TRANSITIONS) == {(state, happening) for state in ReferState for happening in ReferInput}


def test_a_blind_transfer_is_asked_taken_followed_and_ended() -> None:
    pair = Pair()
    mine, theirs = pair.talk()
    assert pair.alice.endpoint.refer(mine, "4711", pair.network.now)
    pair.network.run(0.1)
    asked = pair.bob.only(ReferReceived)
    assert str(asked.target) == "sip:4711@10.0.0.2"
    assert (asked.handle, asked.replaces, asked.referred_by) == (theirs, "", "<sip:alice@10.0.0.2>")
    pair.bob.endpoint.accept_refer(theirs, pair.network.now)
    pair.network.run(0.1)
    assert {report.status for report in pair.alice.of(ReferProgressed)} == {100}
    pair.bob.endpoint.report_refer(theirs, 180, now=pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.of(ReferProgressed)[-1] == ReferProgressed(mine, 180, "Ringing")
    pair.bob.endpoint.report_refer(theirs, 200, now=pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.only(ReferEnded) == ReferEnded(mine, 200, "OK", is_accepted=True)
    pair.alice.endpoint.hang_up(mine, pair.network.now)
    pair.network.run(0.1)
    pair.assert_nothing_is_left()


def test_a_busy_third_party_is_told_apart_from_a_refused_refer() -> None:
    pair = Pair()
    mine, theirs = pair.talk()
    pair.alice.endpoint.refer(mine, CAROL, pair.network.now)
    pair.network.run(0.1)
    pair.bob.endpoint.accept_refer(theirs, pair.network.now)
    pair.bob.endpoint.report_refer(theirs, 486, now=pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.only(ReferEnded) == ReferEnded(mine, 486, "Busy Here", is_accepted=True)
    pair.alice.endpoint.refer(mine, CAROL, pair.network.now)
    pair.network.run(0.1)
    pair.bob.endpoint.reject_refer(theirs, now=pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.of(ReferEnded)[-1] == ReferEnded(mine, 603, "Decline", is_accepted=False)


def test_while_a_refer_is_open_there_is_no_second_one() -> None:
    pair = Pair()
    mine, theirs = pair.talk()
    assert pair.alice.endpoint.refer(mine, CAROL, pair.network.now)
    assert not pair.alice.endpoint.refer(mine, CAROL, pair.network.now)
    pair.network.run(0.1)
    pair.bob.endpoint.reject_refer(theirs, now=pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.endpoint.refer(mine, CAROL, pair.network.now)


def test_two_calls_are_joined_by_a_refer_that_replaces_one() -> None:
    pair = Pair()
    first, their_first = pair.talk()
    second, their_second = pair.talk()
    assert pair.alice.endpoint.refer_to_call(first, second, pair.network.now)
    pair.network.run(0.1)
    asked = pair.bob.only(ReferReceived)
    assert asked.handle == their_first
    replaces = Replaces.parse(asked.replaces)
    bob = pair.bob.endpoint
    assert bob.export_dialog(their_second) is not None
    bob.accept_refer(their_first, pair.network.now)
    placed = bob.invite(
        ACCOUNT,
        SipUri.parse(f"sip:alice@{ALICE[0]}:{ALICE[1]}"),
        sdp=OFFER,
        now=pair.network.now,
        headers=(
            ("Replaces", f"{replaces.sip_call_id};to-tag={replaces.from_tag};from-tag={replaces.to_tag}"),
        ),
    )
    pair.network.run(0.1)
    arrived = pair.alice.only(InviteReceived)
    assert arrived.replaces == second
    pair.alice.endpoint.answer(arrived.handle, ANSWER, pair.network.now)
    pair.network.run(0.1)
    assert pair.bob.of(CallAnswered)[-1].handle == placed


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("nobody;to-tag=a;from-tag=b", 481),
        ("c1;to-tag={tag};from-tag=bobtag;early-only", 486),
        ("c1;to-tag={tag}", 400),
        ("", 400),
    ],
)
def test_an_invite_that_replaces_what_it_may_not_is_refused(value: str, status: int) -> None:
    scripted = Scripted()
    _, tag = scripted.talking()
    replaces = (("Replaces", value.format(tag=tag)), ("Require", "replaces"))
    scripted.send(scripted.request("INVITE", call_id="c2", headers=replaces, body=OFFER))
    assert scripted.peer.responses(status)
    assert len(scripted.alice.of(InviteReceived)) == 1


def test_an_invite_that_replaces_a_call_tells_which() -> None:
    scripted = Scripted()
    handle, tag = scripted.talking()
    replaces = (("Replaces", f"c1;from-tag=bobtag;to-tag={tag}"), ("Require", "replaces"))
    scripted.send(scripted.request("INVITE", call_id="c2", headers=replaces, body=OFFER))
    assert scripted.alice.of(InviteReceived)[-1].replaces == handle


def notify(scripted: Scripted, tag: str, cseq: int, body: bytes, *, state: str, event: str = "refer") -> int:
    request = scripted.request(
        "NOTIFY", cseq=cseq, to_tag=tag, headers=(("Event", event), ("Subscription-State", state))
    )
    if body:
        request.headers.add("Content-Type", "message/sipfrag;version=2.0")
        request.body = body
    before = len(scripted.peer.received)
    scripted.send(request)
    answers = [message for message in scripted.peer.received[before:] if isinstance(message, Response)]
    assert len(answers) == 1
    return answers[0].status


def referring() -> tuple[Scripted, CallHandle, str, Request]:
    scripted = Scripted()
    handle, tag = scripted.talking()
    assert scripted.alice.endpoint.refer(handle, CAROL, scripted.now)
    scripted.network.run(0.1)
    return scripted, handle, tag, scripted.peer.requests("REFER")[-1]


def test_a_refer_says_whom_and_by_whom() -> None:
    _, _, _, refer = referring()
    assert refer.headers.get("Refer-To") == "<sip:carol@10.0.0.3:5080>"
    assert refer.headers.get("Referred-By") == "<sip:alice@10.0.0.1>"
    assert refer.headers.get("Contact")


def test_a_notify_that_overtakes_the_202_counts() -> None:
    scripted, handle, tag, refer = referring()
    assert notify(scripted, tag, 2, b"SIP/2.0 200 OK\r\n", state="terminated") == 200
    scripted.peer.reply(refer, 202)
    scripted.network.run(0.1)
    assert scripted.alice.only(ReferEnded) == ReferEnded(handle, 200, "OK", is_accepted=True)
    assert not scripted.alice.of(ReferProgressed)


def test_a_subscription_that_ends_without_an_outcome_ends_the_refer_with_what_was_last_known() -> None:
    scripted, handle, tag, refer = referring()
    scripted.peer.reply(refer, 202)
    assert notify(scripted, tag, 2, b"SIP/2.0 183 Progress\r\n", state="active") == 200
    assert notify(scripted, tag, 3, b"", state="terminated;reason=timeout") == 200
    assert scripted.alice.only(ReferEnded) == ReferEnded(handle, 183, "Progress", is_accepted=True)


def test_a_notify_after_the_end_or_about_something_else_is_refused() -> None:
    scripted, _, tag, refer = referring()
    scripted.peer.reply(refer, 202)
    cseq = refer.cseq.number
    assert notify(scripted, tag, 2, b"SIP/2.0 100 T\r\n", state="active", event=f"refer;id={cseq + 9}") == 481
    assert notify(scripted, tag, 3, b"x", state="active", event="message-summary") == 489
    assert notify(scripted, tag, 4, b"nonsense", state="active") == 400
    assert notify(scripted, tag, 5, b"SIP/2.0 200 OK\r\n", state="active", event=f"refer;id={cseq}") == 200
    assert notify(scripted, tag, 6, b"SIP/2.0 200 OK\r\n", state="active") == 481
    assert scripted.alice.only(ReferEnded).status == 200


def test_a_refer_without_any_outcome_is_given_up() -> None:
    scripted, handle, _, refer = referring()
    scripted.peer.reply(refer, 202)
    scripted.network.run(200)
    assert scripted.alice.only(ReferEnded) == ReferEnded(handle, 408, "no outcome", is_accepted=True)


def test_a_refer_that_is_never_answered_ends() -> None:
    scripted, handle, _, _ = referring()
    scripted.network.run(40)
    ended = scripted.alice.only(ReferEnded)
    assert (ended.handle, ended.status, ended.is_accepted) == (handle, 408, False)


def test_a_bye_ends_an_open_refer_silently() -> None:
    scripted, handle, tag, refer = referring()
    scripted.peer.reply(refer, 202)
    scripted.send(scripted.request("BYE", cseq=2, to_tag=tag))
    scripted.network.run(300)
    assert scripted.alice.ended(handle).cause is EndCause.REMOTE_BYE
    assert not scripted.alice.of(ReferEnded)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), 400),
        ((("Refer-To", "<sip:a@b>"), ("Refer-To", "<sip:c@d>")), 400),
        ((("Refer-To", "<sip:a@b;method=SUBSCRIBE>"),), 501),
        ((("Refer-To", "<http://a>"),), 416),
    ],
)
def test_a_refer_that_asks_for_nothing_possible_is_refused(
    headers: tuple[tuple[str, str], ...], status: int
) -> None:
    scripted = Scripted()
    _, tag = scripted.talking()
    scripted.send(scripted.request("REFER", cseq=2, to_tag=tag, headers=headers))
    assert scripted.peer.responses(status)
    assert not scripted.alice.of(ReferReceived)


def test_a_refer_of_theirs_is_answered_and_notified_in_order() -> None:
    scripted = Scripted()
    handle, tag = scripted.talking()
    refer_to = (("Refer-To", "<sip:carol@h?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>"),)
    scripted.send(scripted.request("REFER", cseq=2, to_tag=tag, headers=refer_to))
    asked = scripted.alice.only(ReferReceived)
    assert (str(asked.target), asked.replaces) == ("sip:carol@h", "x@y;to-tag=1;from-tag=2")
    scripted.send(scripted.request("REFER", cseq=3, to_tag=tag, headers=refer_to))
    assert scripted.peer.responses(491), "one at a time"
    scripted.alice.endpoint.accept_refer(handle, scripted.now)
    scripted.network.run(0.1)
    assert scripted.peer.responses(202)
    (first,) = {request.body for request in scripted.peer.requests("NOTIFY")}
    assert first == b"SIP/2.0 100 Trying\r\n"
    state = scripted.peer.requests("NOTIFY")[-1].headers.get("Subscription-State") or ""
    assert state.startswith("active;expires=")
    scripted.alice.endpoint.report_refer(handle, 503, now=scripted.now)
    scripted.network.run(0.1)
    last = scripted.peer.requests("NOTIFY")[-1]
    assert last.body.startswith(b"SIP/2.0 503 ")
    assert last.headers.get("Subscription-State") == "terminated;reason=noresource"
    assert last.headers.get("Event") == "refer;id=2"


def test_a_refer_that_wants_no_subscription_gets_no_notify() -> None:
    scripted = Scripted()
    handle, tag = scripted.talking()
    wanted = (("Refer-To", "<sip:carol@h>"), ("Refer-Sub", "false"))
    scripted.send(scripted.request("REFER", cseq=2, to_tag=tag, headers=wanted))
    scripted.alice.endpoint.accept_refer(handle, scripted.now)
    scripted.alice.endpoint.report_refer(handle, 200, now=scripted.now)
    scripted.network.run(0.1)
    assert scripted.peer.responses(202)[-1].headers.get("Refer-Sub") == "false"
    assert not scripted.peer.requests("NOTIFY")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_over_a_bad_network_a_transfer_has_exactly_one_outcome(seed: int) -> None:
    pair = Pair(Network(seed=seed, loss=0.1, doubled=0.1, delay_s=(0.001, 0.3)))
    mine, theirs = pair.talk()
    pair.network.run_until(lambda: pair.alice.has(CallAnswered))
    pair.network.run(5)
    assert pair.alice.endpoint.refer(mine, CAROL, pair.network.now)
    pair.network.run_until(lambda: pair.bob.has(ReferReceived))
    pair.bob.endpoint.accept_refer(theirs, pair.network.now)
    pair.network.run(1)
    pair.bob.endpoint.report_refer(theirs, 200, now=pair.network.now)
    pair.network.run(250)
    assert len(pair.alice.of(ReferEnded)) == 1
    assert pair.alice.only(ReferEnded).is_accepted
    pair.alice.endpoint.hang_up(mine, pair.network.now)
    pair.assert_nothing_is_left()


@given(
    st.builds(
        Replaces,
        st.from_regex(r"[A-Za-z0-9@.\-]{1,20}", fullmatch=True),
        st.from_regex(r"[A-Za-z0-9.\-]{1,12}", fullmatch=True),
        st.from_regex(r"[A-Za-z0-9.\-]{1,12}", fullmatch=True),
        st.booleans(),
    )
)
def test_replaces_is_read_as_it_was_written(replaces: Replaces) -> None:
    assert Replaces.parse(str(replaces)) == replaces
