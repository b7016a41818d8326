"""Reports come about every five seconds, never too often, and bigger ones less often."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.rtp.report_timer import ReportTimer


def times_of(timer: ReportTimer, until_s: float, size_bytes: int = 80, members: int = 2) -> list[float]:
    found, now = [], 0.0
    while now < until_s:
        now += 0.02
        if timer.is_due(now, members=members, senders=members, we_send=True):
            timer.sent(size_bytes, now)
            found.append(now)
    return found


@given(st.integers(0, 1000))
def test_intervals_stay_within_what_the_rfc_allows(seed: int) -> None:
    times = times_of(ReportTimer(0.0, Random(seed).random), 120)
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 2.5 * 0.5 / 1.2183 <= times[0] <= 2.5 * 1.5 / 1.2182 + 0.02
    assert all(5 * 0.5 / 1.2183 <= step <= 5 * 1.5 / 1.2182 + 0.04 for step in steps)


def test_on_average_a_report_comes_every_five_seconds() -> None:
    times = times_of(ReportTimer(0.0, Random(3).random), 3000)
    assert len(times) == pytest.approx(600, rel=0.1)


def test_a_narrow_session_is_not_filled_with_reports() -> None:
    timer = ReportTimer(0.0, Random(3).random, session_bits_per_s=3_200)
    times = times_of(timer, 1000, size_bytes=172)
    assert len(times) == pytest.approx(1000 / (200 * 2 / 20), rel=0.25)


def test_few_senders_get_a_quarter_to_themselves() -> None:
    slow, fast = (ReportTimer(0.0, lambda: 0.5, session_bits_per_s=1_600) for _ in range(2))
    for timer in (slow, fast):
        timer.sent(1000, 0.0)
    due = [
        next(now for now in range(2000) if timer.is_due(now, members=8, senders=1, we_send=we_send))
        for timer, we_send in ((slow, False), (fast, True))
    ]
    assert due[0] > due[1]


def test_the_same_chance_gives_the_same_times() -> None:
    first, second = (times_of(ReportTimer(0.0, Random(9).random), 60) for _ in range(2))
    assert first == second
