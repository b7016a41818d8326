"""Offers and answers: both ends agree, whatever is lost, doubled or crossed on the way."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import UnexpectedEventError
from linegram.voice.own.messages import (
    MOST_ATTRIBUTES,
    Content,
    NegotiateChannels,
    PayloadType,
    write_message,
)
from linegram.voice.own.negotiation import (
    CALLEE_ROWS,
    CALLER_ROWS,
    MOST_REMEMBERED_IDS,
    OFFER_AGAIN_S,
    Event,
    Negotiation,
    State,
    Stream,
)

OPUS = PayloadType(96, "opus", 48000, 2)
FOREIGN = NegotiateChannels(
    "42",
    (
        Content("video", "9", (PayloadType(100, "VP8", 90000),)),
        Content("audio", "47251413", (PayloadType(63, "red", 48000, 2), OPUS, PayloadType(0, "PCMU", 8000))),
    ),
)


def make(*, is_caller: bool, ssrc: int = 7, seed: int = 1) -> Negotiation:
    negotiation = Negotiation(is_caller=is_caller, ssrc=ssrc, random=Random(seed).random)
    negotiation.start(0.0)
    return negotiation


def messages_of(negotiation: Negotiation) -> list[NegotiateChannels]:
    found = []
    while (message := negotiation.next_message()) is not None:
        found.append(message)
    return found


def answer_to(offer: NegotiateChannels) -> NegotiateChannels:
    return NegotiateChannels(offer.exchange_id, (Content("audio", offer.contents[0].ssrc, (OPUS,)),))


def test_the_caller_offers_audio_at_once_and_the_callee_waits() -> None:
    (offer,) = messages_of(make(is_caller=True))
    assert [(content.type, content.ssrc) for content in offer.contents] == [("audio", "7")]
    assert [codec.name for codec in offer.contents[0].payload_types] == ["opus"]
    assert messages_of(make(is_caller=False)) == []


def test_the_callee_answers_with_the_callers_ssrc_and_number_and_then_offers_its_own() -> None:
    callee = make(is_caller=False)
    callee.receive(FOREIGN, 1, 0.0)
    answer, offer = messages_of(callee)
    assert answer.exchange_id == "42"
    assert [(content.type, content.ssrc) for content in answer.contents] == [("audio", "47251413")]
    (codec,) = answer.contents[0].payload_types
    assert (codec.id, codec.name, codec.clockrate, codec.channels) == (96, "opus", 48000, 2)
    assert offer.exchange_id != "42"
    assert offer.contents[0].ssrc == "7"
    assert callee.incoming == Stream(47251413, 96)


def test_video_and_audio_that_is_not_opus_are_refused_by_leaving_them_out() -> None:
    callee = make(is_caller=False)
    callee.receive(NegotiateChannels("3", (Content("audio", "1", (PayloadType(0, "PCMU", 8000),)),)), 1, 0.0)
    assert messages_of(callee)[0] == NegotiateChannels("3")
    assert callee.incoming is None


def test_an_offer_full_of_parameters_gets_a_short_answer() -> None:
    callee = make(is_caller=False)
    padding = {f"{number:0256}": "x" * 256 for number in range(MOST_ATTRIBUTES)}
    codec = PayloadType(96, "opus", 48000, 2, parameters=padding)
    callee.receive(NegotiateChannels("42", (Content("audio", "1", (codec,)),)), 1, 0.0)
    assert len(write_message(messages_of(callee)[0])) < 1000


def test_an_answer_settles_the_number_that_we_send_under() -> None:
    caller = make(is_caller=True)
    caller.receive(answer_to(messages_of(caller)[0]), 1, 0.0)
    assert (caller.state, caller.outgoing) == (State.AGREED, Stream(7, 96))


def test_an_answer_for_a_stream_of_another_ssrc_accepts_nothing() -> None:
    caller = make(is_caller=True)
    (offer,) = messages_of(caller)
    caller.receive(NegotiateChannels(offer.exchange_id, (Content("audio", "8", (OPUS,)),)), 1, 0.0)
    assert caller.outgoing is None


def test_in_a_glare_the_caller_goes_on_and_the_callee_gives_way() -> None:
    caller, callee = make(is_caller=True), make(is_caller=False)
    messages_of(caller)
    caller.receive(FOREIGN, 1, 0.0)
    assert messages_of(caller) == []
    callee.receive(FOREIGN, 1, 0.0)
    (_, first_offer) = messages_of(callee)
    callee.receive(NegotiateChannels("43", FOREIGN.contents), 2, 0.0)
    answer, second_offer = messages_of(callee)
    assert answer.exchange_id == "43"
    assert second_offer.exchange_id not in ("43", first_offer.exchange_id)


def test_an_offer_that_only_overtook_the_answer_is_answered_when_that_comes() -> None:
    caller = make(is_caller=True)
    (offer,) = messages_of(caller)
    caller.receive(FOREIGN, 5, 0.0)
    assert messages_of(caller) == []
    caller.receive(answer_to(offer), 4, 1.0)
    assert [message.exchange_id for message in messages_of(caller)] == ["42"]
    assert caller.incoming == Stream(47251413, 96)


def test_an_offer_that_the_callee_gave_up_before_it_answered_is_not_answered() -> None:
    caller = make(is_caller=True)
    (offer,) = messages_of(caller)
    caller.receive(FOREIGN, 4, 0.0)
    caller.receive(answer_to(offer), 5, 1.0)
    assert messages_of(caller) == []
    assert caller.incoming is None


def test_nothing_is_answered_twice_or_two_ends_would_go_on_for_ever() -> None:
    callee = make(is_caller=False)
    callee.receive(FOREIGN, 1, 0.0)
    assert len(messages_of(callee)) == 2
    callee.receive(FOREIGN, 2, 0.0)
    assert messages_of(callee) == []


def test_an_offer_that_was_said_before_an_answered_one_is_void_however_late_it_comes() -> None:
    callee = make(is_caller=False)
    callee.receive(NegotiateChannels("50", (Content("audio", "99", (OPUS,)),)), 7, 0.0)
    messages_of(callee)
    callee.receive(FOREIGN, 3, 0.0)
    assert messages_of(callee) == []
    assert callee.incoming == Stream(99, 96)


def test_of_two_offers_in_a_glare_the_later_said_one_is_kept() -> None:
    caller = make(is_caller=True)
    (offer,) = messages_of(caller)
    caller.receive(NegotiateChannels("50", (Content("audio", "99", (OPUS,)),)), 6, 0.0)
    caller.receive(FOREIGN, 5, 0.0)
    caller.receive(answer_to(offer), 4, 0.0)
    assert [message.exchange_id for message in messages_of(caller)] == ["50"]


def test_what_is_remembered_of_endless_offers_is_bounded() -> None:
    callee = make(is_caller=False)
    for number in range(1000):
        callee.receive(NegotiateChannels(str(number), FOREIGN.contents), number + 1, 0.0)
        assert messages_of(callee)
    assert len(callee._answered_ids) == len(callee._our_ids) == MOST_REMEMBERED_IDS


def test_a_caller_never_offers_again_however_late_the_far_end_is() -> None:
    caller = make(is_caller=True)
    messages_of(caller)
    caller.handle_timer(10 * OFFER_AGAIN_S)
    assert messages_of(caller) == []


def test_a_callees_offer_without_an_answer_is_made_again_and_either_may_be_answered() -> None:
    callee = make(is_caller=False)
    callee.receive(FOREIGN, 1, 0.0)
    first = messages_of(callee)[1]
    callee.handle_timer(OFFER_AGAIN_S - 0.1)
    assert messages_of(callee) == []
    callee.handle_timer(OFFER_AGAIN_S)
    (second,) = messages_of(callee)
    assert first.exchange_id != second.exchange_id
    assert first.contents == second.contents
    callee.receive(answer_to(first), 2, 3.0)
    callee.receive(answer_to(second), 3, 3.1)
    assert callee.state is State.AGREED
    assert messages_of(callee) == []


def test_a_new_offer_in_the_call_replaces_the_stream() -> None:
    caller = make(is_caller=True)
    caller.receive(answer_to(messages_of(caller)[0]), 1, 0.0)
    caller.receive(FOREIGN, 1, 1.0)
    caller.receive(NegotiateChannels("50", (Content("audio", "99", (OPUS,)),)), 3, 2.0)
    assert [message.exchange_id for message in messages_of(caller)] == ["42", "50"]
    assert caller.incoming == Stream(99, 96)


def test_an_end_that_hears_nothing_offers_again_but_only_once_it_has_agreed() -> None:
    caller = make(is_caller=True)
    (first,) = messages_of(caller)
    caller.offer_again(1.0)
    assert messages_of(caller) == []
    caller.receive(answer_to(first), 1, 1.0)
    caller.offer_again(5.0)
    (second,) = messages_of(caller)
    assert second.exchange_id != first.exchange_id
    caller.receive(answer_to(second), 2, 6.0)
    assert (caller.state, caller.outgoing) == (State.AGREED, Stream(7, 96))
    assert messages_of(caller) == []


@pytest.mark.parametrize("rows", [CALLER_ROWS, CALLEE_ROWS])
def test_the_table_has_a_row_for_all_that_the_network_can_bring(rows: object) -> None:
    assert isinstance(rows, type(CALLER_ROWS))
    missing = {(state, event) for state in State for event in Event} - set(rows)
    expected = {
        (State.OFFERED, Event.STARTED),
        (State.AGREED, Event.STARTED),
        (State.NEW, Event.ANSWER_CAME),
        (State.NEW, Event.ANSWER_OVERDUE),
        (State.AGREED, Event.ANSWER_OVERDUE),
        (State.NEW, Event.UNHEARD),
        (State.OFFERED, Event.UNHEARD),
    }
    if rows is CALLER_ROWS:
        expected.add((State.NEW, Event.OFFER_CAME))
    assert missing == expected


def test_starting_twice_is_our_own_mistake() -> None:
    caller = make(is_caller=True)
    with pytest.raises(UnexpectedEventError):
        caller.start(1.0)


class Sender:
    """One end whose messages all arrive, but some late, some twice: as versions 8 and 9 deliver."""

    def __init__(self, end: Negotiation) -> None:
        self.end = end
        self.late: list[tuple[int, NegotiateChannels]] = []
        self._count = 0

    def send(self, target: Negotiation, fates: list[int], now: float) -> None:
        delayed, self.late = self.late, []
        for order, message in delayed:
            target.receive(message, order, now)
        self.end.handle_timer(now)
        for message in messages_of(self.end):
            self._count += 1
            fate = fates.pop() if fates else 0
            if fate:
                self.late.append((self._count, message))
            else:
                target.receive(message, self._count, now)


@given(st.lists(st.integers(0, 1), max_size=40), st.integers(0, 99))
def test_both_ends_agree_in_the_end_in_whatever_order_messages_come(fates: list[int], seed: int) -> None:
    caller = make(is_caller=True, ssrc=1, seed=seed)
    callee = make(is_caller=False, ssrc=2, seed=seed + 1000)
    senders = Sender(caller), Sender(callee)
    for step in range(60):
        senders[0].send(callee, fates, step * 0.5)
        senders[1].send(caller, fates, step * 0.5)
    assert (caller.outgoing, caller.incoming) == (Stream(1, 111), Stream(2, 111))
    assert (callee.outgoing, callee.incoming) == (Stream(2, 111), Stream(1, 111))
    assert not messages_of(caller)
    assert not messages_of(callee)
