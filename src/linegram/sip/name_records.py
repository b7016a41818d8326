"""What DNS is asked and answers about SIP servers, and the order that NAPTR and SRV records give."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import groupby
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from linegram.sip.flow import TransportName


class RecordType(Enum):
    """What can be asked for."""

    NAPTR = "NAPTR"
    SRV = "SRV"
    A = "A"
    AAAA = "AAAA"


class Question(NamedTuple):
    """One look-up."""

    name: str
    record_type: RecordType


class NaptrRecord(NamedTuple):
    """By which service a domain is reached (RFC 3403)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class SrvRecord(NamedTuple):
    """Where a service lives (RFC 2782)."""

    priority: int
    weight: int
    port: int
    host: str


class Answer(NamedTuple):
    """What DNS said. No records and no `problem` means that there are none; `ttl_s` holds for that too."""

    records: tuple[NaptrRecord | SrvRecord | str, ...] = ()
    ttl_s: float = 0.0
    problem: str = ""


class Chance(Protocol):
    """The randomness that the order by weight needs."""

    def random(self) -> float:
        """A number in [0, 1)."""


SERVICE_PREFIXES: Final[Mapping[TransportName, str]] = MappingProxyType(
    {
        TransportName.TLS: "_sips._tcp",
        TransportName.UDP: "_sip._udp",
        TransportName.TCP: "_sip._tcp",
    }
)
"""SRV names, in the order in which we try services that DNS gives no order for."""

_NAPTR_SERVICES: Final[Mapping[str, TransportName]] = MappingProxyType(
    {"SIPS+D2T": TransportName.TLS, "SIP+D2U": TransportName.UDP, "SIP+D2T": TransportName.TCP}
)


def services_of(
    records: Iterable[object], wanted: frozenset[TransportName]
) -> list[tuple[TransportName, str]]:
    """Transport and SRV name of each NAPTR record that we can use, best first (RFC 3263 4.1)."""
    known = [record for record in records if isinstance(record, NaptrRecord)]
    known.sort(key=lambda record: (record.order, record.preference))
    usable = (
        (_NAPTR_SERVICES.get(record.service.upper()), record.replacement)
        for record in known
        if record.flags.lower() == "s" and record.replacement.strip(".")
    )
    return [(transport, name) for transport, name in usable if transport is not None and transport in wanted]


def groups_of(records: Iterable[object], chance: Chance) -> Iterator[list[SrvRecord]]:
    """Yield the SRV records of each priority, lowest first, in an order drawn by weight."""
    known = sorted(record for record in records if isinstance(record, SrvRecord))
    for _, group in groupby(known, key=lambda record: record.priority):
        yield _drawn(list(group), chance)


def is_refusal(records: Iterable[object]) -> bool:
    """Whether a domain says that it does not offer a service: a single SRV record for `.` (RFC 2782)."""
    known = [record for record in records if isinstance(record, SrvRecord)]
    return len(known) == 1 and not known[0].host.strip(".")


def _drawn(pool: list[SrvRecord], chance: Chance) -> list[SrvRecord]:
    """Draw one record after another, each by its share of the weight that is left (RFC 2782)."""
    drawn: list[SrvRecord] = []
    while pool:
        point = chance.random() * sum(record.weight for record in pool)
        for index, record in enumerate(pool):
            point -= record.weight
            if point < 0 or index == len(pool) - 1:
                drawn.append(pool.pop(index))
                break
    return drawn
