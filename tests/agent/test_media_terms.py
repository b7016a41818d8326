"""What was agreed in SDP reaches the media host in its own words."""

import pytest

from linegram.agent.media_terms import has_common_codec, local_audio, remote_media
from linegram.media.control import Direction as MediaDirection
from linegram.media.control import LocalMedia
from linegram.sip.audio_stream import G722, OPUS, PCMA, PCMU, LocalAudio
from linegram.sip.offer_answer import answer, make_offer, read_answer
from linegram.sip.sdp import Direction

HERE = LocalMedia("192.0.2.1", 20_000)


def test_our_codecs_come_in_the_order_of_the_account_and_unknown_ones_are_left_out() -> None:
    ours = local_audio(HERE, ("mulaw", "speex", "alaw", "g722"), "7")
    assert ours == LocalAudio("192.0.2.1", 20_000, (PCMU, PCMA, G722), "7")


@pytest.mark.parametrize(("codecs", "is_common"), [(("alaw",), True), (("g722", "opus"), False), ((), False)])
def test_whether_an_offer_can_be_answered_is_known_before_there_is_a_port(
    codecs: tuple[str, ...], is_common: bool
) -> None:
    offer = make_offer(LocalAudio("192.0.2.9", 30_000, (PCMA, PCMU), "1"))
    assert has_common_codec(offer, codecs) is is_common


@pytest.mark.parametrize("codec", [OPUS, G722, PCMA, PCMU])
def test_the_host_learns_where_to_send_what(codec: object) -> None:
    theirs = LocalAudio("192.0.2.9", 30_000, (codec,), "1", ptime_ms=30)  # type: ignore[arg-type]
    agreed = answer(make_offer(theirs), LocalAudio("192.0.2.1", 20_000, (OPUS, G722, PCMA, PCMU), "2"))
    media = remote_media(agreed.stream, is_early=True)
    assert (media.ip, media.port, media.rtcp_port) == ("192.0.2.9", 30_000, 30_001)
    assert media.codec == codec.name  # type: ignore[attr-defined]
    assert media.other_codecs[media.payload_type] == media.codec
    assert (media.ptime_ms, media.is_early, media.telephone_event_payload_type) == (30, True, 101)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (Direction.SENDRECV, MediaDirection.BOTH),
        (Direction.SENDONLY, MediaDirection.RECEIVE),
        (Direction.RECVONLY, MediaDirection.SEND),
        (Direction.INACTIVE, MediaDirection.NEITHER),
    ],
)
def test_a_direction_is_told_from_our_end(theirs: Direction, ours: MediaDirection) -> None:
    offer = make_offer(LocalAudio("192.0.2.9", 30_000, (PCMA,), "1", direction=theirs))
    agreed = answer(offer, LocalAudio("192.0.2.1", 20_000, (PCMA,), "2"))
    assert remote_media(agreed.stream).direction is ours


def test_a_peer_without_telephone_events_gets_none() -> None:
    ours = LocalAudio("192.0.2.1", 20_000, (PCMA, PCMU), "2")
    offer = make_offer(ours)
    theirs = LocalAudio("192.0.2.9", 30_000, (PCMU,), "1", has_telephone_event=False)
    media = remote_media(read_answer(offer, answer(offer, theirs).sdp))
    assert (media.codec, media.telephone_event_payload_type) == ("PCMU", None)
    assert media.other_codecs == {0: "PCMU", 8: "PCMA"}
