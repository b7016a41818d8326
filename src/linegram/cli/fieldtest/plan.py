"""Which calls a field test makes, in which order. Pure.

First what most calls of an office will be, both ways; then what is likelier to
fail. A test that is broken off has tried the important things.
"""

from collections.abc import Sequence
from enum import Enum
from itertools import chain, islice, zip_longest

import msgspec


class Way(Enum):
    """Who calls whom."""

    OUT = "linegram calls"
    IN = "telephone calls"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `versions` are offered, best first; without `is_p2p_allowed` only relays serve."""

    way: Way
    engine: str
    versions: tuple[str, ...]
    is_p2p_allowed: bool

    @property
    def key(self) -> str:
        """Name the trial: the same in every run, so that a broken-off test can go on."""
        return " | ".join((self.way.value, self.engine, self.offer, self.route))

    @property
    def offer(self) -> str:
        """Say which versions are offered."""
        return "/".join(version.partition(".")[0] for version in self.versions)

    @property
    def route(self) -> str:
        """Say which ways the sound may take."""
        return "any way" if self.is_p2p_allowed else "relays only"


def make_plan(engines: Sequence[str], versions: Sequence[str], *, calls_each_way: int) -> tuple[Trial, ...]:
    """Return the calls, at most so many each way, the ways in turn; `engines` begins with the usual one."""
    offers = [tuple(versions), *((version,) for version in versions if len(versions) > 1)]
    matrix = [
        *((engine, offers[0], is_p2p) for is_p2p in (True, False) for engine in engines),
        *((engines[0], offer, True) for offer in offers[1:]),
        *((engines[0], offer, False) for offer in offers[1:]),
    ]
    out, back = (
        list(islice((_trial(way, *point) for point in matrix), calls_each_way)) for way in (Way.OUT, Way.IN)
    )
    pairs = zip_longest(out, back)
    return tuple(trial for trial in chain.from_iterable(pairs) if trial is not None)


def _trial(way: Way, engine: str, versions: tuple[str, ...], is_p2p: bool) -> Trial:  # noqa: FBT001
    return Trial(way=way, engine=engine, versions=versions, is_p2p_allowed=is_p2p)
