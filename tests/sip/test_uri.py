"""SIP and telephone URIs."""

import pytest

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.uri import SipUri


def test_every_part_is_read() -> None:
    uri = SipUri.parse(
        "SIPS:alice:s%40c@Pbx.Example.com:5061;transport=tcp;lr?Replaces=a%3Bto-tag%3Db&Subject=hi"
    )
    assert uri == SipUri(
        "sips",
        "alice",
        "Pbx.Example.com",
        5061,
        (("transport", "tcp"), ("lr", None)),
        (("Replaces", "a;to-tag=b"), ("Subject", "hi")),
        "s@c",
    )
    assert SipUri.parse(str(uri)) == uri


def test_parameters_are_found_whatever_their_case() -> None:
    uri = SipUri.parse("sip:a@b;Transport=TCP;lr")
    assert (uri.parameter("transport"), uri.parameter("LR"), uri.parameter("x")) == ("TCP", "", None)
    assert uri.has_parameter("lr")
    assert str(uri.with_parameter("TRANSPORT", "udp")) == "sip:a@b;Transport=udp;lr"
    assert str(uri.with_parameter("ob", None)) == "sip:a@b;Transport=TCP;lr;ob"
    assert str(uri.without_parameters()) == "sip:a@b"


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:192.0.2.1", None, "192.0.2.1", None),
        ("sip:@192.0.2.1", None, "192.0.2.1", None),
        ("sip:[2001:db8::1]:5060", None, "2001:db8::1", 5060),
        ("sip:+49(30)1-2@pbx", "+49(30)1-2", "pbx", None),
        ("sip:a;b=c%40d@pbx_1.local.", "a;b=c@d", "pbx_1.local.", None),
        ("tel:+49-30-123;phone-context=x", "+49-30-123", "", None),
    ],
)
def test_usual_shapes_are_read(text: str, user: str | None, host: str, port: int | None) -> None:
    uri = SipUri.parse(text)
    assert (uri.user, uri.host, uri.port) == (user, host, port)
    assert SipUri.parse(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    ["", "sip:", "sip:a@", "sip:a b@c", "sip:a@b c", "sip:a@b:x", "sip:a@b:123456", "sip:a@b;", "sip:a@b;;x",
     "sip:a@b;=1", "sip:[::1", "sip:a@<b>", "tel:", "tel:abc xyz", "alice@example.com", "sip:a@b\r\n"],
)  # fmt: skip
def test_broken_uris_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        SipUri.parse(text)
    assert caught.value.status_hint == 400


@pytest.mark.parametrize("text", ["mailto:a@b", "urn:service:sos", "http://example.com"])
def test_other_schemes_are_refused_as_such(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        SipUri.parse(text)
    assert caught.value.status_hint == 416


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"),
        ("sip:alice@atlanta.com?subject=x&priority=y", "sip:alice@atlanta.com?priority=y&subject=x"),
    ],
)  # fmt: skip
def test_equal_uris_of_the_rfc_match(one: str, other: str) -> None:
    assert SipUri.parse(one).matches(SipUri.parse(other))
    assert SipUri.parse(other).matches(SipUri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;newparam=6"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next"),
    ],
)
def test_unequal_uris_of_the_rfc_do_not_match(one: str, other: str) -> None:
    assert not SipUri.parse(one).matches(SipUri.parse(other))


@pytest.mark.parametrize("host", ["", "a b", "pbx>;x=y", "pbx\r\nX: y", "a;b", "[::1]", "a@b"])
def test_a_setting_never_becomes_syntax(host: str) -> None:
    with pytest.raises(LocalProtocolError):
        str(SipUri("sip", "a", host))
