"""A bad network in virtual time: packets go in with the time, and come out late, twice, disordered, or never.

One `ImpairedWay` is one direction. It knows no clock and no socket; the
sockets are in `udp_network.py`. All chance comes from the seed, so a run that
failed can be run again.
"""

import heapq
import math
from collections.abc import Callable
from enum import Enum
from random import Random
from typing import Final, NamedTuple


class Jitter(Enum):
    """How the extra delay of packets is spread; `jitter_s` of `Impairment` says how wide."""

    UNIFORM = "uniform"
    """Anything from nothing to `jitter_s`."""

    NORMAL = "normal"
    """The upper half of a bell whose standard deviation is `jitter_s`."""

    PARETO = "pareto"
    """`jitter_s` on average, with few packets that are very late: as mobile networks do."""


class Bursts(NamedTuple):
    """Loss in bursts (Gilbert): `share` of all packets, in runs of `mean_packets` on average."""

    share: float
    mean_packets: float


class Impairment(NamedTuple):
    """What a direction does to packets. Shares are from 0.0 to 1.0 and independent of each other."""

    loss: float = 0.0
    bursts: Bursts | None = None
    duplication: float = 0.0
    reordering: float = 0.0
    """Packets that wait `reorder_s` longer, so that later ones overtake them."""
    reorder_s: float = 0.1
    delay_s: float = 0.0
    jitter_s: float = 0.0
    jitter: Jitter = Jitter.UNIFORM
    keeps_order: bool = False
    """Jitter alone puts nothing out of order, as in a single queue; the late one delays those behind it."""
    bits_per_s: float | None = None
    queue_bytes: int = 64 << 10
    """What waits for the bandwidth; more is lost."""


PERFECT: Final = Impairment()
CUT: Final = Impairment(loss=1.0)
"""A cable that was pulled."""

_PARETO_SHAPE: Final = 3.0


class ImpairedWay:
    """One direction of a bad network. `impairment` may be changed at any time; what is under way is not."""

    def __init__(self, impairment: Impairment = PERFECT, *, seed: int = 1) -> None:
        self.impairment = impairment
        self.taken = self.lost = self.doubled = 0
        self._random = Random(seed)
        self._under_way: list[tuple[float, int, bytes]] = []
        self._number = 0
        self._is_in_burst = False
        self._free_at = 0.0
        self._last_at = 0.0

    def __len__(self) -> int:
        """Count the packets that are under way."""
        return len(self._under_way)

    def send(self, packet: bytes, now: float) -> None:
        """Put a packet in."""
        self.taken += 1
        leaves_at = self._through_bottleneck(len(packet), now)
        if self._is_lost() or leaves_at is None:
            self.lost += 1
            return
        self._put(packet, leaves_at)
        if self._happens(self.impairment.duplication):
            self.doubled += 1
            self._put(packet, leaves_at)

    def due(self, now: float) -> list[bytes]:
        """Take out what has arrived by now, in the order of its arrival."""
        arrived = []
        while self._under_way and self._under_way[0][0] <= now:
            arrived.append(heapq.heappop(self._under_way)[2])
        return arrived

    def next_at(self) -> float | None:
        """Say when the next packet arrives, None with nothing under way."""
        return self._under_way[0][0] if self._under_way else None

    def _put(self, packet: bytes, leaves_at: float) -> None:
        bad = self.impairment
        at = leaves_at + bad.delay_s + _SPREADS[bad.jitter](self._random, bad.jitter_s)
        if bad.keeps_order:
            at = self._last_at = max(at, self._last_at)
        if self._happens(bad.reordering):
            at += bad.reorder_s
        self._number += 1
        heapq.heappush(self._under_way, (at, self._number, packet))

    def _through_bottleneck(self, size_bytes: int, now: float) -> float | None:
        """Say when a packet has passed the narrowest place, None when the queue there is full."""
        if self.impairment.bits_per_s is None:
            return now
        begins_at = max(now, self._free_at)
        if (begins_at - now) * self.impairment.bits_per_s / 8 + size_bytes > self.impairment.queue_bytes:
            return None
        self._free_at = begins_at + size_bytes * 8 / self.impairment.bits_per_s
        return self._free_at

    def _is_lost(self) -> bool:
        is_lost_alone = self._happens(self.impairment.loss)
        return self._is_lost_in_burst() or is_lost_alone

    def _is_lost_in_burst(self) -> bool:
        """Move between the good state and the bad one, in which everything is lost."""
        bursts = self.impairment.bursts
        if bursts is None or bursts.share <= 0.0:
            self._is_in_burst = False
            return False
        if bursts.share >= 1.0:
            return True
        leave = 1 / max(1.0, bursts.mean_packets)
        enter = min(1.0, leave * bursts.share / (1 - bursts.share))
        self._is_in_burst = not self._happens(leave) if self._is_in_burst else self._happens(enter)
        return self._is_in_burst

    def _happens(self, share: float) -> bool:
        return share > 0.0 and self._random.random() < share


def _uniform(random: Random, width_s: float) -> float:
    return random.random() * width_s


def _normal(random: Random, width_s: float) -> float:
    return abs(random.gauss(0.0, width_s))


def _pareto(random: Random, width_s: float) -> float:
    """A Pareto delay less its smallest value, scaled to the mean `width_s`."""
    tail = math.pow(1.0 - random.random(), -1 / _PARETO_SHAPE) - 1.0
    return width_s * tail * (_PARETO_SHAPE - 1)


_SPREADS: Final[dict[Jitter, Callable[[Random, float], float]]] = {
    Jitter.UNIFORM: _uniform,
    Jitter.NORMAL: _normal,
    Jitter.PARETO: _pareto,
}
