"""Signalling over a network that loses, doubles and shuffles: both ends agree in time, and say the same."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.sandbox.network import CUT, PERFECT, Bursts, Impairment
from linegram.voice.own.messages import (
    CandidateLine,
    Candidates,
    Content,
    MediaState,
    NegotiateChannels,
    PayloadType,
)
from linegram.voice.own.negotiation import Stream
from linegram.voice.own.signalling import ACKED_VERSIONS, SCTP_VERSIONS, Signalling
from tests.voice.own.bad_signalling import THIRD_BAD, BadSignalling, ScriptedEnd

VERSIONS = (*ACKED_VERSIONS, *SCTP_VERSIONS)
LIMIT_S = 20.0


@pytest.mark.parametrize("version", VERSIONS)
def test_ends_agree_within_the_protocols_time_though_a_third_is_lost_doubled_and_shuffled(
    version: str,
) -> None:
    late = [seed for seed in range(25) if not BadSignalling(version, THIRD_BAD, seed=seed).run(LIMIT_S)]
    assert late == []


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_of_two_hundred_calls_on_a_bad_network_all_agree(version: str) -> None:
    late = [seed for seed in range(200) if not BadSignalling(version, THIRD_BAD, seed=seed).run(LIMIT_S)]
    assert late == []


NETWORKS = st.builds(
    Impairment,
    loss=st.floats(0, 0.9),
    bursts=st.none() | st.builds(Bursts, share=st.floats(0, 0.9), mean_packets=st.floats(1, 20)),
    duplication=st.floats(0, 1),
    reordering=st.floats(0, 1),
    reorder_s=st.floats(0, 3),
    delay_s=st.floats(0, 1),
    jitter_s=st.floats(0, 1),
    keeps_order=st.booleans(),
    bits_per_s=st.none() | st.floats(20_000, 1e6),
    queue_bytes=st.integers(1500, 64_000),
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(VERSIONS), NETWORKS, st.integers(0, 999), st.floats(0, 15))
def test_whatever_the_network_did_both_ends_agree_soon_after_it_heals(
    version: str, bad: Impairment, seed: int, bad_s: float
) -> None:
    call = BadSignalling(version, bad, seed=seed)
    call.run_on(bad_s)
    call.heal()
    assert call.run(15.0)
    call.run_on(5.0)
    assert call.has_agreed


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(VERSIONS), NETWORKS, st.integers(0, 999), st.integers(1, 12))
def test_every_message_arrives_once_when_the_network_heals_and_in_order_where_promised(
    version: str, bad: Impairment, seed: int, count: int
) -> None:
    call = BadSignalling(version, bad, seed=seed)
    said = [Candidates((CandidateLine(f"late {number}"),)) for number in range(count)]
    for candidates in said:
        for end in call.ends:
            end.send(candidates, call.now)
        call.run_on(0.2)
    call.heal()
    call.run_on(15.0)
    for side in (0, 1):
        heard = [message for message in call.heard[side] if message in said]
        assert Counter(heard) == Counter(said)
        if version in SCTP_VERSIONS:
            assert heard == said


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(VERSIONS), NETWORKS, st.integers(0, 999), st.integers(1, 12))
def test_what_is_believed_of_the_far_ends_microphone_is_what_it_said_last(
    version: str, bad: Impairment, seed: int, count: int
) -> None:
    call = BadSignalling(version, bad, seed=seed)
    for number in range(count):
        for end in call.ends:
            end.send(MediaState(muted=number % 2 == 0, video_rotation=number), call.now)
        call.run_on(0.2)
    call.heal()
    call.run_on(15.0)
    for side in (0, 1):
        assert call.states_heard(side)[-1].video_rotation == count - 1


@pytest.mark.parametrize("late_side", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_an_end_that_begins_seconds_after_the_other_finds_what_was_kept_for_it(
    version: str, late_side: int
) -> None:
    late = []
    for seed in range(25):
        call = BadSignalling(version, THIRD_BAD, seed=seed, late_side=late_side, late_s=3.0)
        if not call.run(LIMIT_S):
            late.append(seed)
    assert late == []


def scripted_call(version: str, side: int, seed: int = 1) -> tuple[BadSignalling, ScriptedEnd, Signalling]:
    """A call in which we have agreed with a far end that is scripted: the call, that end, and ours."""
    call = BadSignalling(version, PERFECT, seed=seed, scripted_side=side)
    far_end, we = call.ends[side], call.ends[1 - side]
    assert isinstance(far_end, ScriptedEnd)
    call.run_on(1.0)
    if side == 0:
        far_end.offer(offered(400, 900), call.now)
    call.run_on(1.0)
    assert we.negotiation.outgoing is not None
    return call, far_end, we


def codec(number: int, name: str) -> PayloadType:
    return PayloadType(number, name, 48_000, 2)


def offered(exchange: int, ssrc: int) -> NegotiateChannels:
    """An offer of an official app: audio in three codecs, and a camera."""
    audio = Content("audio", str(ssrc), (codec(111, "opus"), codec(63, "red"), codec(0, "PCMU")))
    return NegotiateChannels(str(exchange), (audio, Content("video", "77", (codec(100, "VP8"),))))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(VERSIONS),
    st.sampled_from([0, 1]),
    NETWORKS,
    st.integers(0, 999),
    st.lists(st.floats(0, 2), min_size=1, max_size=6),
)
def test_however_often_the_far_end_offers_anew_its_last_offer_counts_and_video_is_never_accepted(
    version: str, scripted_side: int, bad: Impairment, seed: int, pauses: list[float]
) -> None:
    call, far_end, we = scripted_call(version, scripted_side, seed)
    call.impair(bad)
    for number, pause in enumerate(pauses):
        far_end.offer(offered(500 + number, 1000 + number), call.now)
        call.run_on(pause)
    call.heal()
    call.run_on(15.0)
    assert we.negotiation.incoming == Stream(999 + len(pauses), 111)
    (last,) = [one for one in far_end.answers if one.exchange_id == str(499 + len(pauses))]
    assert [(one.type, one.ssrc) for one in last.contents] == [("audio", str(999 + len(pauses)))]


@pytest.mark.parametrize("scripted_side", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_stream_that_is_no_longer_offered_is_gone_and_may_come_back(
    version: str, scripted_side: int
) -> None:
    call, far_end, we = scripted_call(version, scripted_side)
    steps = [(offered(600, 50), Stream(50, 111)), (NegotiateChannels("601"), None)]
    for offer, incoming in [*steps, (offered(602, 50), Stream(50, 111))]:
        far_end.offer(offer, call.now)
        call.run_on(1.0)
        assert we.negotiation.incoming == incoming


@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_messages_and_fields_are_passed_over(version: str) -> None:
    call, far_end, _ = scripted_call(version, 0)
    heard = call.heard[1]
    before = list(heard)
    far_end.say(b'{"@type":"Weather","wind":[[1,2],{"gusts":true}]}', call.now)
    far_end.say(b'{"@type":"MediaState","muted":true,"hologram":{"depth":3}}', call.now)
    far_end.say(b'{"muted":true}', call.now)
    call.run_on(1.0)
    assert heard == [*before, MediaState(muted=True)]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_outage_of_minutes_in_the_call_loses_no_message(version: str) -> None:
    call = BadSignalling(version, PERFECT, seed=1)
    assert call.run(5.0)
    for way in call.ways:
        way.impairment = CUT
    for end in call.ends:
        end.send(MediaState(muted=True), call.now)
    call.run_on(180.0)
    call.heal()
    call.run_on(10.0)
    assert [call.states_heard(side) for side in (0, 1)] == [[MediaState(muted=True)]] * 2


@pytest.mark.parametrize("version", VERSIONS)
def test_a_quiet_call_sends_nothing(version: str) -> None:
    call = BadSignalling(version, PERFECT, seed=1)
    call.run_on(10.0)
    taken = [way.taken for way in call.ways]
    call.run_on(60.0)
    assert [way.taken for way in call.ways] == taken
