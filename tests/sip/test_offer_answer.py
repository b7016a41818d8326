"""Offer and answer for one audio stream."""

from dataclasses import replace

import pytest

from linegram.errors import RemoteProtocolError
from linegram.sip.offer_answer import (
    G722,
    OPUS,
    PCMA,
    PCMU,
    CodecOffer,
    LocalAudio,
    NoCommonCodecError,
    TelephoneEvent,
    answer,
    make_offer,
    read_answer,
)
from linegram.sip.sdp import Connection, Direction, MediaDescription, Sdp

OURS = LocalAudio("192.0.2.10", 30000, (OPUS, G722, PCMA, PCMU), session_id="1001")
THEIRS = LocalAudio("192.0.2.20", 40000, (PCMU, PCMA, G722), session_id="2002")


def described(*lines: str) -> Sdp:
    """Return a description with a session part and `lines`."""
    head = ("v=0", "o=- 5 6 IN IP4 198.51.100.1", "s=-", "c=IN IP4 198.51.100.1", "t=0 0")
    return Sdp.parse("\r\n".join((*head, *lines, "")).encode())


def test_both_sides_agree_on_the_same_stream() -> None:
    offer = Sdp.parse(bytes(make_offer(OURS)))
    answered = answer(offer, THEIRS)
    stream = read_answer(offer, Sdp.parse(bytes(answered.sdp)))
    assert stream.codec == G722
    assert answered.stream.codec == G722
    assert (stream.remote_address, stream.remote_port, stream.remote_rtcp_port) == (
        "192.0.2.20",
        40000,
        40001,
    )
    assert (answered.stream.remote_address, answered.stream.remote_port) == ("192.0.2.10", 30000)
    assert stream.direction is answered.stream.direction is Direction.SENDRECV
    assert stream.telephone_event == TelephoneEvent(101, 101, 8000)
    assert set(stream.receivable) == {107, 9, 8, 0}


def test_an_offer_writes_g722_with_an_8000_clock_and_opus_with_two_channels() -> None:
    audio = make_offer(OURS).media[0]
    assert audio.formats == ("107", "9", "8", "0", "101", "96")
    assert audio.attribute_values("rtpmap") == [
        "107 opus/48000/2",
        "9 G722/8000",
        "8 PCMA/8000",
        "0 PCMU/8000",
        "101 telephone-event/8000",
        "96 telephone-event/48000",
    ]
    assert audio.fmtp(107) == "useinbandfec=1"
    assert audio.fmtp(101) == "0-16"


def test_the_peers_order_decides_unless_ours_is_preferred() -> None:
    offer = described("m=audio 4000 RTP/AVP 0 8 9")
    assert answer(offer, OURS).stream.codec.name == "PCMU"
    assert answer(offer, OURS, prefers_ours=True).stream.codec.name == "G722"


def test_digits_use_the_clock_of_the_codec() -> None:
    offer = described(
        "m=audio 4000 RTP/AVP 111 110 126",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 maxplaybackrate=16000",
        "a=rtpmap:110 telephone-event/48000",
        "a=rtpmap:126 telephone-event/8000",
    )
    answered = answer(offer, OURS)
    assert answered.stream.telephone_event == TelephoneEvent(110, 110, 48000)
    assert answered.stream.codec.fmtp == "maxplaybackrate=16000"
    assert answered.sdp.media[0].fmtp(111) == "useinbandfec=1"
    assert answered.sdp.media[0].formats == ("111", "110")


def test_other_streams_are_refused_in_their_place() -> None:
    offer = described("m=video 5000 RTP/AVP 99", "m=audio 4000 RTP/AVP 8", "m=image 6000 udptl t38")
    sdp = answer(offer, OURS).sdp
    assert [(media.kind, media.port) for media in sdp.media] == [("video", 0), ("audio", 30000), ("image", 0)]
    assert sdp.media[2].formats == ("t38",)
    reoffer = make_offer(OURS, sdp)
    assert [(media.kind, media.port) for media in reoffer.media] == [
        ("video", 0),
        ("audio", 30000),
        ("image", 0),
    ]


@pytest.mark.parametrize(
    "media",
    [
        "m=audio 4000 RTP/AVP 18",
        "m=audio 0 RTP/AVP 8",
        "m=audio 4000 RTP/SAVP 8",
        "m=video 4000 RTP/AVP 8",
        "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000",
    ],
)
def test_an_offer_without_a_usable_audio_stream_is_refused_with_488(media: str) -> None:
    with pytest.raises(NoCommonCodecError) as caught:
        answer(described(media), OURS)
    assert caught.value.status_hint == 488


@pytest.mark.parametrize(
    ("offered", "wish", "answered"),
    [
        (Direction.SENDRECV, Direction.SENDRECV, Direction.SENDRECV),
        (Direction.SENDONLY, Direction.SENDRECV, Direction.RECVONLY),
        (Direction.RECVONLY, Direction.SENDRECV, Direction.SENDONLY),
        (Direction.INACTIVE, Direction.SENDRECV, Direction.INACTIVE),
        (Direction.SENDRECV, Direction.SENDONLY, Direction.SENDONLY),
        (Direction.SENDONLY, Direction.SENDONLY, Direction.INACTIVE),
    ],
)
def test_directions_mirror(offered: Direction, wish: Direction, answered: Direction) -> None:
    offer = make_offer(replace(THEIRS, direction=offered))
    media = answer(offer, replace(OURS, direction=wish))
    assert media.sdp.direction_of(media.sdp.media[0]) is answered
    assert media.stream.direction is answered
    theirs = read_answer(offer, media.sdp).direction
    assert (theirs.sends, theirs.receives) == (answered.receives, answered.sends)


def test_hold_by_a_zero_address_means_that_we_must_not_send() -> None:
    offer = replace(described("m=audio 4000 RTP/AVP 8"), connection=Connection("0.0.0.0"))
    stream = answer(offer, OURS).stream
    assert stream.direction is Direction.RECVONLY
    assert stream.is_held_by_peer


def test_a_reoffer_counts_the_version_only_when_something_changed() -> None:
    first = make_offer(OURS)
    assert make_offer(OURS, first) == first
    held = make_offer(replace(OURS, direction=Direction.SENDONLY), first)
    assert (first.origin.version, held.origin.version) == ("1", "2")
    assert held.origin.session_id == "1001"


def test_a_reoffer_never_gives_a_payload_type_a_new_meaning() -> None:
    offer = described(
        "m=audio 4000 RTP/AVP 96 107", "a=rtpmap:96 opus/48000/2", "a=rtpmap:107 telephone-event/48000"
    )
    sdp = make_offer(OURS, answer(offer, OURS).sdp)
    numbers = {(m.name, m.clock_hz): m.payload_type for m in sdp.media[0].rtp_maps}
    assert numbers["opus", 48000] == 96
    assert numbers["telephone-event", 48000] == 107
    assert len(set(numbers.values())) == len(numbers)


def test_an_answer_may_use_its_own_payload_types() -> None:
    answered = described(
        "m=audio 4000 RTP/AVP 120 97",
        "a=rtpmap:120 opus/48000/2",
        "a=rtpmap:97 telephone-event/48000",
        "a=ptime:60",
        "a=maxptime:40",
        "a=rtcp:4900 IN IP4 198.51.100.1",
    )
    stream = read_answer(make_offer(OURS), answered)
    assert stream.codec.payload_type == 120
    assert stream.receivable[107].name == "opus"
    assert stream.telephone_event == TelephoneEvent(97, 96, 48000)
    assert stream.ptime_ms == 20
    assert stream.remote_rtcp_port == 4900


@pytest.mark.parametrize("media", ["m=audio 0 RTP/AVP 8", "m=audio 4000 RTP/AVP 18", "m=video 1 RTP/AVP 8"])
def test_an_answer_that_refuses_the_stream_is_an_error(media: str) -> None:
    with pytest.raises(NoCommonCodecError):
        read_answer(make_offer(OURS), described(media))


def test_a_stream_without_an_address_is_refused_with_488() -> None:
    offer = replace(described("m=audio 4000 RTP/AVP 8"), connection=None)
    with pytest.raises(RemoteProtocolError) as caught:
        answer(offer, OURS)
    assert caught.value.status_hint == 488


@pytest.mark.parametrize(
    ("lines", "ptime_ms"),
    [
        ((), 20),
        (("a=ptime:30",), 30),
        (("a=ptime:25",), 20),
        (("a=ptime:0",), 20),
        (("a=ptime:20", "a=maxptime:10"), 10),
        (("a=ptime:x",), 20),
    ],
)
def test_packets_are_as_long_as_the_peer_wishes_where_that_makes_sense(
    lines: tuple[str, ...], ptime_ms: int
) -> None:
    assert answer(described("m=audio 4000 RTP/AVP 8", *lines), OURS).stream.ptime_ms == ptime_ms


def test_digits_fall_back_to_the_8000_clock() -> None:
    lines = ("m=audio 4000 RTP/AVP 111 126", "a=rtpmap:111 opus/48000/2", "a=rtpmap:126 telephone-event/8000")
    assert answer(described(*lines), OURS).stream.telephone_event == TelephoneEvent(126, 126, 8000)
    without = replace(OURS, has_telephone_event=False)
    assert answer(described(*lines), without).stream.telephone_event is None


def test_an_ipv6_side_writes_ip6_lines() -> None:
    sdp = make_offer(replace(OURS, address="2001:db8::10"))
    assert b"c=IN IP6 2001:db8::10\r\n" in bytes(sdp)


def test_crypto_lines_survive_the_model() -> None:
    text = "1 AES_CM_128_HMAC_SHA1_80 inline:abc"
    sdp = described("m=audio 4000 RTP/SAVP 8", f"a=crypto:{text}", "a=crypto:2 X inline:y")
    assert Sdp.parse(bytes(sdp)).media[0].attribute_values("crypto") == [text, "2 X inline:y"]


def test_an_unknown_payload_type_without_rtpmap_is_passed_over() -> None:
    media = MediaDescription("audio", 4000, "RTP/AVP", ("77", "8", "x"))
    assert [rtp_map.name for rtp_map in media.rtp_maps] == ["PCMA"]
    assert CodecOffer("pcma", 8000).is_same_codec(PCMA)
