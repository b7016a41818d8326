"""The bad network in virtual time does what it says, no more and no less, and the same in every run."""

import math
from collections.abc import Sequence
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.sandbox.network import CUT, PERFECT, Bursts, ImpairedWay, Impairment, Jitter

COUNT = 20_000


def numbered(count: int) -> list[bytes]:
    return [number.to_bytes(4, "big") for number in range(count)]


def carried(impairment: Impairment, count: int = COUNT, every_s: float = 0.02) -> list[tuple[float, bytes]]:
    """Send numbered packets at a steady pace; give what came out, with the time to the millisecond."""
    way = ImpairedWay(impairment, seed=7)
    found: list[tuple[float, bytes]] = []
    for number, packet in enumerate(numbered(count)):
        way.send(packet, number * every_s)
    while (at := way.next_at()) is not None:
        found += [(at, packet) for packet in way.due(at)]
    return found


def delays(arrivals: Sequence[tuple[float, bytes]], every_s: float = 0.02) -> list[float]:
    return [at - int.from_bytes(packet, "big") * every_s for at, packet in arrivals]


def test_a_perfect_network_gives_everything_at_once_and_in_order() -> None:
    way = ImpairedWay(PERFECT)
    for packet in numbered(10):
        way.send(packet, 5.0)
    assert way.due(4.9) == []
    assert way.next_at() == 5.0
    assert way.due(5.0) == numbered(10)
    assert (way.next_at(), len(way)) == (None, 0)


def test_a_cut_network_gives_nothing_and_counts_it() -> None:
    way = ImpairedWay(CUT)
    for packet in numbered(10):
        way.send(packet, 0.0)
    assert way.due(99.0) == []
    assert (way.taken, way.lost) == (10, 10)


def test_the_share_that_is_lost_is_the_one_asked_for() -> None:
    assert len(carried(Impairment(loss=0.3))) / COUNT == pytest.approx(0.7, abs=0.02)


def test_the_same_seed_gives_the_same_network() -> None:
    bad = Impairment(loss=0.2, duplication=0.2, reordering=0.2, jitter_s=0.05)
    assert carried(bad) == carried(bad)


def test_doubled_packets_come_twice() -> None:
    packets = [packet for _, packet in carried(Impairment(duplication=0.25))]
    assert len(set(packets)) == COUNT
    assert len(packets) / COUNT == pytest.approx(1.25, abs=0.02)


def test_a_delay_is_the_same_for_all() -> None:
    assert delays(carried(Impairment(delay_s=0.15), 100)) == pytest.approx([0.15] * 100)


@pytest.mark.parametrize(
    ("jitter", "mean_s", "most_s"),
    [(Jitter.UNIFORM, 0.02, 0.04), (Jitter.NORMAL, 0.0319, 0.3), (Jitter.PARETO, 0.04, 9.0)],
)
def test_jitter_has_the_mean_and_the_bounds_of_its_kind(jitter: Jitter, mean_s: float, most_s: float) -> None:
    extra = delays(carried(Impairment(delay_s=0.1, jitter_s=0.04, jitter=jitter)))
    assert min(extra) >= 0.1 - 1e-9
    assert max(extra) <= 0.1 + most_s
    assert sum(extra) / COUNT - 0.1 == pytest.approx(mean_s, rel=0.1)


def test_a_pareto_network_has_packets_that_are_very_late() -> None:
    assert max(delays(carried(Impairment(jitter_s=0.02, jitter=Jitter.PARETO)))) > 0.2


def test_jitter_puts_packets_out_of_order_unless_order_is_kept() -> None:
    bad = Impairment(jitter_s=0.2)
    shuffled = [packet for _, packet in carried(bad)]
    assert shuffled != sorted(shuffled)
    kept = [packet for _, packet in carried(bad._replace(keeps_order=True))]
    assert kept == numbered(COUNT)


def test_reordered_packets_are_overtaken() -> None:
    arrivals = carried(Impairment(reordering=0.1, reorder_s=0.05, delay_s=0.01))
    late = [delay for delay in delays(arrivals) if delay > 0.05]
    assert late == pytest.approx([0.06] * len(late))
    assert len(late) / COUNT == pytest.approx(0.1, abs=0.01)


def test_losses_come_in_bursts_of_the_length_asked_for() -> None:
    arrived = {packet for _, packet in carried(Impairment(bursts=Bursts(share=0.1, mean_packets=5)))}
    fates = [packet in arrived for packet in numbered(COUNT)]
    runs = [len(list(run)) for came, run in groupby(fates) if not came]
    assert fates.count(False) / COUNT == pytest.approx(0.1, abs=0.02)
    assert sum(runs) / len(runs) == pytest.approx(5, rel=0.15)


@pytest.mark.parametrize(("share", "arrived"), [(0.0, 50), (1.0, 0)])
def test_bursts_of_nothing_and_of_everything(share: float, arrived: int) -> None:
    assert len(carried(Impairment(bursts=Bursts(share, 3)), 50)) == arrived


def test_a_narrow_network_spaces_packets_and_loses_what_its_queue_cannot_hold() -> None:
    way = ImpairedWay(Impairment(bits_per_s=8000, queue_bytes=250))
    for _ in range(4):
        way.send(bytes(100), 0.0)
    assert way.lost == 2
    assert way.due(0.099) == []
    assert len(way.due(0.1)) == 1
    assert way.next_at() == pytest.approx(0.2)
    way.send(bytes(100), 10.0)
    assert way.lost == 2


def test_a_network_that_heals_keeps_what_was_under_way() -> None:
    way = ImpairedWay(Impairment(delay_s=1.0))
    way.send(b"slow", 0.0)
    way.impairment = PERFECT
    way.send(b"fast", 0.5)
    assert way.due(0.5) == [b"fast"]
    assert way.due(1.0) == [b"slow"]


@given(
    st.builds(
        Impairment,
        loss=st.floats(0, 1),
        duplication=st.floats(0, 1),
        reordering=st.floats(0, 1),
        reorder_s=st.floats(0, 1),
        delay_s=st.floats(0, 1),
        bursts=st.none() | st.builds(Bursts, share=st.floats(0, 1), mean_packets=st.floats(1, 9)),
        queue_bytes=st.integers(0, 1000),
        jitter_s=st.floats(0, 1),
        jitter=st.sampled_from(Jitter),
        keeps_order=st.booleans(),
        bits_per_s=st.none() | st.floats(1000, 1e6),
    ),
    st.integers(0, 99),
)
def test_whatever_is_asked_for_nothing_is_invented_or_early(bad: Impairment, seed: int) -> None:
    way = ImpairedWay(bad, seed=seed)
    sent = numbered(50)
    for number, packet in enumerate(sent):
        way.send(packet, number * 0.02)
    assert all(int.from_bytes(packet, "big") <= 25 for packet in way.due(0.5))
    left = len(way)
    assert len(way.due(math.inf)) == left
    assert way.taken == 50
    assert 0 <= way.lost <= 50
