"""Responses that answer requests, and the details of the parser."""

import pytest

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.message import REASON_PHRASES, Request, Response, parse_datagram
from linegram.sip.uri import SipUri
from tests.sip.golden import golden

OPTIONS = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nFrom: <sip:d@e>;tag=1\r\n"
    b"To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n%s\r\n%s"
)


def read_request(data: bytes) -> Request:
    """Return the request in `data`."""
    message = parse_datagram(data)
    assert isinstance(message, Request)
    return message


def test_a_response_carries_the_way_back() -> None:
    invite = read_request(golden("sip", "kamailio_invite_two_record_routes.sip"))
    ringing = Response.make(invite, 180, to_tag="ours")
    for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq"):
        assert ringing.headers.get_all(name) == invite.headers.get_all(name)
    assert (ringing.to.tag, ringing.to.uri) == ("ours", invite.to.uri)
    assert invite.to.tag is None


def test_a_tag_that_is_there_stays() -> None:
    bye = read_request(golden("sip", "asterisk22_bye_with_reason.sip"))
    assert Response.make(bye, 200, to_tag="other").to.tag == "our-tag"


def test_only_answers_that_may_begin_a_dialog_carry_record_routes() -> None:
    invite = read_request(golden("sip", "kamailio_invite_two_record_routes.sip"))
    carries = {
        status: "Record-Route" in Response.make(invite, status).headers for status in (100, 183, 200, 486)
    }
    assert carries == {100: False, 183: True, 200: True, 486: False}


def test_a_100_echoes_the_timestamp() -> None:
    options = read_request(OPTIONS % (b"Timestamp: 54\r\n", b""))
    assert Response.make(options, 100).headers.get("Timestamp") == "54"
    assert "Timestamp" not in Response.make(options, 200).headers


def test_reason_phrases_are_the_registered_ones_or_given() -> None:
    options = read_request(OPTIONS % (b"", b""))
    assert Response.make(options, 486).reason == REASON_PHRASES[486] == "Busy Here"
    assert Response.make(options, 499).reason == "Unknown"
    assert Response.make(options, 503, "Try Later").reason == "Try Later"


@pytest.mark.parametrize("status", [99, 700, 0])
def test_a_status_outside_of_sip_is_not_written(status: int) -> None:
    with pytest.raises(LocalProtocolError):
        bytes(Response.make(read_request(OPTIONS % (b"", b"")), status))


def test_the_length_of_the_body_is_computed() -> None:
    options = read_request(OPTIONS % (b"Content-Length: 2\r\n", b"abcd"))
    assert options.body == b"ab"
    options.body = "жук".encode()
    options.headers.add("Content-Length", "77")
    assert bytes(options).endswith(b"\r\nContent-Length: 6\r\n\r\n" + options.body)
    assert bytes(options).count(b"Content-Length") == 1


@pytest.mark.parametrize("name", [b"Via", b"From", b"To", b"Call-ID", b"CSeq"])
def test_a_message_without_a_field_that_every_layer_needs_is_refused(name: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_datagram((OPTIONS % (b"", b"")).replace(name + b":", b"X:", 1))


def test_without_a_content_length_the_whole_datagram_counts() -> None:
    assert read_request(OPTIONS % (b"", b"rest")).body == b"rest"


def test_empty_lines_before_a_message_are_skipped() -> None:
    assert read_request(b"\r\n\r\n" + OPTIONS % (b"", b"")).method == "OPTIONS"


def test_bytes_that_are_no_utf_8_come_back_as_they_were() -> None:
    data = OPTIONS % (b"Subject: caf\xe9\r\n", b"")
    assert b"Subject: caf\xe9\r\n" in bytes(parse_datagram(data))


def test_half_a_surrogate_pair_is_our_own_error() -> None:
    options = read_request(OPTIONS % (b"", b""))
    options.headers.add("Subject", "\ud83d")
    with pytest.raises(LocalProtocolError):
        bytes(options)
    with pytest.raises(LocalProtocolError):
        str(SipUri("sip", "\ud83d", "b"))


def test_a_contact_that_is_a_star_is_no_address() -> None:
    options = read_request(OPTIONS % (b"Contact: *\r\n", b""))
    assert options.is_wildcard_contact
    assert options.contacts == []


def test_a_malformed_contact_shows_only_when_asked_for() -> None:
    options = read_request(OPTIONS % (b"Contact: <sip:\r\n", b""))
    with pytest.raises(RemoteProtocolError):
        _ = options.contacts


def test_the_media_type_is_bare_and_lower_case() -> None:
    options = read_request(OPTIONS % (b"c: Application/SDP ; charset=utf-8\r\n", b""))
    assert options.content_type == "application/sdp"
    assert read_request(OPTIONS % (b"", b"")).content_type is None


def test_a_message_larger_than_a_datagram_is_refused() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_datagram(OPTIONS % (b"", b"x" * 65_535))
    assert caught.value.status_hint == 513
