"""Provisional responses that must arrive, sent and received (RFC 3262)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.sip.events import CallAnswered, CallHandle, EndCause, InviteReceived, ProgressReceived
from linegram.sip.headers import CSeq
from linegram.sip.message import Request
from linegram.sip.reliable import RAck
from tests.sip.core.network import Network
from tests.sip.core.parties import ANSWER, OFFER, Pair, Scripted

REQUIRED = ("Require", "100rel")
SUPPORTED = ("Supported", "100rel")
CONTACT = ("Contact", "<sip:far@10.0.0.2:5060>")


def reliable(rseq: int) -> tuple[tuple[str, str], ...]:
    return (REQUIRED, ("RSeq", str(rseq)), CONTACT)


def early(tag: str = "far") -> tuple[Scripted, CallHandle, Request]:
    """Alice called; the peer sent 183 with media, reliably, number 7."""
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 183, tag=tag, headers=reliable(7), body=ANSWER)
    scene.network.run(0.1)
    return scene, handle, invite


def test_our_invite_says_that_we_can() -> None:
    _, _, invite = early()
    assert "100rel" in invite.headers.get_all("Supported")


def test_a_reliable_response_is_acknowledged_in_its_dialog() -> None:
    scene, handle, invite = early()
    prack = scene.peer.requests("PRACK")[-1]
    assert prack.headers.get("RAck") == f"7 {invite.cseq.number} INVITE"
    assert (prack.to.tag, prack.call_id, str(prack.uri)) == ("far", invite.call_id, "sip:far@10.0.0.2:5060")
    assert scene.alice.only(ProgressReceived).sdp == ANSWER
    scene.alice.endpoint.hang_up(handle, scene.now)


def test_a_repeated_response_is_told_once_and_the_next_number_counts() -> None:
    scene, _, invite = early()
    scene.peer.reply(scene.peer.requests("PRACK")[-1], 200)
    scene.peer.reply(invite, 183, headers=reliable(7), body=ANSWER)
    scene.network.run(1)
    assert len(scene.alice.of(ProgressReceived)) == 1
    assert len({prack.cseq.number for prack in scene.peer.requests("PRACK")}) == 1
    scene.peer.reply(invite, 180, headers=reliable(9))
    scene.network.run(1)
    assert len(scene.alice.of(ProgressReceived)) == 1, "number 8 is missing"
    scene.peer.reply(invite, 180, headers=reliable(8))
    scene.network.run(1)
    assert [event.status for event in scene.alice.of(ProgressReceived)] == [183, 180]
    assert scene.peer.requests("PRACK")[-1].headers.get("RAck") == f"8 {invite.cseq.number} INVITE"


def test_each_fork_counts_for_itself() -> None:
    scene, _, invite = early()
    scene.peer.reply(invite, 180, tag="other", headers=reliable(100))
    scene.network.run(0.1)
    assert {prack.to.tag for prack in scene.peer.requests("PRACK")} == {"far", "other"}
    assert [event.fork for event in scene.alice.of(ProgressReceived)] == ["far", "other"]


def test_the_early_dialog_becomes_the_calls_and_its_numbers_go_on() -> None:
    scene, handle, invite = early()
    prack = scene.peer.requests("PRACK")[-1]
    scene.peer.reply(prack, 200)
    scene.peer.reply(invite, 200)
    scene.network.run(0.1)
    assert scene.alice.only(CallAnswered).sdp == ANSWER, "that of the 183 counts"
    assert scene.peer.requests("ACK")[-1].cseq.number == invite.cseq.number
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run(0.1)
    assert scene.peer.requests("BYE")[-1].cseq.number > prack.cseq.number > invite.cseq.number


def test_a_response_without_a_usable_number_or_contact_is_not_acknowledged() -> None:
    scene = Scripted()
    handle, invite = scene.invite()
    scene.peer.reply(invite, 183, headers=(REQUIRED, ("RSeq", "x"), CONTACT))
    scene.peer.reply(invite, 183, headers=(REQUIRED, ("RSeq", "1"), ("Contact", "<broken")))
    scene.network.run(0.1)
    assert not scene.peer.requests("PRACK")
    scene.alice.endpoint.hang_up(handle, scene.now)


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [("UPDATE", b"", 200), ("UPDATE", OFFER, 488), ("INFO", b"", 200), ("BYE", b"", 405)],
)
def test_the_callee_may_speak_in_the_early_dialog(method: str, body: bytes, status: int) -> None:
    scene, _, invite = early()
    request = scene.request(method, to_tag=invite.from_.tag or "", call_id=invite.call_id, body=body)
    request.headers.set("From", "<sip:bob@10.0.0.2>;tag=far")
    scene.send(request)
    answered = [response for response in scene.peer.responses(status) if response.cseq.method == method]
    assert answered


def test_nothing_is_left_of_early_dialogs() -> None:
    scene, handle, invite = early()
    scene.peer.reply(scene.peer.requests("PRACK")[-1], 200)
    scene.peer.reply(invite, 486)
    scene.network.run_out()
    assert scene.alice.ended(handle).status == 486
    assert scene.alice.endpoint.is_idle
    assert scene.alice.endpoint.census()[1:] == (0, 0)


def ringing(*headers: tuple[str, str], body: bytes = OFFER) -> tuple[Scripted, CallHandle]:
    scene = Scripted()
    scene.send(scene.request("INVITE", headers=headers, body=body))
    return scene, scene.alice.only(InviteReceived).handle


def prack(scene: Scripted, *, cseq: int, rack: str) -> int:
    tag = scene.peer.received[-1].to.tag or ""
    scene.send(scene.request("PRACK", cseq=cseq, to_tag=tag, headers=(("RAck", rack),)))
    statuses = (200, 481, 488, 400)
    return next(s for s in statuses for r in scene.peer.responses(s) if r.cseq == CSeq(cseq, "PRACK"))


def test_a_caller_that_insists_gets_reliable_responses_until_it_acknowledges() -> None:
    scene, handle = ringing(REQUIRED)
    scene.alice.endpoint.ring(handle, scene.now)
    scene.network.run(4)
    rings = scene.peer.responses(180)
    assert len(rings) == 4, "after 0, 0.5, 1.5 and 3.5 s"
    assert {ring.headers.get("RSeq") for ring in rings} == {rings[0].headers.get("RSeq")}
    assert rings[0].headers.get_all("Require") == ["100rel"]
    assert prack(scene, cseq=2, rack=f"{rings[0].headers.get('RSeq')} 1 INVITE") == 200
    scene.network.run(20)
    assert len(scene.peer.responses(180)) == 4
    scene.network.run(45)
    assert len(scene.peer.responses(180)) > 4, "a minute later we are still alive"


def test_a_prack_for_something_else_changes_nothing() -> None:
    scene, handle = ringing(REQUIRED)
    scene.alice.endpoint.ring(handle, scene.now)
    scene.network.run(0.1)
    rseq = int(scene.peer.responses(180)[0].headers.get("RSeq") or "")
    assert prack(scene, cseq=2, rack=f"{rseq + 1} 1 INVITE") == 481
    assert prack(scene, cseq=3, rack=f"{rseq} 2 INVITE") == 481
    assert prack(scene, cseq=4, rack="nonsense") == 400
    scene.network.run(1)
    assert len(scene.peer.responses(180)) > 1


def test_early_media_are_reliable_for_who_can_and_the_answer_waits_for_the_prack() -> None:
    scene, handle = ringing(SUPPORTED)
    scene.alice.endpoint.ring(handle, scene.now)
    scene.alice.endpoint.progress(handle, ANSWER, scene.now)
    scene.network.run(0.1)
    assert not scene.peer.responses(180)[0].headers.get("RSeq")
    (progress,) = scene.peer.responses(183)
    scene.alice.endpoint.answer(handle, ANSWER, scene.now)
    scene.network.run(0.1)
    assert not scene.peer.responses(200)
    assert prack(scene, cseq=2, rack=f"{progress.headers.get('RSeq')} 1 INVITE") == 200
    assert any(response.cseq.method == "INVITE" for response in scene.peer.responses(200))


def test_a_caller_that_never_acknowledges_is_refused() -> None:
    scene, handle = ringing(REQUIRED)
    scene.alice.endpoint.ring(handle, scene.now)
    scene.network.run(33)
    assert scene.peer.responses(504)
    assert scene.alice.ended(handle).cause is EndCause.NOT_ACKNOWLEDGED


def test_a_call_that_is_cancelled_while_a_prack_is_awaited_leaves_nothing() -> None:
    scene, handle = ringing(REQUIRED)
    scene.alice.endpoint.ring(handle, scene.now)
    scene.alice.endpoint.answer(handle, ANSWER, scene.now)
    scene.send(scene.request("CANCEL", branch="z9hG4bKINVITE1c1"))
    assert scene.alice.ended(handle).cause is EndCause.REMOTE_CANCEL
    scene.network.run(40)
    assert not [response for response in scene.peer.responses(200) if response.cseq.method == "INVITE"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_over_a_bad_network_early_media_and_answer_arrive_in_order(seed: int) -> None:
    pair = Pair(Network(seed=seed, loss=0.15, doubled=0.15, delay_s=(0.001, 0.3)))
    mine = pair.invite()
    theirs = pair.arrived()
    pair.bob.endpoint.progress(theirs, ANSWER, pair.network.now)
    pair.bob.endpoint.answer(theirs, ANSWER, pair.network.now)
    pair.network.run_until(lambda: pair.alice.has(CallAnswered))
    kinds = [type(event) for event in pair.alice.events if isinstance(event, ProgressReceived | CallAnswered)]
    assert kinds == [ProgressReceived, CallAnswered]
    pair.network.run(2)
    pair.alice.endpoint.hang_up(mine, pair.network.now)
    pair.assert_nothing_is_left()


@given(st.integers(0, 2**31), st.integers(0, 2**31 - 1))
def test_rack_is_read_as_it_was_written(rseq: int, cseq: int) -> None:
    rack = RAck(rseq, CSeq(cseq, "INVITE"))
    assert RAck.parse(str(rack)) == rack


@pytest.mark.parametrize("text", ["", "1", "1 INVITE", "x 1 INVITE", "1 x INVITE"])
def test_a_malformed_rack_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        RAck.parse(text)
