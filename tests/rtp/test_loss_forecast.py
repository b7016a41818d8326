"""Redundancy follows loss up at once and down slowly."""

from hypothesis import given
from hypothesis import strategies as st

from linegram.rtp.loss_forecast import LossForecast


def test_a_report_of_loss_is_believed_at_once() -> None:
    assert LossForecast(10).reported(25.0) == 25


def test_after_the_loss_it_is_forgotten_over_a_minute_or_two() -> None:
    forecast = LossForecast(10)
    forecast.reported(30.0)
    falling = [forecast.reported(0.0) for _ in range(20)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] >= 27
    assert falling[5] > 10
    assert falling[-1] == 10


@given(st.lists(st.floats(0, 100), max_size=50))
def test_it_stays_between_its_least_and_40_percent(reports: list[float]) -> None:
    forecast = LossForecast(10)
    for report in reports:
        expected = forecast.reported(report)
        assert 10 <= expected <= 40
        assert expected >= min(40, round(report))
