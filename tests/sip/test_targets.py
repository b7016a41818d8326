"""Which place of a server is used: failures rest, better places are gone back to, the cache is fair."""

from linegram.sip.answer_cache import AnswerCache, CacheBounds
from linegram.sip.flow import Flow, TransportName
from linegram.sip.name_records import Answer, Question, RecordType
from linegram.sip.targets import Target, Targets

ASK = Question("pbx.example", RecordType.A)


def at(host: str, rank: int = 0) -> Target:
    return Target(Flow(TransportName.UDP, host, 5060), "10.0.0.1", 5060, rank)


BEST, EQUAL, SPARE = at("192.0.2.1"), at("192.0.2.2"), at("192.0.2.9", 1)


def test_a_place_that_failed_rests_and_is_gone_back_to() -> None:
    places = Targets()
    places.replace((BEST, SPARE), 0.0)
    assert places.current == BEST
    places.rest(BEST.flow, 300.0)
    places.pick(10.0)
    assert places.current == SPARE
    places.pick(299.0)
    assert places.current == SPARE
    places.pick(301.0)
    assert places.current == BEST


def test_an_equally_good_place_is_not_left_without_need() -> None:
    places = Targets()
    places.replace((BEST, EQUAL), 0.0)
    places.rest(BEST.flow, 300.0)
    places.pick(10.0)
    places.pick(400.0)
    assert places.current == EQUAL


def test_new_answers_keep_the_place_in_use_if_it_is_still_there() -> None:
    places = Targets()
    places.replace((BEST, EQUAL), 0.0)
    assert not places.replace((EQUAL, BEST), 1.0)
    assert places.current == BEST
    assert places.replace((EQUAL,), 2.0)
    assert places.current == EQUAL


def test_alternatives_come_by_rank_without_those_that_were_tried_or_rest() -> None:
    places = Targets()
    places.replace((SPARE, BEST, EQUAL), 0.0)
    assert places.alternative(frozenset(), 0.0) == BEST
    assert places.alternative(frozenset({BEST.flow}), 0.0) == EQUAL
    places.rest(EQUAL.flow, 300.0)
    assert places.alternative(frozenset({BEST.flow}), 10.0) == SPARE
    assert places.alternative(frozenset({BEST.flow, SPARE.flow}), 10.0) is None


def test_when_all_have_failed_the_best_is_first_again() -> None:
    places = Targets()
    places.replace((SPARE, BEST), 0.0)
    for place in (BEST, SPARE):
        places.rest(place.flow, 300.0)
    places.wake_all()
    assert places.current == BEST


def test_names_are_stale_when_their_time_is_over() -> None:
    places = Targets()
    assert places.is_stale(0.0)
    places.replace((BEST,), 0.0, valid_s=60)
    assert not places.is_stale(59.0)
    assert places.is_stale(60.0)


def test_an_answer_holds_for_its_ttl_within_bounds() -> None:
    cache = AnswerCache(CacheBounds(least_s=5, most_s=100))
    for ttl_s, held_s in ((0, 5), (50, 50), (86_400, 100)):
        assert cache.put(ASK, Answer(("192.0.2.1",), ttl_s), 1000.0).ttl_s == held_s
        assert cache.get(ASK, 1000.0 + held_s) is None
        kept = cache.get(ASK, 1001.0)
        assert kept is not None
        assert kept.ttl_s == held_s - 1


def test_that_there_is_nothing_is_kept_more_briefly() -> None:
    cache = AnswerCache(CacheBounds(nothing_most_s=60))
    assert cache.put(ASK, Answer(ttl_s=3600), 0.0).ttl_s == 60
    assert cache.get(ASK, 59.0) is not None


def test_a_failure_is_kept_briefly_and_does_not_replace_what_was_good() -> None:
    cache = AnswerCache(CacheBounds(failure_s=10))
    failure = Answer(problem="no name server answered")
    assert cache.put(ASK, failure, 0.0) == failure._replace(ttl_s=10)
    cache.put(ASK, Answer(("192.0.2.1",), 60), 10.0)
    assert cache.put(ASK, failure, 80.0).records == ("192.0.2.1",)
    assert cache.get(ASK, 91.0) is None
