"""RFC 3263 without a network: what is asked, and which places come out, in which order."""

import random
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.sip.flow import TransportName
from linegram.sip.location import Located, Place, Wish, locate
from linegram.sip.name_records import Answer, NaptrRecord, Question, RecordType, SrvRecord, groups_of

UDP, TCP, TLS = TransportName.UDP, TransportName.TCP, TransportName.TLS
A, AAAA, SRV, NAPTR = RecordType.A, RecordType.AAAA, RecordType.SRV, RecordType.NAPTR
Zone = Mapping[tuple[str, RecordType], Answer]


def records(*found: NaptrRecord | SrvRecord | str, ttl_s: float = 60.0) -> Answer:
    return Answer(found, ttl_s)


def search(
    wish: Wish, zone: Zone, *, kinds: tuple[RecordType, ...] = (A,), seed: int = 1
) -> tuple[Located, list[Question]]:
    """Answer every question from a zone; tells what was asked, too."""
    asked: list[Question] = []
    running = locate(wish, kinds, random.Random(seed))
    try:
        questions = next(running)
        while True:
            asked += questions
            answers = [zone.get((q.name, q.record_type), Answer(ttl_s=30.0)) for q in questions]
            questions = running.send(answers)
    except StopIteration as end:
        located: Located = end.value
        return located, asked


def places(located: Located) -> list[tuple[TransportName, str, int]]:
    return [place[:3] for place in located.places]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish("192.0.2.1"), Place(UDP, "192.0.2.1", 5060)),
        (Wish("192.0.2.1", 5070, TCP), Place(TCP, "192.0.2.1", 5070)),
        (Wish("2001:db8::1", None, TLS), Place(TLS, "2001:db8::1", 5061, "2001:db8::1")),
        (Wish("192.0.2.1", None, None), Place(UDP, "192.0.2.1", 5060)),
        (Wish("192.0.2.1", None, None, is_secure=True), Place(TLS, "192.0.2.1", 5061, "192.0.2.1")),
    ],
)
def test_an_address_is_taken_as_it_is(wish: Wish, expected: Place) -> None:
    located, asked = search(wish, {})
    assert located == Located((expected,))
    assert asked == []


def test_a_port_means_addresses_only() -> None:
    located, asked = search(Wish("pbx.example", 5070, TCP), {("pbx.example", A): records("192.0.2.1")})
    assert places(located) == [(TCP, "192.0.2.1", 5070)]
    assert asked == [Question("pbx.example", A)]


def test_a_transport_asks_for_its_own_service_and_never_for_naptr() -> None:
    zone = {
        ("_sip._tcp.pbx.example", SRV): records(SrvRecord(1, 1, 5080, "a.example")),
        ("a.example", A): records("192.0.2.1"),
    }
    located, asked = search(Wish("pbx.example", None, TCP), zone)
    assert places(located) == [(TCP, "192.0.2.1", 5080)]
    assert asked == [Question("_sip._tcp.pbx.example", SRV), Question("a.example", A)]


def test_without_a_service_the_host_itself_is_asked_for() -> None:
    located, asked = search(Wish("pbx.example", None, TLS), {("pbx.example", A): records("192.0.2.1")})
    assert located.places == (Place(TLS, "192.0.2.1", 5061, "pbx.example"),)
    assert [question.record_type for question in asked] == [SRV, A]


def test_naptr_says_which_transport_is_best() -> None:
    zone = {
        ("pbx.example", NAPTR): records(
            NaptrRecord(20, 1, "s", "SIP+D2U", "_sip._udp.other.example"),
            NaptrRecord(10, 2, "s", "SIP+D2T", "_sip._tcp.other.example"),
            NaptrRecord(10, 1, "s", "SIP+D2S", "_sip._sctp.other.example"),
            NaptrRecord(5, 1, "u", "E2U+sip", "."),
        ),
        ("_sip._tcp.other.example", SRV): records(SrvRecord(1, 1, 5080, "a.example")),
        ("_sip._udp.other.example", SRV): records(SrvRecord(1, 1, 5090, "b.example")),
        ("a.example", A): records("192.0.2.1"),
        ("b.example", A): records("192.0.2.2"),
    }
    located, _ = search(Wish("pbx.example", None, None), zone)
    assert located.places == (
        Place(TCP, "192.0.2.1", 5080, rank=0),
        Place(UDP, "192.0.2.2", 5090, rank=1),
    )


def test_where_tls_is_offered_nothing_in_clear_is_tried() -> None:
    zone = {
        ("_sips._tcp.pbx.example", SRV): records(SrvRecord(1, 1, 5061, "a.example")),
        ("_sip._udp.pbx.example", SRV): records(SrvRecord(1, 1, 5060, "a.example")),
        ("a.example", A): records("192.0.2.1"),
    }
    located, _ = search(Wish("pbx.example", None, None), zone)
    assert located.places == (Place(TLS, "192.0.2.1", 5061, "pbx.example"),)


def test_a_sips_address_takes_tls_only() -> None:
    zone = {
        ("_sip._udp.pbx.example", SRV): records(SrvRecord(1, 1, 5060, "a.example")),
        ("pbx.example", A): records("192.0.2.1"),
    }
    located, asked = search(Wish("pbx.example", None, None, is_secure=True), zone)
    assert located.places == (Place(TLS, "192.0.2.1", 5061, "pbx.example"),)
    assert asked[0] == Question("_sips._tcp.pbx.example", SRV)


def test_priorities_become_ranks_and_every_address_counts() -> None:
    zone = {
        ("_sip._udp.pbx.example", SRV): records(
            SrvRecord(20, 0, 5060, "spare.example"), SrvRecord(10, 0, 5060, "main.example")
        ),
        ("main.example", A): records("192.0.2.1", "192.0.2.2"),
        ("main.example", AAAA): records("2001:db8::1"),
        ("spare.example", A): records("192.0.2.9"),
    }
    located, _ = search(Wish("pbx.example"), zone, kinds=(A, AAAA))
    assert [(place.host, place.rank) for place in located.places] == [
        ("192.0.2.1", 0),
        ("192.0.2.2", 0),
        ("2001:db8::1", 0),
        ("192.0.2.9", 1),
    ]


def test_a_place_named_twice_is_tried_once() -> None:
    zone = {
        ("_sip._udp.pbx.example", SRV): records(
            SrvRecord(10, 0, 5060, "a.example"), SrvRecord(20, 0, 5060, "b.example")
        ),
        ("a.example", A): records("192.0.2.1"),
        ("b.example", A): records("192.0.2.1"),
    }
    located, _ = search(Wish("pbx.example"), zone)
    assert [(place.host, place.rank) for place in located.places] == [("192.0.2.1", 0)]


def test_a_domain_that_offers_no_sip_is_not_called_all_the_same() -> None:
    zone = {
        ("_sip._udp.pbx.example", SRV): records(SrvRecord(0, 0, 0, "")),
        ("pbx.example", A): records("192.0.2.1"),
    }
    located, _ = search(Wish("pbx.example"), zone)
    assert located.places == ()
    assert located.problem == "pbx.example says in DNS that it offers no SIP"


def test_the_shortest_answer_says_for_how_long_all_hold() -> None:
    zone = {
        ("_sip._udp.pbx.example", SRV): records(SrvRecord(1, 1, 5060, "a.example"), ttl_s=300),
        ("a.example", A): records("192.0.2.1", ttl_s=20),
    }
    assert search(Wish("pbx.example"), zone)[0].valid_s == 20


def test_a_name_that_nobody_knows_is_told_from_a_name_server_that_failed() -> None:
    assert search(Wish("pbx.example"), {})[0].problem == "DNS has no address for pbx.example"
    broken = {("pbx.example", A): Answer(problem="the name server failed when asked for pbx.example")}
    assert search(Wish("pbx.example"), broken)[0].problem == broken["pbx.example", A].problem


def test_a_failed_look_up_of_services_does_not_hide_the_host() -> None:
    zone = {
        ("_sip._udp.pbx.example", SRV): Answer(ttl_s=10, problem="no name server answered"),
        ("pbx.example", A): records("192.0.2.1"),
    }
    located, _ = search(Wish("pbx.example"), zone)
    assert places(located) == [(UDP, "192.0.2.1", 5060)]


def test_weights_are_shares() -> None:
    """RFC 2782: of equal priority, one with three times the weight comes first three times as often."""
    heavy, light = SrvRecord(1, 30, 5060, "heavy"), SrvRecord(1, 10, 5060, "light")
    chance = random.Random(7)
    first = Counter(next(groups_of([heavy, light], chance))[0].host for _ in range(4000))
    assert 0.70 < first["heavy"] / 4000 < 0.80


srv_records = st.lists(
    st.builds(
        SrvRecord,
        priority=st.integers(0, 3),
        weight=st.integers(0, 65_535),
        port=st.integers(1, 65_535),
        host=st.sampled_from("abcdef"),
    ),
    max_size=12,
)


@given(srv_records, st.integers())
def test_the_order_by_weight_loses_and_doubles_no_record(found: list[SrvRecord], seed: int) -> None:
    groups = list(groups_of(found, random.Random(seed)))
    assert sorted(record for group in groups for record in group) == sorted(found)
    priorities = [group[0].priority for group in groups]
    assert priorities == sorted(set(priorities))
    assert all(len({record.priority for record in group}) == 1 for group in groups)
