"""Waiting voice messages: told unasked, and by a subscription that is kept up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.sip.events import MessagesWaiting
from linegram.sip.message import Request
from linegram.sip.message_summary import MessageSummary
from linegram.sip.message_watch import TRANSITIONS, WatchInput, WatchState
from tests.sip.core.parties import ACCOUNT, Scripted

TWO_NEW = b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@pbx\r\nVoice-Message: 2/8 (1/0)\r\n"
NONE = b"Messages-Waiting: no\r\n"


def notify(
    scene: Scripted, body: bytes, *headers: tuple[str, str], cseq: int = 1, to: str = "", call_id: str = "n"
) -> int:
    request = scene.request("NOTIFY", cseq=cseq, call_id=call_id, to_tag=to, headers=headers)
    if body:
        request.headers.add("Content-Type", "application/simple-message-summary")
        request.body = body
    scene.send(request)
    (answer,) = [
        m
        for m in scene.peer.received
        if not isinstance(m, Request) and m.call_id == call_id and m.cseq == request.cseq
    ]
    return answer.status


EVENT = ("Event", "message-summary")


def watching() -> tuple[Scripted, Request]:
    """Alice has subscribed; the server granted 100 s."""
    scene = Scripted()
    scene.alice.endpoint.watch_mailbox(ACCOUNT, scene.now)
    scene.network.run(0.1)
    subscribe = scene.peer.requests("SUBSCRIBE")[-1]
    scene.peer.reply(subscribe, 200, headers=(("Expires", "100"), ("Contact", "<sip:mwi@10.0.0.2:5060>")))
    scene.network.run(0.1)
    return scene, subscribe


def test_what_may_not_happen_is_known() -> None:
    missing = {(state, happening) for state in WatchState for happening in WatchInput} - set(TRANSITIONS)
    assert missing == {(WatchState.ASKING, WatchInput.DUE), (WatchState.LEAVING, WatchInput.DUE)}, (
        "no timer runs"
    )


def test_a_server_may_tell_unasked() -> None:
    scene = Scripted()
    assert notify(scene, TWO_NEW, EVENT, ("Subscription-State", "terminated")) == 200
    summary = MessageSummary(is_waiting=True, new=2, old=8, new_urgent=1, old_urgent=0)
    assert scene.alice.only(MessagesWaiting) == MessagesWaiting(ACCOUNT, summary)


@pytest.mark.parametrize(
    ("body", "event", "to", "status"),
    [
        (TWO_NEW, "presence", "", 489),
        (b"Voice-Message: 1/0\r\n", "message-summary", "", 400),
        (b"Messages-Waiting: yes\r\nVoice-Message: many\r\n", "message-summary", "", 400),
        (TWO_NEW, "message-summary", "sometag", 481),
    ],
)
def test_what_cannot_be_understood_is_refused(body: bytes, event: str, to: str, status: int) -> None:
    scene = Scripted()
    assert notify(scene, body, ("Event", event), to=to) == status
    assert not scene.alice.has(MessagesWaiting)


def test_a_subscription_asks_the_right_things_and_takes_notifications() -> None:
    scene, subscribe = watching()
    assert str(subscribe.uri) == "sip:alice@10.0.0.2"
    assert [subscribe.headers.get(name) for name in ("Event", "Accept", "Expires")] == [
        "message-summary",
        "application/simple-message-summary",
        "3600",
    ]
    tag = subscribe.from_.tag or ""
    assert (
        notify(
            scene, NONE, EVENT, ("Subscription-State", "active;expires=99"), to=tag, call_id=subscribe.call_id
        )
        == 200
    )
    assert scene.alice.only(MessagesWaiting).summary == MessageSummary(is_waiting=False)


def test_a_subscription_is_refreshed_in_its_dialog_and_left() -> None:
    scene, subscribe = watching()
    scene.network.run(91)
    again = scene.peer.requests("SUBSCRIBE")[-1]
    assert (again.call_id, again.to.tag, str(again.uri)) == (
        subscribe.call_id,
        "far",
        "sip:mwi@10.0.0.2:5060",
    )
    assert again.cseq.number > subscribe.cseq.number
    scene.peer.reply(again, 200, headers=(("Expires", "100"),))
    scene.network.run(0.1)
    scene.alice.endpoint.leave_mailbox(ACCOUNT, scene.now)
    scene.network.run(0.1)
    last = scene.peer.requests("SUBSCRIBE")[-1]
    assert last.headers.get("Expires") == "0"
    scene.peer.reply(last, 200, headers=(("Expires", "0"),))
    tag = subscribe.from_.tag or ""
    scene.network.run_out()
    assert scene.alice.endpoint.census()[1:] == (0, 0)
    state = ("Subscription-State", "terminated;reason=timeout")
    assert notify(scene, NONE, EVENT, state, to=tag, call_id=subscribe.call_id) == 481


def test_a_forgotten_subscription_is_made_anew() -> None:
    scene, subscribe = watching()
    scene.network.run(91)
    scene.peer.reply(scene.peer.requests("SUBSCRIBE")[-1], 481)
    scene.network.run(0.1)
    anew = scene.peer.requests("SUBSCRIBE")[-1]
    assert anew.call_id != subscribe.call_id
    assert anew.to.tag is None


@pytest.mark.parametrize(
    ("state", "wait_s", "is_asked_again"),
    [
        ("terminated;reason=deactivated", 2, True),
        ("terminated;reason=probation;retry-after=50", 49, False),
        ("terminated;reason=probation;retry-after=50", 61, True),
        ("terminated;reason=noresource", 4000, False),
    ],
)
def test_a_subscription_that_the_server_ends_comes_back_when_it_says(
    state: str, wait_s: int, is_asked_again: bool
) -> None:
    scene, subscribe = watching()
    tag = subscribe.from_.tag or ""
    assert notify(scene, NONE, EVENT, ("Subscription-State", state), to=tag, call_id=subscribe.call_id) == 200
    scene.network.run(wait_s)
    others = {request.call_id for request in scene.peer.requests("SUBSCRIBE")} - {subscribe.call_id}
    assert bool(others) is is_asked_again


@pytest.mark.parametrize(("status", "is_asked_again"), [(489, False), (404, False), (500, True), (408, True)])
def test_a_server_without_mailboxes_is_left_in_peace(status: int, is_asked_again: bool) -> None:
    scene = Scripted()
    scene.alice.endpoint.watch_mailbox(ACCOUNT, scene.now)
    scene.network.run(0.1)
    first = scene.peer.requests("SUBSCRIBE")[-1]
    scene.peer.reply(first, status)
    scene.network.run(400)
    assert (scene.peer.requests("SUBSCRIBE")[-1].call_id != first.call_id) is is_asked_again


def test_watching_twice_is_watching_once() -> None:
    scene, _ = watching()
    scene.alice.endpoint.watch_mailbox(ACCOUNT, scene.now)
    scene.network.run(0.1)
    assert len(scene.peer.requests("SUBSCRIBE")) == 1


@given(st.binary(max_size=300))
def test_any_body_is_a_summary_or_malformed(body: bytes) -> None:
    try:
        summary = MessageSummary.parse(body)
    except RemoteProtocolError:
        return
    assert summary.new >= 0


@given(*(st.integers(0, 10**9 - 1) for _ in range(4)))
def test_counts_are_read_in_their_order(new: int, old: int, new_urgent: int, old_urgent: int) -> None:
    body = f"Messages-Waiting: YES\nVOICE-MESSAGE : {new}/{old} ({new_urgent}/{old_urgent})\n".encode()
    assert MessageSummary.parse(body) == MessageSummary(True, new, old, new_urgent, old_urgent)
