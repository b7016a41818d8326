"""Whatever a peer sends, the endpoint raises nothing, and a call in progress is not harmed by strangers."""

from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.errors import ProtocolError
from linegram.sip.events import CallEnded, InviteReceived
from linegram.sip.flow import Flow, TransportName
from linegram.sip.message import Request, parse_datagram
from tests.sip.core.parties import ANSWER, BOB, OFFER, Scripted

METHODS = ["INVITE", "ACK", "BYE", "CANCEL", "INFO", "OPTIONS", "UPDATE", "REFER", "NOTIFY", "FOO"]
NAMES = ["Via", "To", "From", "CSeq", "Contact", "Route", "Record-Route", "Require", "Content-Type"]
NAMES += ["Reason", "Diversion", "P-Asserted-Identity", "WWW-Authenticate", "Retry-After", "Min-Expires"]
VALUES = ["", "*", "<>", "<sip:>", "<urn:x>", "x", '"', "<sip:a@[::1]>", "999999999999", "multipart/mixed"]
VALUES += ["<sip:a@b;lr>, <sip:c@d>", "SIP/2.0/UDP x", "1 BYE", "0 INVITE", "\u00e9", "Digest realm=x", ";;;"]


def change(data: bytes, name: str, value: str) -> bytes:
    """Replace a header's value in a serialised message, or add the header."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    field = name.encode() + b": " + value.encode()
    for index, line in enumerate(lines):
        if line.startswith(name.encode() + b":"):
            lines[index] = field
            break
    else:
        lines.insert(1, field)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def give(scene: Scripted, data: bytes) -> None:
    try:
        message = parse_datagram(data)
    except ProtocolError:
        return
    scene.alice.endpoint.receive(message, Flow(TransportName.UDP, *BOB), scene.now)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(METHODS),
            st.integers(0, 4),
            st.booleans(),
            st.sampled_from(NAMES),
            st.sampled_from(VALUES),
            st.sampled_from([b"", OFFER, b"--x"]),
        ),
        max_size=8,
    )
)
def test_mangled_requests_raise_nothing_and_leave_nothing(
    plan: list[tuple[str, int, bool, str, str, bytes]],
) -> None:
    scene = Scripted()
    _, tag = scene.talking()
    for method, cseq, is_inside, name, value, body in plan:
        request = scene.request(method, cseq=cseq, to_tag=tag if is_inside else "", body=body)
        give(scene, change(bytes(request), name, value))
        scene.network.run(0.01)
    for handle in {e.handle for e in scene.alice.of(InviteReceived)} - {
        e.handle for e in scene.alice.of(CallEnded)
    }:
        scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run_out()
    assert scene.alice.endpoint.census()[1:] == (0, 0)
    handles = [event.handle for event in scene.alice.of(CallEnded)]
    assert len(handles) == len(set(handles)) == len(scene.alice.of(InviteReceived))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([100, 180, 183, 200, 302, 401, 407, 423, 481, 486, 491, 503, 603, 699]),
            st.sampled_from(["one", "two"]),
            st.sampled_from(NAMES),
            st.sampled_from(VALUES),
            st.sampled_from(["answer", "cancel", "bye"]),
        ),
        max_size=8,
    )
)
def test_mangled_responses_raise_nothing_and_leave_nothing(
    plan: list[tuple[int, str, str, str, str]],
) -> None:
    scene = Scripted()
    handle, _ = scene.invite()
    for status, tag, name, value, act in plan:
        requests = [m for m in scene.peer.received if isinstance(m, Request) and m.method != "ACK"]
        response = scene.peer.reply(requests[-1], status, tag=tag, body=ANSWER)
        scene.peer.take_outbound()
        give(scene, change(bytes(response), name, value))
        if act == "cancel" and status > 180:
            scene.alice.endpoint.hang_up(handle, scene.now)
        scene.network.run(0.6)
    scene.alice.endpoint.hang_up(handle, scene.now)
    scene.network.run_out()
    assert scene.alice.endpoint.census()[1:] == (0, 0)
    scene.alice.ended(handle)
