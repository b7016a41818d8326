"""The ordered multimap of header fields, and its typed values."""

import pytest

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.fields import CSeq, NameAddress, Via
from linegram.sip.headers import Headers
from linegram.sip.uri import SipUri


def test_names_have_no_case_and_a_short_form() -> None:
    headers = Headers([("v", "SIP/2.0/UDP a"), ("CALL-ID", "1"), ("x-Note", "2")])
    assert list(headers.items()) == [("Via", "SIP/2.0/UDP a"), ("Call-ID", "1"), ("x-Note", "2")]
    assert (headers.get("via"), headers.get("i"), headers.get("X-NOTE")) == ("SIP/2.0/UDP a", "1", "2")
    assert "call-id" in headers
    assert "Contact" not in headers
    assert headers.get("Contact") is None


def test_only_list_headers_are_split() -> None:
    headers = Headers(
        [("Route", '"a,b" <sip:a,b@c;lr>, <sip:d>'), ("Subject", "one, two"), ("Supported", "")]
    )
    assert headers.get_all("Route") == ['"a,b" <sip:a,b@c;lr>', "<sip:d>"]
    assert headers.get_all("Subject") == ["one, two"]
    assert headers.get_all("Supported") == []
    assert headers.get("Supported") is None


@pytest.mark.parametrize("rest", ['"open, b', "<sip:b, c", '"x" <sip:b, "c'])
def test_what_is_never_closed_is_one_element(rest: str) -> None:
    assert Headers([("Route", f"<sip:a>, {rest}")]).get_all("Route") == ["<sip:a>", rest]


def test_the_first_of_a_list_can_be_taken_off() -> None:
    headers = Headers([("To", "t"), ("Route", "<sip:a>, <sip:b>"), ("Route", "<sip:c>")])
    seen = []
    while (first := headers.get("Route")) is not None:
        seen.append(first)
        headers.remove_first("Route")
    assert seen == ["<sip:a>", "<sip:b>", "<sip:c>"]
    headers.remove_first("Route")
    assert list(headers.items()) == [("To", "t")]


def test_places_are_kept_when_fields_change() -> None:
    headers = Headers([("To", "t"), ("Via", "b"), ("From", "f"), ("Route", "r")])
    headers.prepend("Via", "a")
    headers.prepend("Max-Forwards", "70")
    headers.set("From", "g")
    headers.set("Expires", "5")
    headers.remove("Route")
    assert [value for _, value in headers.items()] == ["70", "t", "a", "b", "g", "5"]


def test_a_typed_value_follows_its_header() -> None:
    headers = Headers([("CSeq", "1 INVITE")])
    assert headers.get_parsed("CSeq", CSeq.parse) == CSeq(1, "INVITE")
    headers.set("CSeq", "2 INVITE")
    assert headers.get_parsed("CSeq", CSeq.parse) == CSeq(2, "INVITE")
    headers.remove("CSeq")
    with pytest.raises(LocalProtocolError):
        headers.get_parsed("CSeq", CSeq.parse)


def test_a_copy_changes_alone() -> None:
    headers = Headers([("To", "t")])
    twin = headers.copy()
    twin.add("From", "f")
    assert headers != twin
    assert headers == Headers([("t", "t")])
    assert headers.copy() == headers
    assert headers != {"To": "t"}


def test_values_are_not_shown_in_logs() -> None:
    assert repr(Headers([("Authorization", "secret")])) == "Headers(Authorization)"


@pytest.mark.parametrize(
    ("name", "value"), [("A", "b\r\nc"), ("A", "b\nc"), ("A b", "c"), ("", "c"), ("A:", "c")]
)
def test_what_is_no_header_is_refused_at_once(name: str, value: str) -> None:
    for change in (Headers().add, Headers().prepend, Headers().set):
        with pytest.raises(LocalProtocolError):
            change(name, value)


@pytest.mark.parametrize(
    ("text", "display_name", "user", "parameters"),
    [
        ("sip:a@b;tag=1", "", "a", (("tag", "1"),)),
        ("<sip:a@b;x=1>;tag=1", "", "a", (("tag", "1"),)),
        ('"A \\"B\\" C" <sip:a@b> ; tag = "q r" ;flag', 'A "B" C', "a", (("tag", "q r"), ("flag", None))),
        ("Anna K. <sip:a@b>", "Anna K.", "a", ()),
        ("<tel:+49301>", "", "+49301", ()),
    ],
)
def test_addresses_are_read(
    text: str, display_name: str, user: str, parameters: tuple[tuple[str, str]]
) -> None:
    address = NameAddress.parse(text)
    assert (address.display_name, address.uri.user, address.parameters) == (display_name, user, parameters)


@pytest.mark.parametrize(
    "text", ["", "<>", "<sip:a@b", "sip:a@b>", '"a <sip:a@b>', "<sip:a@b>tag=1", "<sip:a@b>;;", "a, b", "*"]
)
def test_broken_addresses_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        NameAddress.parse(text)


def test_a_tag_is_added_to_a_copy() -> None:
    address = NameAddress("", SipUri("sip", "a", "b"))
    assert str(address.with_tag("t 1")) == '<sip:a@b>;tag="t 1"'
    assert address.tag is None
    assert address.with_tag("x").with_tag("y").tag == "y"


def test_feature_tags_are_always_quoted() -> None:
    address = NameAddress("", SipUri("sip", "a", "b"), (("+sip.rendering", "no"), ("reg-id", "1")))
    assert str(address) == '<sip:a@b>;+sip.rendering="no";reg-id=1'


def test_a_via_learns_where_the_request_came_from() -> None:
    via = Via.parse("SIP/2.0/udp [2001:db8::2];rport;branch=z9hG4bK1")
    learned = via.with_parameter("rport", "5061").with_parameter("received", "2001:db8::9")
    assert str(learned) == "SIP/2.0/UDP [2001:db8::2];rport=5061;branch=z9hG4bK1;received=2001:db8::9"
    assert (via.parameter("rport"), via.parameter("received")) == ("", None)


@pytest.mark.parametrize(
    "text", ["", "UDP a", "SIP/3.0/UDP a", "SIP/2.0/UDP", "SIP/2.0/UDP a:b", "SIP/2.0/UDP a b"]
)
def test_broken_vias_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Via.parse(text)


@pytest.mark.parametrize(
    "text", ["", "INVITE", "1", "-1 INVITE", "2147483648 INVITE", "1 IN VITE", "١ INVITE"]
)
def test_broken_cseqs_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        CSeq.parse(text)


def test_what_we_write_by_mistake_is_our_own_error() -> None:
    with pytest.raises(LocalProtocolError):
        str(Via("U DP", "a"))
    with pytest.raises(LocalProtocolError):
        str(NameAddress("", SipUri("sip", None, "b"), (("a b", None),)))
