"""From the name of a SIP server to the places to try (RFC 3263). It yields questions and asks nothing itself.

The shell drives `locate`: it sends the answers to each batch of questions in, until the search returns.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Final, NamedTuple

from linegram.sip.flow import TransportName, is_address
from linegram.sip.name_records import (
    SERVICE_PREFIXES,
    Answer,
    Chance,
    NaptrRecord,
    Question,
    RecordType,
    groups_of,
    is_refusal,
    services_of,
)

_FOREVER_S: Final = float("inf")
_MAX_PLACES: Final = 16
_SECURE: Final = frozenset({TransportName.TLS})
_ANY: Final = frozenset(TransportName)


class Wish(NamedTuple):
    """What is looked for. No `transport` means: whatever DNS says; a `port` means: ask for addresses only."""

    host: str
    port: int | None = None
    transport: TransportName | None = TransportName.UDP
    is_secure: bool = False

    @property
    def transports(self) -> frozenset[TransportName]:
        """What will do."""
        if self.is_secure:
            return _SECURE
        return _ANY if self.transport is None else frozenset({self.transport})

    @property
    def usual_transport(self) -> TransportName:
        """What to use where DNS does not say (RFC 3263 4.1)."""
        if self.is_secure:
            return TransportName.TLS
        return self.transport or TransportName.UDP


class Place(NamedTuple):
    """One address at which a server may be reached. Places of a lower `rank` are better ones.

    `server_name` is the name that was asked for, where a certificate must carry it (RFC 5922 4).
    """

    transport: TransportName
    host: str
    port: int
    server_name: str = ""
    rank: int = 0


class Located(NamedTuple):
    """The places in the order to try them, for how long that holds, and why there are none."""

    places: tuple[Place, ...] = ()
    valid_s: float = _FOREVER_S
    problem: str = ""


class _Rung(NamedTuple):
    """A host to try, and its rank."""

    transport: TransportName
    host: str
    port: int
    rank: int


Batch = tuple[Question, ...]
Replies = Sequence[Answer]
Search = Generator[Batch, Replies, Located]
_Rungs = Generator[Batch, Replies, list[_Rung]]


def locate(wish: Wish, kinds: Iterable[RecordType], chance: Chance) -> Search:
    """Look for a server; `kinds` are the address records of the kinds of IP that we speak."""
    notes = _Notes()
    if is_address(wish.host):
        place = _Rung(wish.usual_transport, wish.host, wish.port or wish.usual_transport.default_port, 0)
        return Located((_place(place, wish.host, wish.host),))
    if wish.port is not None:
        rungs = [_Rung(wish.usual_transport, wish.host, wish.port, 0)]
    else:
        rungs = yield from _find_rungs(wish, chance, notes)
    places = yield from _find_addresses(rungs[:_MAX_PLACES], wish, (tuple(kinds), notes))
    if not places:
        notes.absences.append(f"DNS has no address for {wish.host}")
    return Located(tuple(places), notes.valid_s, "" if places else notes.problem)


class _Notes:
    """What a search has met: for how long its answers hold, and what went wrong."""

    def __init__(self) -> None:
        self.valid_s = _FOREVER_S
        self.failures: list[str] = []
        self.absences: list[str] = []

    def take(self, answers: Iterable[Answer]) -> None:
        """Note a batch of answers."""
        for answer in answers:
            self.valid_s = min(self.valid_s, answer.ttl_s)
            if answer.problem:
                self.failures.append(answer.problem)

    @property
    def problem(self) -> str:
        """The first thing that went wrong; a failure of DNS says more than an absence."""
        return next(iter((*self.failures, *self.absences)), "")


def _find_rungs(wish: Wish, chance: Chance, notes: _Notes) -> _Rungs:
    """Ask for SRV records of each service that will do; without any, take the host itself (4.2)."""
    services = yield from _find_services(wish, notes)
    answers = yield tuple(Question(name, RecordType.SRV) for _, name in services)
    notes.take(answers)
    offered = [
        (transport, answer.records)
        for (transport, _), answer in zip(services, answers, strict=True)
        if answer.records and not is_refusal(answer.records)
    ]
    if not offered and any(is_refusal(answer.records) for answer in answers):
        notes.absences.append(f"{wish.host} says in DNS that it offers no SIP")
        return []
    if any(transport is TransportName.TLS for transport, _ in offered):
        # A server that failed its TLS checks must not be called in clear instead.
        offered = [one for one in offered if one[0] is TransportName.TLS]
    groups = [(transport, group) for transport, records in offered for group in groups_of(records, chance)]
    rungs = [
        _Rung(transport, record.host, record.port, rank)
        for rank, (transport, group) in enumerate(groups)
        for record in group
    ]
    transport = wish.usual_transport
    return rungs or [_Rung(transport, wish.host, transport.default_port, 0)]


def _find_services(wish: Wish, notes: _Notes) -> Generator[Batch, Replies, list[tuple[TransportName, str]]]:
    """Name the SRV records to ask for: those of the only transport that will do, else by NAPTR (4.1)."""
    usual = [
        (transport, f"{prefix}.{wish.host}")
        for transport, prefix in SERVICE_PREFIXES.items()
        if transport in wish.transports
    ]
    if len(usual) == 1:
        return usual
    (answer,) = yield (Question(wish.host, RecordType.NAPTR),)
    if any(isinstance(record, NaptrRecord) for record in answer.records):
        notes.take((answer,))
    return services_of(answer.records, wish.transports) or usual


def _find_addresses(
    rungs: Sequence[_Rung], wish: Wish, terms: tuple[tuple[RecordType, ...], _Notes]
) -> Generator[Batch, Replies, list[Place]]:
    """Ask for the addresses of every host; each place once, at its best rank."""
    kinds, notes = terms
    names = dict.fromkeys(rung.host for rung in rungs if not is_address(rung.host))
    questions = tuple(Question(name, kind) for name in names for kind in kinds)
    answers: Replies = (yield questions) if questions else ()
    notes.take(answers)
    found: dict[str, list[str]] = {}
    for question, answer in zip(questions, answers, strict=True):
        found.setdefault(question.name, []).extend(
            record for record in answer.records if isinstance(record, str)
        )
    places: dict[tuple[TransportName, str, int], Place] = {}
    for rung in rungs:
        for address in found.get(rung.host, () if rung.host in names else (rung.host,)):
            places.setdefault((rung.transport, address, rung.port), _place(rung, address, wish.host))
    return list(places.values())[:_MAX_PLACES]


def _place(rung: _Rung, address: str, name: str) -> Place:
    server_name = name if rung.transport is TransportName.TLS else ""
    return Place(rung.transport, address, rung.port, server_name, rung.rank)
