"""Session descriptions: what PBXs send is read, kept and written again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.offer_answer import (
    G722,
    OPUS,
    PCMA,
    PCMU,
    AudioStream,
    LocalAudio,
    NoCommonCodecError,
    answer,
    make_offer,
    read_answer,
)
from linegram.sip.sdp import Connection, Direction, MediaDescription, Origin, RtpMap, Sdp
from tests.sip.golden import golden, golden_names

GOOD = golden_names("sdp", is_bad=False)
OURS = LocalAudio("192.0.2.10", 30000, (OPUS, G722, PCMA, PCMU), session_id="77")


def read(name: str) -> Sdp:
    """Return one golden description."""
    return Sdp.parse(golden("sdp", f"{name}.sdp"))


def agreed(name: str) -> AudioStream:
    """Return the stream that we agree to when this description is offered."""
    return answer(read(name), OURS).stream


@pytest.mark.parametrize("name", GOOD)
def test_what_is_written_again_reads_the_same(name: str) -> None:
    sdp = Sdp.parse(golden("sdp", name))
    assert Sdp.parse(bytes(sdp)) == sdp


@pytest.mark.parametrize(
    "name", ["asterisk22_offer_all_codecs", "freeswitch_srtp_and_rtp", "linphone_video_avpf"]
)
def test_a_tidy_description_is_written_byte_for_byte(name: str) -> None:
    assert bytes(read(name)) == golden("sdp", f"{name}.sdp")


def test_an_offer_of_asterisk_is_read_completely() -> None:
    sdp = read("asterisk22_offer_all_codecs")
    assert sdp.origin == Origin("-", "1274316011", "1274316011", Connection("192.0.2.1"))
    [audio] = sdp.media
    assert (audio.kind, audio.port, audio.protocol) == ("audio", 12986, "RTP/AVP")
    assert audio.rtp_maps[0] == RtpMap(107, "opus", 48000, 2)
    assert (audio.ptime_ms, audio.maxptime_ms, audio.rtcp_port) == (20, 60, 12987)
    assert audio.fmtp(107) == "useinbandfec=1"
    assert sdp.direction_of(audio) is Direction.SENDRECV


def test_static_payload_types_need_no_rtpmap() -> None:
    names = [rtp_map.name for rtp_map in read("fritzbox_static_types_without_rtpmap").media[0].rtp_maps]
    assert names[:4] == ["G722", "PCMA", "PCMU", "G726-32"]


def test_crypto_lines_are_kept_in_order() -> None:
    crypto = read("freeswitch_srtp_and_rtp").media[0].attribute_values("crypto")
    assert [line.split()[1] for line in crypto] == ["AEAD_AES_256_GCM_8", "AES_CM_128_HMAC_SHA1_80"]


def test_line_feeds_alone_and_a_missing_time_are_tolerated() -> None:
    sdp = read("grandstream_line_feeds_only_and_no_time")
    assert sdp.lines == ()
    assert [rtp_map.name for rtp_map in sdp.media[0].rtp_maps] == ["PCMU", "PCMA", "G722", "telephone-event"]


def test_loose_origins_names_and_addresses_are_understood() -> None:
    sdp = read("3cx_name_with_spaces_in_origin")
    assert sdp.origin.username == "3cx PS v18"
    assert sdp.connection == Connection("192.0.2.4")
    assert sdp.media[0].port_count == 2
    assert sdp.direction_of(sdp.media[0]) is Direction.INACTIVE
    assert (sdp.name, ("i", "call") in sdp.lines) == ("-", True)


def test_every_shape_of_hold_stops_our_sending() -> None:
    assert agreed("asterisk16_hold_sendonly").direction is Direction.RECVONLY
    assert agreed("cisco_gateway_hold_zero_address").direction is Direction.RECVONLY
    assert agreed("3cx_name_with_spaces_in_origin").direction is Direction.INACTIVE


def test_the_stream_goes_where_its_own_connection_line_says() -> None:
    stream = agreed("audiocodes_fax_beside_audio")
    assert (stream.remote_address, stream.remote_port, stream.remote_rtcp_port) == ("192.0.2.41", 6010, 6311)


def test_an_avpf_offer_is_answered_in_its_own_profile() -> None:
    answered = answer(read("linphone_video_avpf"), OURS)
    assert [(media.protocol, media.port) for media in answered.sdp.media] == [
        ("RTP/AVPF", 30000),
        ("RTP/AVPF", 0),
    ]
    assert answered.stream.remote_address == "2001:db8::15"


def test_plain_rtp_is_chosen_beside_srtp() -> None:
    answered = answer(read("freeswitch_srtp_and_rtp"), OURS)
    assert [(media.protocol, media.port) for media in answered.sdp.media] == [
        ("RTP/SAVP", 0),
        ("RTP/AVP", 30000),
    ]
    assert answered.stream.codec.name == "PCMA"


REFUSALS = {
    "bad_fuzzer_connection_without_address.sdp": (400, "malformed connection line"),
    "bad_fuzzer_empty.sdp": (488, "SDP does not begin with v=0"),
    "bad_fuzzer_forty_media.sdp": (488, "too many media descriptions"),
    "bad_fuzzer_media_port_out_of_range.sdp": (400, "malformed media line"),
    "bad_fuzzer_media_without_port.sdp": (400, "malformed media line"),
    "bad_fuzzer_no_origin.sdp": (488, "SDP has no origin"),
    "bad_fuzzer_no_version.sdp": (488, "SDP does not begin with v=0"),
    "bad_fuzzer_not_sdp.sdp": (400, "malformed SDP line"),
    "bad_fuzzer_null.sdp": (400, "stray carriage return or null in SDP"),
    "bad_fuzzer_short_origin.sdp": (400, "malformed origin line"),
    "bad_fuzzer_thousand_formats.sdp": (488, "too many formats in a media line"),
    "bad_fuzzer_too_large.sdp": (413, "SDP too large"),
    "bad_fuzzer_too_many_lines.sdp": (413, "SDP has too many lines"),
}


@pytest.mark.parametrize("name", golden_names("sdp", is_bad=True))
def test_what_is_broken_is_refused_with_its_reason(name: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Sdp.parse(golden("sdp", name))
    assert (caught.value.status_hint, str(caught.value)) == REFUSALS[name]


def test_a_line_end_never_gets_into_a_description() -> None:
    media = MediaDescription("audio", 1, "RTP/AVP", ("8",), (("fmtp", "8 x\r\na=evil"),))
    with pytest.raises(LocalProtocolError):
        bytes(Sdp(Origin("-", "1", "1", Connection("192.0.2.1")), (media,)))


@pytest.mark.parametrize("value", ["", "x PCMA/8000", "200 PCMA/8000", "8 PCMA", "8 PCMA/8000/x"])
def test_a_malformed_rtpmap_costs_one_codec_and_not_the_call(value: str) -> None:
    assert RtpMap.parse(value) is None


@given(st.text(max_size=200) | st.lists(st.text("vosmca=:0 IN4/8audiRTPV.", max_size=20)).map("\r\n".join))
def test_any_text_is_a_description_or_the_peers_error(text: str) -> None:
    try:
        sdp = Sdp.parse(b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n" + text.encode("utf-8", "replace"))
    except RemoteProtocolError:
        return
    assert Sdp.parse(bytes(sdp)) == sdp


GOLDEN = [golden("sdp", name) for name in GOOD]


@given(st.data())
def test_mutated_descriptions_are_negotiated_or_the_peers_error(data: st.DataObject) -> None:
    text = bytearray(data.draw(st.sampled_from(GOLDEN)))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(text) - 1))
        end = place + data.draw(st.integers(0, 4))
        text[place:end] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"\r\n", b"=", b" ", b"/", b":"])
        )
    try:
        sdp = Sdp.parse(bytes(text))
        assert Sdp.parse(bytes(sdp)) == sdp
        assert len(answer(sdp, OURS).sdp.media) == len(sdp.media)
        assert make_offer(OURS, answer(sdp, OURS).sdp).media
        read_answer(make_offer(OURS), sdp)
    except (RemoteProtocolError, NoCommonCodecError):
        return
