"""Whatever the bytes: a message or RemoteProtocolError, and nothing that we write says more than we meant."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.fields import CSeq, NameAddress, Via
from linegram.sip.headers import Headers
from linegram.sip.message import Message, Request, Response, parse_datagram
from linegram.sip.uri import SipUri
from tests.sip.golden import golden, golden_names

TOKENS = st.text("abcXYZ0189-.!%*_+`'~", min_size=1, max_size=12)
HOSTS = st.sampled_from(["pbx.example.com", "192.0.2.1", "2001:db8::1", "::1", "a_b-c.local"])
PORTS = st.none() | st.integers(0, 65535)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=20)
PARAMETERS = st.lists(st.tuples(TOKENS, st.none() | TEXTS), max_size=3).map(tuple)

URIS = st.builds(
    SipUri,
    scheme=st.sampled_from(["sip", "sips"]),
    user=st.none() | st.text(min_size=1, max_size=15),
    host=HOSTS,
    port=PORTS,
    parameters=st.lists(
        st.tuples(st.text(min_size=1, max_size=8), st.none() | st.text(max_size=8)), max_size=3
    ).map(tuple),
    headers=st.lists(st.tuples(TOKENS, st.text(max_size=8)), max_size=2).map(tuple),
)
TELEPHONES = st.builds(
    SipUri,
    scheme=st.just("tel"),
    user=st.text("+0123456789*#.-()", min_size=1, max_size=16),
    host=st.just(""),
    parameters=st.lists(st.tuples(TOKENS, st.none() | TOKENS), max_size=2).map(tuple),
)
DISPLAY_NAMES = TEXTS
ADDRESSES = st.builds(NameAddress, DISPLAY_NAMES, URIS | TELEPHONES, PARAMETERS)
VIAS = st.builds(Via, st.sampled_from(["UDP", "TCP", "TLS", "WSS"]), HOSTS, PORTS, PARAMETERS)
VALUES = TEXTS.map(str.strip)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Draw a message that we might send."""
    method = draw(TOKENS)
    headers = Headers([("Via", str(via)) for via in draw(st.lists(VIAS, min_size=1, max_size=3))])
    headers.add("From", str(draw(ADDRESSES)))
    headers.add("To", str(draw(ADDRESSES)))
    headers.add("Call-ID", draw(TOKENS))
    headers.add("CSeq", str(CSeq(draw(st.integers(0, 2**31 - 1)), method)))
    for value in draw(st.lists(VALUES, max_size=3)):
        headers.add("X-Note", value.strip(" \t"))
    body = draw(st.binary(max_size=40))
    if draw(st.booleans()):
        return Request(method, draw(URIS), headers, body)
    return Response(draw(st.integers(100, 699)), draw(VALUES), headers, body)


def touch_everything(message: Message) -> None:
    """Read every typed view; each may refuse, and only with RemoteProtocolError."""
    _ = message.via, message.from_, message.to, message.cseq, message.call_id, message.content_type
    _ = bytes(message)
    try:
        _ = message.contacts, message.is_wildcard_contact
    except RemoteProtocolError:
        return


@given(URIS | TELEPHONES)
def test_a_uri_survives_writing_and_reading(uri: SipUri) -> None:
    assert SipUri.parse(str(uri)) == uri
    assert uri.matches(SipUri.parse(str(uri)))


@given(ADDRESSES)
def test_an_address_survives_writing_and_reading(address: NameAddress) -> None:
    assert NameAddress.parse(str(address)) == address


@given(VIAS)
def test_a_via_survives_writing_and_reading(via: Via) -> None:
    assert Via.parse(str(via)) == via


@given(messages())
def test_a_message_survives_writing_and_reading(message: Message) -> None:
    assert parse_datagram(bytes(message)) == message


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_the_peers_error(data: bytes) -> None:
    try:
        touch_everything(parse_datagram(data))
    except RemoteProtocolError:
        return


GOLDEN = [golden("sip", name) for name in golden_names("sip", is_bad=False)]


@given(st.data())
def test_mutated_golden_messages_are_messages_or_the_peers_error(data: st.DataObject) -> None:
    message = bytearray(data.draw(st.sampled_from(GOLDEN)))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(message) - 1))
        end = place + data.draw(st.integers(0, 4))
        message[place:end] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"\r\n", b'"', b"<", b";", b","])
        )
    try:
        touch_everything(parse_datagram(bytes(message)))
    except RemoteProtocolError:
        return


@pytest.mark.parametrize("parse", [SipUri.parse, NameAddress.parse, Via.parse, CSeq.parse])
@given(text=st.text(max_size=60))
def test_any_text_is_a_value_or_the_peers_error(parse: Any, text: str) -> None:
    try:
        value = parse(text)
    except RemoteProtocolError:
        return
    assert parse(str(value)) == value


@given(
    message=messages(),
    injected=st.sampled_from(["\r\nX-Evil: 1", "\nX-Evil: 1", "\r", "a\r\n\r\nINVITE sip:x@y SIP/2.0"]),
    place=st.sampled_from(["header", "name", "reason", "method", "from", "host", "via"]),
)
def test_a_line_end_never_reaches_the_wire(message: Message, injected: str, place: str) -> None:
    with pytest.raises(LocalProtocolError):
        bytes(poison(message, injected, place))


def poison(message: Message, injected: str, place: str) -> Message:
    """Put `injected` where a careless caller might."""
    headers = message.headers
    if place == "header":
        headers.add("Subject", injected)
    elif place == "name":
        headers.add(f"X{injected}", "1")
    elif place == "reason":
        return Response(200, injected, headers)
    elif place == "method":
        return Request(injected, SipUri("sip", None, "example.com"), headers)
    elif place == "from":
        headers.set("From", str(NameAddress(injected, SipUri("sip", None, "example.com"))))
    elif place == "host":
        return Request("INVITE", SipUri("sip", "a", f"example.com{injected}"), headers)
    else:
        headers.prepend("Via", str(Via("UDP", "example.com", parameters=(("branch", injected),))))
    return message
