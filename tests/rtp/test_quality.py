"""The E-model against what ITU-T has published, and how it must bend."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.rtp.quality import (
    BEST_R,
    Counts,
    Impairments,
    QualityMeter,
    burst_ratio,
    delay_impairment,
    loss_impairment,
    mos,
    mos_of_r,
    r_factor,
    rate,
)

CODECS = st.sampled_from(["PCMA", "PCMU", "G722", "opus", "G729", "GSM", "speex"])


@pytest.mark.parametrize(
    ("r", "opinion"),
    [(93.2, 4.41), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1), (100, 4.5)],
)
def test_r_becomes_the_opinion_of_g107_annex_b(r: float, opinion: float) -> None:
    assert mos_of_r(r) == pytest.approx(opinion, abs=0.01)


def test_g711_without_loss_and_delay_is_as_good_as_a_telephone_gets() -> None:
    assert mos(Impairments("PCMA")) == pytest.approx(4.41, abs=0.005)
    assert r_factor(Impairments("pcmu", delay_ms=100)) == BEST_R


@pytest.mark.parametrize(
    ("delay_ms", "idd"), [(100, 0.0), (150, 0.16), (200, 3.04), (300, 14.76), (400, 24.07)]
)
def test_delay_costs_what_the_formula_of_g107_gives(delay_ms: float, idd: float) -> None:
    assert delay_impairment(delay_ms) == pytest.approx(idd, abs=0.02)


@pytest.mark.parametrize(
    ("codec", "loss_percent", "ratio", "ie_eff"),
    [
        ("PCMA", 0, 1, 0.0),
        ("PCMA", 1, 1, 3.64),
        ("PCMA", 5, 1, 15.78),
        ("PCMA", 5, 2, 17.21),
        ("G729", 2, 1, 19.0),
    ],
)
def test_loss_costs_what_the_formula_of_g107_gives(
    codec: str, loss_percent: float, ratio: float, ie_eff: float
) -> None:
    assert loss_impairment(codec, loss_percent, ratio) == pytest.approx(ie_eff, abs=0.01)


@given(CODECS, st.floats(0, 1000), st.floats(0, 100), st.floats(1, 20), st.floats(0, 200), st.floats(0, 50))
def test_nothing_gets_better_by_delay_loss_or_bursts(
    codec: str, delay_ms: float, loss: float, ratio: float, more_ms: float, more_loss: float
) -> None:
    before = mos(Impairments(codec, delay_ms, loss, ratio))
    assert 1.0 <= before <= 4.5
    assert mos(Impairments(codec, delay_ms + more_ms, loss, ratio)) <= before + 1e-9
    assert mos(Impairments(codec, delay_ms, loss + more_loss, ratio)) <= before + 1e-9
    assert mos(Impairments(codec, delay_ms, loss, ratio * 2)) <= before + 1e-9


def test_losses_in_a_row_are_bursts_and_single_ones_are_not() -> None:
    assert burst_ratio(1000, 50, 50) == 1.0
    assert burst_ratio(1000, 50, 10) == pytest.approx(4.75)
    assert burst_ratio(1000, 0, 0) == burst_ratio(10, 10, 1) == 1.0


def test_the_worst_interval_is_kept_and_a_sparse_one_waits_for_more() -> None:
    meter = QualityMeter()
    meter.end_interval("PCMA", Counts(250, 0, 0), 40)
    good = meter.worst_mos
    meter.end_interval("PCMA", Counts(260, 10, 1), 40)
    assert meter.worst_mos == good
    meter.end_interval("PCMA", Counts(500, 50, 5), 40)
    bad = meter.worst_mos
    meter.end_interval("PCMA", Counts(2000, 50, 5), 40)
    assert good is not None
    assert bad is not None
    assert bad < good - 1
    assert meter.worst_mos == bad


def test_where_nothing_was_to_be_heard_there_is_no_opinion() -> None:
    assert rate("PCMA", Counts(), 0) is None
    assert rate("PCMA", Counts(100, 120, 1), 0) == pytest.approx(1.3, abs=0.3)
