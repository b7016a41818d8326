"""Messages of real PBXs and of RFC 4475: read field by field, written again, refused with the right words."""

import pytest

from linegram.errors import RemoteProtocolError
from linegram.sip.message import Message, Request, Response, parse_datagram
from linegram.sip.sdp import Sdp
from linegram.sip.uri import SipUri
from tests.sip.golden import golden, golden_names

GOOD = golden_names("sip", is_bad=False)
BAD = golden_names("sip", is_bad=True)


def read(name: str) -> Message:
    """Return one golden message."""
    return parse_datagram(golden("sip", f"{name}.sip"))


def read_request(name: str) -> Request:
    """Return one golden request."""
    message = read(name)
    assert isinstance(message, Request)
    return message


def read_response(name: str) -> Response:
    """Return one golden response."""
    message = read(name)
    assert isinstance(message, Response)
    return message


@pytest.mark.parametrize("name", GOOD)
def test_what_is_written_again_reads_the_same(name: str) -> None:
    message = parse_datagram(golden("sip", name))
    written = bytes(message)
    assert parse_datagram(written) == message
    assert bytes(parse_datagram(written)) == written


@pytest.mark.parametrize("name", [name for name in GOOD if not name.startswith("rfc4475")])
def test_the_addresses_of_a_pbx_survive_reading_and_writing(name: str) -> None:
    message = parse_datagram(golden("sip", name))
    for address in (message.from_, message.to, *message.contacts):
        assert type(address).parse(str(address)) == address
    assert type(message.via).parse(str(message.via)) == message.via


@pytest.mark.parametrize(
    "name", [name for name in GOOD if "invite" in name and not name.startswith("rfc4475")]
)
def test_the_sdp_of_a_pbx_survives_reading_and_writing(name: str) -> None:
    message = parse_datagram(golden("sip", name))
    if message.content_type == "application/sdp":
        sdp = Sdp.parse(message.body)
        assert Sdp.parse(bytes(sdp)) == sdp


def test_an_invite_of_asterisk_is_read_completely() -> None:
    invite = read_request("asterisk22_invite")
    assert invite.uri == SipUri("sip", "1001", "192.0.2.10", 5070, (("line", "tk7"),))
    assert (invite.from_.display_name, invite.from_.uri.user) == ("Иван Петров", "2000")
    assert invite.from_.tag == "6b1f4f9e-93a5-4c14-9a93-0f1f7f5d2d6e"
    assert invite.to.tag is None
    assert (invite.cseq.number, invite.cseq.method) == (15470, "INVITE")
    assert (invite.via.transport, invite.via.host, invite.via.port) == ("UDP", "192.0.2.1", 5060)
    assert invite.via.parameter("rport") == ""
    assert invite.call_id == "5a2b6e30-3a3c-4bb6-9a0b-1d9e9d2f7c55"
    assert "timer" in invite.headers.get_all("Supported")
    assert invite.content_type == "application/sdp"
    assert invite.body.startswith(b"v=0\r\n")


def test_the_contacts_of_a_register_answer_are_told_apart() -> None:
    contacts = read("asterisk16_200_register_two_contacts").contacts
    assert [contact.parameter("expires") for contact in contacts] == ["3112", "299"]
    assert [contact.uri.parameter("line") for contact in contacts] == [None, "tk7"]


def test_a_redirect_shows_only_contacts_that_we_can_call() -> None:
    response = read_response("kamailio_302_with_mailto")
    assert [str(contact.uri) for contact in response.contacts] == [
        "sip:600@pbx.example.com",
        "tel:+4930123456",
    ]


def test_record_routes_and_vias_keep_their_order() -> None:
    headers = read("kamailio_invite_two_record_routes").headers
    assert [value.partition(";")[0] for value in headers.get_all("Record-Route")] == [
        "<sip:203.0.113.1:5060",
        "<sip:192.0.2.2",
    ]
    assert len(headers.get_all("Via")) == 2


def test_compact_names_and_escapes_are_expanded() -> None:
    invite = read_request("snom_invite_compact")
    assert invite.uri.user == "*21#"
    assert str(invite.uri) == "sip:*21%23@pbx.example.com;user=phone"
    assert invite.from_.display_name == 'Büro "West"'
    assert (invite.via.transport, invite.via.host, invite.via.port) == ("TLS", "2001:db8::15", 5061)
    [contact] = invite.contacts
    assert contact.uri.user == "anna k"
    assert contact.parameter("+SIP.instance") == "<urn:uuid:7d4c1a2e-0000-1000-8000-000413aabbcc>"
    assert contact.parameter("audio") == ""
    assert invite.headers.get("Session-Expires") == "3600;refresher=uas"


def test_an_unquoted_comma_in_a_display_name_costs_nothing() -> None:
    assert read("3cx_invite").from_.display_name == "Reception:Smith, Anna"


def test_a_list_header_is_split_outside_quotes_and_brackets() -> None:
    headers = read("cisco_cucm_invite_without_sdp").headers
    assert len(headers.get_all("Diversion")) == 2
    assert headers.get_all("P-Asserted-Identity")[1] == "<tel:+4930123456>"
    assert headers.get_all("Supported")[2:] == [
        "replaces",
        "X-cisco-srtp-fallback",
        "X-cisco-original-called",
    ]
    assert len(headers.get_all("Call-Info")) == 1


def test_a_missing_reason_phrase_is_empty() -> None:
    assert read_response("sipp_200_without_reason").reason == ""
    assert read_response("rfc4475_noreason_empty_reason").reason == ""


def test_the_torturous_invite_means_what_the_rfc_says() -> None:
    invite = read_request("rfc4475_wsinv_torturous_invite")
    assert invite.to.tag == "1918181833n"
    assert (invite.from_.display_name, invite.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert invite.headers.get("Max-Forwards") == "0068"
    assert (invite.cseq.number, invite.cseq.method) == (9, "INVITE")
    assert (invite.via.transport, invite.via.host, invite.via.branch) == ("UDP", "192.0.2.2", "390skdjuw")
    assert len(invite.headers.get_all("Via")) == 3
    assert invite.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert invite.headers.get("Subject") == ""
    [contact] = invite.contacts
    assert contact.display_name == 'Quoted string ""'
    assert contact.parameter("newparam") == "newvalue"


def test_escapes_count_in_uris_and_nowhere_else() -> None:
    invite = read_request("rfc4475_esc01_escaped_uri")
    assert (invite.uri.user, invite.uri.host) == ("sips:user@example.com", "example.net")
    assert invite.to.uri.user == "user"
    assert invite.contacts[0].uri.parameters == (("lr", None), ("name", "value%41"))
    register = read_request("rfc4475_esc02_percent_that_is_no_escape")
    assert register.method == "RE%47IST%45R"
    assert [contact.uri.user for contact in register.contacts] == ["alias1", "alias3"]


def test_odd_characters_arrive_whole() -> None:
    request = read_request("rfc4475_intmeth_wide_range_of_characters")
    assert request.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert request.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert request.to.display_name == "BEL:\x07 NUL:\x01 DEL:\x7f"
    assert request.from_.tag == "_token~1'+`*%!-."


def test_bytes_behind_the_message_are_cut_off() -> None:
    assert read("rfc4475_dblreq_second_request_behind").body == b""


def test_a_peer_of_rfc_2543_is_understood() -> None:
    invite = read_request("rfc4475_inv2543_old_style")
    assert invite.via.branch == ""
    assert invite.from_.tag is None


REFUSALS = {
    "bad_asterisk_keep_alive_null.sip": (400, "header fields do not end"),
    "bad_fuzzer_empty_call_id.sip": (400, "call-id: empty"),
    "bad_fuzzer_endless_line.sip": (513, "header line too long"),
    "bad_fuzzer_header_without_colon.sip": (400, "malformed header field"),
    "bad_fuzzer_port_out_of_range.sip": (400, "port out of range"),
    "bad_fuzzer_three_hundred_vias.sip": (513, "too many header fields"),
    "bad_fuzzer_via_port_out_of_range.sip": (400, "Via port out of range"),
    "bad_kamailio_keep_alive.sip": (400, "header fields do not end"),
    "bad_network_cut_datagram.sip": (400, "header fields do not end"),
    "bad_rfc4475_badaspec_spaces_inside_brackets.sip": (400, "malformed URI"),
    "bad_rfc4475_badinv01_stray_separators.sip": (400, "malformed parameters"),
    "bad_rfc4475_badvers_sip_7.sip": (505, "SIP version is not 2.0"),
    "bad_rfc4475_bigcode_status_too_large.sip": (400, "malformed status line"),
    "bad_rfc4475_clerr_content_length_too_large.sip": (400, "body shorter than Content-Length"),
    "bad_rfc4475_escruri_headers_in_request_uri_with_spaces.sip": (400, "malformed request line"),
    "bad_rfc4475_insuf_missing_call_id_from_to.sip": (400, "from: exactly one expected"),
    "bad_rfc4475_ltgtruri_brackets_in_request_line.sip": (400, "malformed URI"),
    "bad_rfc4475_lwsruri_space_in_request_uri.sip": (400, "malformed request line"),
    "bad_rfc4475_lwsstart_two_spaces_in_request_line.sip": (400, "malformed request line"),
    "bad_rfc4475_mcl01_two_content_lengths.sip": (400, "content-length: at most one expected"),
    "bad_rfc4475_mismatch01_cseq_of_another_method.sip": (400, "cseq: another method than the request"),
    "bad_rfc4475_multi01_repeated_single_fields.sip": (400, "from: exactly one expected"),
    "bad_rfc4475_ncl_negative_content_length.sip": (400, "malformed Content-Length"),
    "bad_rfc4475_novelsc_known_scheme_of_others.sip": (416, "URI scheme is not supported"),
    "bad_rfc4475_quotbal_open_quote.sip": (400, "malformed address"),
    "bad_rfc4475_scalar02_overlarge_cseq.sip": (400, "malformed CSeq"),
    "bad_rfc4475_scalarlg_overlarge_cseq_in_response.sip": (400, "malformed CSeq"),
    "bad_rfc4475_trws_space_after_version.sip": (400, "malformed request line"),
    "bad_rfc4475_unkscm_unknown_scheme.sip": (416, "URI scheme is not supported"),
    "bad_scanner_bare_line_feeds.sip": (400, "bare line end or null in the header fields"),
    "bad_scanner_http_request.sip": (400, "malformed request line"),
    "bad_scanner_null_in_header.sip": (400, "bare line end or null in the header fields"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_broken_is_refused_with_its_reason(name: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_datagram(golden("sip", name))
    assert (caught.value.status_hint, str(caught.value)) == REFUSALS[name]


def test_every_broken_file_has_its_refusal() -> None:
    assert set(BAD) == set(REFUSALS)
