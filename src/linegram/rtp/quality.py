"""How a call sounds, as one number: the E-model of ITU-T G.107, as far as a network can spoil speech.

Noise, loudness and echo are taken at their defaults, which leaves R = 93.2 - Idd - Ie,eff. All
codecs are judged on the narrowband scale, where nothing is better than 4.41.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from types import MappingProxyType
from typing import Final, NamedTuple

BEST_R: Final = 93.2
"""R with all parameters at their defaults (G.107 table 3)."""

_DELAY_FREE_MS: Final = 100.0
_LEAST_PACKETS: Final = 50
_CODEC_MS: Final = 25.0
"""Packetisation of 20 ms and the look-ahead of an encoder."""


class CodecImpairment(NamedTuple):
    """What a codec costs by itself, and how well it stands packets lost at random."""

    ie: float
    bpl: float


IMPAIRMENTS: Final[Mapping[str, CodecImpairment]] = MappingProxyType(
    {
        "PCMA": CodecImpairment(0.0, 25.1),
        "PCMU": CodecImpairment(0.0, 25.1),
        "G729": CodecImpairment(11.0, 19.0),
        "GSM": CodecImpairment(20.0, 10.0),
        "G722": CodecImpairment(0.0, 25.1),
        "OPUS": CodecImpairment(0.0, 25.1),
    }
)
"""Equipment impairment by name in SDP: G.113 appendix I for G.711 with concealment and G.729A.

G.113 has no loss robustness for GSM and nothing on this scale for G.722 and Opus: planning values of ours.
"""

_UNKNOWN: Final = CodecImpairment(10.0, 10.0)


@dataclass(frozen=True, slots=True)
class Impairments:
    """What one way of a call suffers. `burst_ratio` is 1.0 for losses at random, more for losses in a row."""

    codec: str
    delay_ms: float = 0.0
    loss_percent: float = 0.0
    burst_ratio: float = 1.0


def delay_impairment(delay_ms: float) -> float:
    """Work out Idd for an absolute one-way delay (G.107 formula 7-27 with sT = 1 and mT = 100)."""
    if delay_ms <= _DELAY_FREE_MS:
        return 0.0
    x = log2(delay_ms / _DELAY_FREE_MS)
    return 25 * (_sixth_root(1 + x**6) - 3 * _sixth_root(1 + (x / 3) ** 6) + 2)


def loss_impairment(codec: str, loss_percent: float, burst_ratio: float = 1.0) -> float:
    """Work out Ie,eff (G.107 formula 7-29)."""
    ie, bpl = IMPAIRMENTS.get(codec.upper(), _UNKNOWN)
    loss = max(0.0, min(100.0, loss_percent))
    return ie + (95 - ie) * loss / (loss / max(1.0, burst_ratio) + bpl)


def r_factor(way: Impairments) -> float:
    """Rate one way of a call, from 0 to 93.2."""
    r = BEST_R - delay_impairment(way.delay_ms)
    return max(0.0, r - loss_impairment(way.codec, way.loss_percent, way.burst_ratio))


def mos_of_r(r: float) -> float:
    """Turn R into the opinion that people would have, from 1.0 to 4.5 (G.107 annex B)."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def mos(way: Impairments) -> float:
    """Rate one way of a call as people would."""
    return mos_of_r(r_factor(way))


def burst_ratio(packets_expected: int, packets_lost: int, bursts: int) -> float:
    """Compare the mean run of lost packets with that of as many losses at random (G.107 section 7.1)."""
    if packets_lost <= 0 or bursts <= 0 or packets_lost >= packets_expected:
        return 1.0
    return max(1.0, packets_lost / bursts * (1 - packets_lost / packets_expected))


class Counts(NamedTuple):
    """What a receiver has counted since its start; `missed` was lost or came too late to be heard."""

    expected: int = 0
    missed: int = 0
    bursts: int = 0


class QualityMeter:
    """Rates what a receiver hears, over the whole leg and in its worst interval."""

    def __init__(self) -> None:
        self.worst_mos: float | None = None
        self._before = Counts()

    def end_interval(self, codec: str, counts: Counts, delay_ms: float) -> None:
        """Rate what came since the last time; an interval with hardly a packet is joined to the next one."""
        before = self._before
        if counts.expected - before.expected < _LEAST_PACKETS:
            return
        self._before = counts
        interval = Counts(*(max(0, now - then) for now, then in zip(counts, before, strict=True)))
        rated = rate(codec, interval, delay_ms)
        if rated is not None and (self.worst_mos is None or rated < self.worst_mos):
            self.worst_mos = rated


def rate(codec: str, counts: Counts, delay_ms: float) -> float | None:
    """Rate what was counted; None when nothing was to be heard. `delay_ms` is of network and playout."""
    if counts.expected <= 0:
        return None
    missed = min(counts.missed, counts.expected)
    ratio = burst_ratio(counts.expected, missed, counts.bursts)
    return mos(Impairments(codec, delay_ms + _CODEC_MS, 100 * missed / counts.expected, ratio))


def _sixth_root(value: float) -> float:
    root: float = value ** (1 / 6)
    return root
