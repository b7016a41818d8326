"""Broken packets of every kind, from a far end that has all the keys: nothing escapes a leg, nothing grows.

Every run has a seed, which is in the failure: the same seed does the same again.
"""

import gc
import logging
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from linegram.voice.own.signalling import ACKED_VERSIONS, SCTP_VERSIONS
from tests.voice.own.fuzz.mutations import mutate
from tests.voice.own.fuzz.victim import Victim

BLOWS_PER_VICTIM = 2_500
BLOWS_PER_STEP = 25
VERSIONS = (*ACKED_VERSIONS, *SCTP_VERSIONS)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A line of log for each of a million packets would be what grows."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


def beat(seed: int, blows: int = BLOWS_PER_VICTIM) -> None:
    """Connect a leg, beat it, and see that it lives."""
    with Victim(VERSIONS[seed % 4], is_caller=seed % 8 < 4, seed=seed) as victim:
        assert victim.are_connected
        names = sorted(victim.blows)
        for number in range(blows):
            victim.blows[victim.random.choice(names)]()
            if number % BLOWS_PER_STEP == 0:
                victim.step()
        assert not victim.has_ended, seed
        assert victim.can_still_talk(), seed


def resident_mb() -> float:
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize() / 1e6


@pytest.mark.parametrize("seed", range(8))
def test_a_connected_leg_survives_broken_packets_of_every_kind(seed: int) -> None:
    beat(seed)


@pytest.mark.parametrize("seed", range(8))
def test_a_leg_that_is_being_set_up_survives_broken_copies_of_all_that_comes(seed: int) -> None:
    with Victim(VERSIONS[seed % 4], is_caller=seed % 8 < 4, seed=seed, bend=mutate) as victim:
        assert victim.are_connected or victim.has_ended


@pytest.mark.soak
def test_a_million_broken_packets_leave_no_trace_in_memory() -> None:
    rounds = 1_000_000 // BLOWS_PER_VICTIM
    sizes_mb = []
    for seed in range(100, 100 + rounds):
        beat(seed)
        if (seed - 100) % (rounds // 10) == 0:
            sizes_mb.append(resident_mb())
    assert sizes_mb[-1] - sizes_mb[2] < 10, sizes_mb
