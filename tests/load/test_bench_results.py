"""The kept figures hold what issues 2 and 3 ask for, and the table of figures knows them all."""

import json
from pathlib import Path

import pytest
from bench.figures import FIGURES, Wanted
from bench.results import RESULTS, Figure, keep

ASKED = (
    "rtp_bridge_ms_per_call_s",
    "call_core_percent_16",
    "call_mb_16",
    "added_delay_ms_p95",
    "invite_to_telegram_ms_p95",
    "answer_to_audio_ms_p95",
    "register_cpu_ms",
    "account_kb",
    "calls_per_s_core",
    *(f"call_core_percent_{calls}_own" for calls in (1, 10, 20, 40, 80)),
    *(f"call_core_percent_{calls}_ntgcalls" for calls in (1, 10, 20)),
    *("call_mb_20_own", "call_mb_40_own", "call_mb_20_ntgcalls"),
    *(f"voice_delay_ms_p95_{engine}" for engine in ("own", "ntgcalls")),
    *(f"voice_connect_ms_p95_{engine}" for engine in ("own", "ntgcalls")),
)


@pytest.mark.parametrize("name", ASKED)
def test_every_figure_that_is_asked_for_has_been_measured(name: str) -> None:
    kept = json.loads(RESULTS.read_text())[name]
    assert {"value", "unit", "command", "when"} <= kept.keys()
    assert kept["value"] > 0
    assert kept["unit"] == FIGURES[name].unit


def test_kept_figures_are_joined_by_new_ones(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    keep(results, {"one": Figure(1, "ms")}, "first")
    keep(results, {"two": Figure(2.00049, "kB")}, "second")
    kept = json.loads(results.read_text())
    assert (kept["one"]["value"], kept["one"]["command"]) == (1, "first")
    assert (kept["two"]["value"], kept["two"]["unit"]) == (2.0, "kB")


def test_a_limit_is_met_from_its_good_side() -> None:
    assert Wanted("ms", 1.5).is_met_by(1.5)
    assert not Wanted("ms", 1.5).is_met_by(1.6)
    assert Wanted("calls", 100, is_more_better=True).is_met_by(101)
    assert not Wanted("calls", 100, is_more_better=True).is_met_by(99)
    assert Wanted("ms").is_met_by(7) is None
