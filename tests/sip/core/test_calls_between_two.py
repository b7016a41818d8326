"""Both ends are ours, the network between them is bad: calls still come up, end once, and leave nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.sip.events import (
    CallAnswered,
    CallConfirmed,
    CallEnded,
    EndCause,
    InfoReceived,
    InviteReceived,
    ProgressReceived,
    ReofferAnswered,
    ReofferConfirmed,
    ReofferReceived,
)
from tests.sip.core.network import Network
from tests.sip.core.parties import ANSWER, OFFER, Pair


def bad_network(seed: int) -> Network:
    return Network(seed=seed, loss=0.1, doubled=0.1, delay_s=(0.001, 0.3))


def test_a_call_rings_is_answered_and_hung_up_by_the_caller() -> None:
    pair = Pair()
    mine = pair.invite()
    theirs = pair.arrived()
    invite = pair.bob.only(InviteReceived)
    assert invite.caller.number == "alice"
    assert invite.sdp == OFFER
    pair.bob.endpoint.ring(theirs, pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.only(ProgressReceived).status == 180
    pair.bob.endpoint.answer(theirs, ANSWER, pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.only(CallAnswered).sdp == ANSWER
    assert pair.bob.only(CallConfirmed).sdp == b""
    pair.alice.endpoint.hang_up(mine, pair.network.now, reason_header='Q.850;cause=16;text="bye"')
    pair.network.run(0.1)
    assert pair.alice.ended(mine).cause is EndCause.LOCAL_BYE
    ended = pair.bob.ended(theirs)
    assert (ended.cause, ended.reason_header) == (EndCause.REMOTE_BYE, 'Q.850;cause=16;text="bye"')
    pair.assert_nothing_is_left()


def test_the_callee_hangs_up() -> None:
    pair = Pair()
    mine, theirs = pair.talk()
    pair.bob.endpoint.hang_up(theirs, pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.ended(mine).cause is EndCause.REMOTE_BYE
    assert pair.bob.ended(theirs).cause is EndCause.LOCAL_BYE
    pair.assert_nothing_is_left()


def test_both_hang_up_at_the_same_moment() -> None:
    pair = Pair()
    mine, theirs = pair.talk()
    pair.alice.endpoint.hang_up(mine, pair.network.now)
    pair.bob.endpoint.hang_up(theirs, pair.network.now)
    pair.network.run(1)
    assert pair.alice.ended(mine).cause is EndCause.LOCAL_BYE
    assert pair.bob.ended(theirs).cause is EndCause.LOCAL_BYE
    pair.assert_nothing_is_left()


def test_a_refusal_arrives_with_status_and_text() -> None:
    pair = Pair()
    mine = pair.invite()
    theirs = pair.arrived()
    pair.bob.endpoint.reject(theirs, 486, "Busy indeed", now=pair.network.now)
    pair.network.run(0.1)
    ended = pair.alice.ended(mine)
    assert (ended.cause, ended.status, ended.reason) == (EndCause.REMOTE_REJECT, 486, "Busy indeed")
    assert pair.bob.ended(theirs).cause is EndCause.LOCAL_REJECT
    pair.assert_nothing_is_left()


def test_the_caller_cancels_a_ringing_call() -> None:
    pair = Pair()
    mine = pair.invite()
    theirs = pair.arrived()
    pair.network.run(0.1)
    pair.alice.endpoint.hang_up(mine, pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.ended(mine).cause is EndCause.LOCAL_CANCEL
    assert pair.bob.ended(theirs).cause is EndCause.REMOTE_CANCEL
    pair.assert_nothing_is_left()


def test_info_goes_both_ways() -> None:
    pair = Pair()
    mine, theirs = pair.talk()
    pair.alice.endpoint.info(mine, "application/dtmf-relay", b"Signal=5\r\n", now=pair.network.now)
    pair.bob.endpoint.info(theirs, "application/dtmf", b"7", now=pair.network.now)
    pair.network.run(0.1)
    assert pair.bob.only(InfoReceived).body == b"Signal=5\r\n"
    assert pair.alice.only(InfoReceived).content_type == "application/dtmf"


@pytest.mark.parametrize("is_caller", [True, False])
def test_either_side_changes_the_media(is_caller: bool) -> None:
    pair = Pair()
    handles = pair.talk()
    one, other = (pair.alice, pair.bob) if is_caller else (pair.bob, pair.alice)
    mine, theirs = handles if is_caller else handles[::-1]
    assert one.endpoint.reoffer(mine, b"v=0 hold\r\n", pair.network.now)
    pair.network.run(0.1)
    assert other.only(ReofferReceived).sdp == b"v=0 hold\r\n"
    other.endpoint.answer_reoffer(theirs, b"v=0 held\r\n", pair.network.now)
    pair.network.run(0.1)
    assert one.only(ReofferAnswered).sdp == b"v=0 held\r\n"
    assert other.only(ReofferConfirmed).sdp == b""


def test_glare_of_two_reoffers_is_solved_and_both_go_through() -> None:
    pair = Pair()
    mine, theirs = pair.talk()
    pair.alice.endpoint.reoffer(mine, b"v=0 a\r\n", pair.network.now)
    pair.bob.endpoint.reoffer(theirs, b"v=0 b\r\n", pair.network.now)
    pair.network.run_until(lambda: pair.alice.has(ReofferReceived))
    pair.alice.endpoint.answer_reoffer(mine, b"v=0 x\r\n", pair.network.now)
    pair.network.run_until(lambda: pair.bob.has(ReofferReceived))
    pair.bob.endpoint.answer_reoffer(theirs, b"v=0 y\r\n", pair.network.now)
    pair.network.run(5)
    assert pair.alice.only(ReofferAnswered).sdp == b"v=0 y\r\n"
    assert pair.bob.only(ReofferAnswered).sdp == b"v=0 x\r\n"


def test_a_dialog_exported_by_a_dead_process_is_ended_by_a_fresh_one() -> None:
    pair = Pair()
    mine, theirs = pair.talk()
    exported = pair.alice.endpoint.export_dialog(mine)
    assert exported is not None
    fresh = Pair(pair.network, seed=99).alice
    bob = pair.bob
    pair.network.nodes[bob.address] = bob
    config = fresh.endpoint._accounts.get(pair.alice.endpoint._accounts.ids()[0])
    assert config is not None
    fresh.endpoint.end_exported(exported, config.config, pair.network.now)
    pair.network.run(0.1)
    assert bob.ended(theirs).cause is EndCause.REMOTE_BYE


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    answer_after=st.one_of(st.none(), st.floats(0, 3)),
    reject_after=st.one_of(st.none(), st.floats(0, 3)),
    caller_leaves_after=st.floats(0, 6),
    callee_leaves_after=st.one_of(st.none(), st.floats(0, 6)),
)
def test_whatever_happens_when_each_side_ends_its_call_once_and_nothing_is_left(
    seed: int,
    answer_after: float | None,
    reject_after: float | None,
    caller_leaves_after: float,
    callee_leaves_after: float | None,
) -> None:
    pair = Pair(bad_network(seed), seed=seed)
    mine = pair.invite()
    start = pair.network.now

    def for_callee(act: str) -> None:
        for invite in pair.bob.of(InviteReceived):
            ended = {event.handle for event in pair.bob.of(CallEnded)}
            if invite.handle in ended:
                continue
            if act == "leave":
                pair.bob.endpoint.hang_up(invite.handle, pair.network.now)
            elif not pair.bob.endpoint.export_dialog(invite.handle):
                if act == "answer":
                    pair.bob.endpoint.answer(invite.handle, ANSWER, pair.network.now)
                else:
                    pair.bob.endpoint.reject(invite.handle, 486, now=pair.network.now)

    plan = [(caller_leaves_after, "caller leaves")]
    plan += [
        (after, act)
        for after, act in ((answer_after, "answer"), (reject_after, "reject"), (callee_leaves_after, "leave"))
        if after is not None
    ]
    for after, act in sorted(plan):
        pair.network.run(max(0.0, start + after - pair.network.now))
        if act == "caller leaves":
            pair.alice.endpoint.hang_up(mine, pair.network.now)
        else:
            for_callee(act)
    pair.assert_nothing_is_left()
    assert len([e for e in pair.alice.of(CallEnded) if e.handle == mine]) == 1
    for invite in pair.bob.of(InviteReceived):
        pair.bob.ended(invite.handle)


@pytest.mark.parametrize("seed", range(20))
def test_twenty_calls_succeed_at_ten_percent_loss(seed: int) -> None:
    pair = Pair(bad_network(seed), seed=seed)
    mine = pair.invite()
    theirs = pair.arrived()
    pair.bob.endpoint.ring(theirs, pair.network.now)
    pair.network.run(2)
    pair.bob.endpoint.answer(theirs, ANSWER, pair.network.now)
    pair.network.run_until(lambda: pair.alice.has(CallAnswered) and pair.bob.has(CallConfirmed))
    pair.network.run(10)
    pair.alice.endpoint.hang_up(mine, pair.network.now)
    pair.network.run_until(lambda: pair.bob.has(CallEnded))
    assert pair.bob.ended(theirs).cause is EndCause.REMOTE_BYE
    pair.assert_nothing_is_left()
