"""The calls of a field test: the important ones first, both ways in turn, each once."""

from hypothesis import given
from hypothesis import strategies as st

from linegram.cli.fieldtest.plan import Trial, Way, make_plan

VERSIONS = ("13.0.0", "12.0.0", "9.0.0", "8.0.0")


def points(plan: tuple[Trial, ...], way: Way) -> list[tuple[str, str, str]]:
    return [(trial.engine, trial.offer, trial.route) for trial in plan if trial.way is way]


def test_a_short_plan_tries_each_engine_both_ways_and_over_relays() -> None:
    plan = make_plan(("own", "ntgcalls"), VERSIONS, calls_each_way=4)
    expected = [
        ("own", "13/12/9/8", "any way"),
        ("ntgcalls", "13/12/9/8", "any way"),
        ("own", "13/12/9/8", "relays only"),
        ("ntgcalls", "13/12/9/8", "relays only"),
    ]
    assert points(plan, Way.OUT) == points(plan, Way.IN) == expected
    assert [trial.way for trial in plan] == [Way.OUT, Way.IN] * 4


def test_a_long_plan_tries_every_version_alone() -> None:
    plan = make_plan(("own",), VERSIONS, calls_each_way=20)
    alone = [offer for _, offer, route in points(plan, Way.OUT) if route == "any way"][1:]
    assert alone == ["13", "12", "9", "8"]
    assert len(plan) == 20


def test_one_version_is_not_tried_alone_again() -> None:
    assert len(make_plan(("own",), ("9.0.0",), calls_each_way=20)) == 4


@given(
    st.lists(st.sampled_from(["own", "ntgcalls"]), min_size=1, max_size=2, unique=True),
    st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=4, unique=True),
    st.integers(1, 20),
)
def test_no_call_is_planned_twice(engines: list[str], versions: list[str], calls: int) -> None:
    plan = make_plan(engines, versions, calls_each_way=calls)
    assert len({trial.key for trial in plan}) == len(plan)
    for way in Way:
        assert 1 <= len(points(plan, way)) <= calls
