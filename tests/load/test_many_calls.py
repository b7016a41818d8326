"""Many calls at once, each party heard by its own frequency; a long call whose delay stays what it was."""

import statistics
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from bench.results import SOAK_RESULTS, Figure, keep
from numpy.typing import NDArray

from tests.integration.line import Line
from tests.load.chirps import beat, delays_ms
from tests.load.lines import running_lines, talk_at_once
from tests.peers.asterisk import Asterisk
from tests.peers.asterisk_config import mass_accounts
from tests.peers.tones import sine

pytestmark = [pytest.mark.slow, pytest.mark.peer("asterisk22")]

ECHO = "600"
GOODBYE_HZ = 700
SETTLES_S = 4.0
MOST_DRIFT_MS = 40.0
SOAK = "make soak"


@pytest.fixture
async def pbx() -> AsyncIterator[Asterisk]:
    async with Asterisk("asterisk22", mass_accounts(20)) as running:
        yield running


async def test_four_calls_at_once_are_all_heard(pbx: Asterisk, tmp_path: Path) -> None:
    async with running_lines(pbx, tmp_path, 4) as lines:
        await talk_at_once(lines)


@pytest.mark.soak
async def test_twenty_calls_at_once_are_all_heard(pbx: Asterisk, tmp_path: Path) -> None:
    async with running_lines(pbx, tmp_path, 20, banks=4) as lines:
        await talk_at_once(lines)
    keep(SOAK_RESULTS, {"calls_at_once": Figure(20, "calls with every tone found")}, SOAK)


def goodbye(rate_hz: int) -> NDArray[np.int16]:
    """Make the tone that tells that all has been said, and has come back."""
    return sine(GOODBYE_HZ, 1.0, rate_hz)


async def echo_delays_ms(line: Line, seconds: float) -> list[float]:
    """Say chirps into an echo for so long; returns how late each came back, there and back again."""
    await line.text(ECHO)
    call = await line.phone.wait_for_ring()
    await call.answer()
    voice = line.phone.voice
    said_at_s = await voice.play(np.concatenate((beat(voice.rate_hz, seconds), goodbye(voice.rate_hz))))
    await voice.wait_until_hears(GOODBYE_HZ, timeout_s=seconds + 20)
    heard = await voice.heard()
    await call.hang_up()
    await line.wait_for_silence()
    return delays_ms(heard.samples, heard.arrival_s, heard.rate_hz, said_at_s + SETTLES_S)


def drift_ms(delays: list[float]) -> float:
    """How much later chirps come back at the end than at the beginning."""
    part = max(2, len(delays) // 6)
    return statistics.median(delays[-part:]) - statistics.median(delays[:part])


async def test_the_delay_of_a_call_stays_what_it_was(pbx: Asterisk, tmp_path: Path) -> None:
    async with running_lines(pbx, tmp_path, 1) as (line,):
        delays = await echo_delays_ms(line, 14)
    assert len(delays) >= 3
    assert abs(drift_ms(delays)) <= MOST_DRIFT_MS


@pytest.mark.soak
async def test_the_delay_of_five_minutes_does_not_drift(pbx: Asterisk, tmp_path: Path) -> None:
    async with running_lines(pbx, tmp_path, 1) as (line,):
        delays = await echo_delays_ms(line, 300)
    assert len(delays) >= 140
    figures = {
        "drift_of_five_minutes_ms": Figure(drift_ms(delays), "ms there and back"),
        "echo_delay_ms_median": Figure(statistics.median(delays), "ms there and back"),
    }
    keep(SOAK_RESULTS, figures, SOAK)
    assert abs(drift_ms(delays)) <= MOST_DRIFT_MS, [round(delay) for delay in delays]
