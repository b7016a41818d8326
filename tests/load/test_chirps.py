"""Chirps are found where they are, whatever lies around them."""

import numpy as np
import pytest

from tests.load.chirps import EVERY_S, beat, delays_ms

RATE_HZ = 16_000


@pytest.mark.parametrize("delay_ms", [0, 37, 250, 900])
def test_every_chirp_is_found_with_its_delay(delay_ms: int) -> None:
    said = beat(RATE_HZ, 10)
    noise = np.random.default_rng(1).normal(0, 300, len(said) + 16 * delay_ms)
    heard = (np.pad(said.astype(np.float64), (16 * delay_ms, 0)) / 2 + noise).astype(np.int16)
    frames = len(heard) // 160
    arrival_s = np.linspace(100.01, 100 + 0.01 * frames, frames)
    found = delays_ms(heard, arrival_s, RATE_HZ, 100.0)
    assert len(found) >= 10 / EVERY_S - 1
    assert found == pytest.approx([delay_ms] * len(found), abs=0.2)


def test_nothing_is_found_in_noise() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 10 * RATE_HZ).astype(np.int16)
    assert delays_ms(noise, np.linspace(0.01, 10.0, 1000), RATE_HZ, 0.0) == []
