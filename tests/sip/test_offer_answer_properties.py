"""Two sides with any abilities and wishes: they agree on one thing, or both see that there is none."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from linegram.sip.offer_answer import (
    G722,
    OPUS,
    PCMA,
    PCMU,
    AudioStream,
    CodecOffer,
    LocalAudio,
    NoCommonCodecError,
    answer,
    make_offer,
    read_answer,
)
from linegram.sip.sdp import Direction, Sdp

DYNAMIC = [CodecOffer("speex", 16000, payload_type=96), CodecOffer("G726-32", 8000, payload_type=97)]
CODEC_LISTS = st.lists(st.sampled_from([OPUS, G722, PCMA, PCMU, *DYNAMIC]), min_size=1, unique=True).map(
    tuple
)


def sides(address: str, session_id: str) -> st.SearchStrategy[LocalAudio]:
    """Draw one side."""
    return st.builds(
        LocalAudio,
        st.just(address),
        st.integers(1024, 65534),
        CODEC_LISTS,
        st.just(session_id),
        st.sampled_from(Direction),
        st.sampled_from([10, 20, 30, 40, 60]),
        st.booleans(),
    )


HERE, THERE = sides("192.0.2.10", "1"), sides("2001:db8::20", "2")


def over_the_wire(sdp: Sdp) -> Sdp:
    """Return what the other side reads."""
    return Sdp.parse(bytes(sdp))


def names(codecs: Sequence[CodecOffer]) -> set[str]:
    """Return the names of codecs."""
    return {codec.name for codec in codecs}


def check_fits(sender: AudioStream, receiver: AudioStream, *, at: LocalAudio) -> None:
    """Check that what one side sends is what the other understands, at the place where it listens."""
    assert receiver.receivable[sender.codec.payload_type].is_same_codec(sender.codec)
    assert (sender.remote_address, sender.remote_port) == (at.address, at.port)
    assert sender.ptime_ms == at.ptime_ms
    assert sender.direction.sends == receiver.direction.receives
    sent, received = sender.telephone_event, receiver.telephone_event
    assert (sent is None) == (received is None)
    if sent is not None and received is not None:
        assert (sent.send_payload_type, sent.clock_hz) == (received.receive_payload_type, received.clock_hz)


@given(HERE, THERE, st.booleans())
def test_both_sides_come_to_the_same_result(here: LocalAudio, there: LocalAudio, prefers_ours: bool) -> None:
    offer = make_offer(here)
    try:
        answered = answer(over_the_wire(offer), there, prefers_ours=prefers_ours)
    except NoCommonCodecError:
        assert not names(here.codecs) & names(there.codecs)
        return
    stream = read_answer(offer, over_the_wire(answered.sdp))
    check_fits(stream, answered.stream, at=there)
    check_fits(answered.stream, stream, at=here)
    first = there if prefers_ours else here
    both = names(here.codecs) & names(there.codecs)
    assert stream.codec.name == next(codec.name for codec in first.codecs if codec.name in both)


@given(HERE, THERE, st.lists(st.tuples(st.booleans(), HERE, THERE), min_size=1, max_size=4))
def test_a_dialog_of_reoffers_keeps_its_promises(
    here: LocalAudio, there: LocalAudio, rounds: list[tuple[bool, LocalAudio, LocalAudio]]
) -> None:
    common = PCMA
    last: dict[str, Sdp] = {}
    for is_from_here, here_now, there_now in [(True, here, there), *rounds]:
        pair = [here_now, there_now] if is_from_here else [there_now, here_now]
        offerer, answerer = (
            replace(side, codecs=(*(codec for codec in side.codecs if codec != common), common))
            for side in pair
        )
        offer = make_offer(offerer, last.get(offerer.address), theirs=last.get(answerer.address))
        answered = answer(over_the_wire(offer), answerer, last.get(answerer.address))
        read_answer(offer, over_the_wire(answered.sdp))
        for side, sdp in ((offerer, offer), (answerer, answered.sdp)):
            check_continues(last.get(side.address), sdp)
            last[side.address] = sdp


def check_continues(previous: Sdp | None, sdp: Sdp) -> None:
    """Check RFC 3264 section 8: one session, versions by one, payload types with one meaning."""
    assert len(sdp.media) == 1
    if previous is None:
        return
    assert sdp.origin.session_id == previous.origin.session_id
    step = int(sdp.origin.version) - int(previous.origin.version)
    assert step == (0 if sdp == previous else 1)
    earlier = {m.payload_type: (m.name, m.clock_hz) for m in previous.media[0].rtp_maps}
    for rtp_map in sdp.media[0].rtp_maps:
        meaning = (rtp_map.name, rtp_map.clock_hz)
        assert earlier.get(rtp_map.payload_type, meaning) == meaning
