"""Asks DNS what a search for a server wants to know: through a cache, each question once at a time."""

import asyncio
import socket
from collections.abc import Collection, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Protocol

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver
import structlog

from linegram.sip.answer_cache import AnswerCache, CacheBounds
from linegram.sip.location import Located, Wish, locate
from linegram.sip.name_records import Answer, Chance, NaptrRecord, Question, RecordType, SrvRecord

_log = structlog.get_logger()

LOOK_UP_LIMIT_S: Final = 6.0
_TRY_LIMIT_S: Final = 2.0
_SYSTEM_TTL_S: Final = 60.0
_HOSTS_FILE: Final = Path("/etc/hosts")
_KINDS: Final = {socket.AF_INET: RecordType.A, socket.AF_INET6: RecordType.AAAA}
_FAMILIES: Final = {kind: family for family, kind in _KINDS.items()}


class Resolver(Protocol):
    """Finds the places of a server."""

    async def resolve(self, wish: Wish) -> Located:
        """Return the places in the order to try them, or why there are none. Raises nothing."""


class DnsResolver:
    """Finds servers by RFC 3263, with the hosts file, the given name servers or the system's."""

    def __init__(
        self,
        families: Collection[socket.AddressFamily],
        servers: Sequence[str],
        chance: Chance,
        bounds: CacheBounds | None = None,
    ) -> None:
        """`servers` are `address` or `address:port`; none means the system's name servers."""
        self._kinds = tuple(kind for family, kind in _KINDS.items() if family in families)
        self._chance = chance
        self._cache = AnswerCache(bounds or CacheBounds())
        self._under_way: dict[Question, asyncio.Task[Answer]] = {}
        self._has_own_servers = bool(servers)
        self._dns = _make_dns(servers)

    async def resolve(self, wish: Wish) -> Located:
        """Drive the search for a server."""
        search = locate(wish, self._kinds, self._chance)
        try:
            questions = next(search)
            while True:
                answers = await asyncio.gather(*(self._ask(question) for question in questions))
                questions = search.send(tuple(answers))
        except StopIteration as end:
            located: Located = end.value
            return located

    async def _ask(self, question: Question) -> Answer:
        now = asyncio.get_running_loop().time()
        known = self._cache.get(question, now)
        if known is not None:
            return known
        task = self._under_way.get(question)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._look_up(question), name="sip-dns")
            self._under_way[question] = task
            task.add_done_callback(lambda _: self._under_way.pop(question, None))
        return await asyncio.shield(task)

    async def _look_up(self, question: Question) -> Answer:
        answer = _from_hosts_file(question)
        if answer is None:
            answer = await self._query(question)
        if not answer.records and not self._has_own_servers:
            answer = await _from_system(question) or answer
        return self._cache.put(question, answer, asyncio.get_running_loop().time())

    async def _query(self, question: Question) -> Answer:
        """Ask a name server; whatever happens becomes an answer."""
        if self._dns is None:
            return Answer(problem="this machine has no name server configured")
        name, record_type = question.name, question.record_type.value
        try:
            found = await self._dns.resolve(name, record_type, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            responses: dict[Any, Any] = error.kwargs.get("responses") or {}
            return Answer(ttl_s=_nothing_ttl_s(next(iter(responses.values()), None)))
        except dns.resolver.NoNameservers:
            return Answer(problem=f"the name server failed when asked for {name}")
        except (dns.exception.Timeout, OSError):
            return Answer(problem=f"no name server answered when asked for {name}")
        except (dns.exception.DNSException, UnicodeError, ValueError) as error:
            return Answer(problem=f"{name} cannot be looked up: {error}")
        if found.rrset is None:
            return Answer(ttl_s=_nothing_ttl_s(found.response))
        return Answer(tuple(_record(question.record_type, data) for data in found.rrset), _ttl_s(found))


def _make_dns(servers: Sequence[str]) -> dns.asyncresolver.Resolver | None:
    try:
        resolver = dns.asyncresolver.Resolver(configure=not servers)
    except (dns.resolver.NoResolverConfiguration, OSError):
        return None
    if servers:
        places = [_address_and_port(server) for server in servers]
        resolver.nameservers = [address for address, _ in places]
        resolver.nameserver_ports = {address: port for address, port in places if port}
    resolver.timeout = _TRY_LIMIT_S
    resolver.lifetime = LOOK_UP_LIMIT_S
    resolver.use_search_by_default = True
    return resolver


def _address_and_port(server: str) -> tuple[str, int]:
    bare = server.strip("[]")
    try:
        return str(ip_address(bare)), 0
    except ValueError:
        address, _, port = server.rpartition(":")
        return str(ip_address(address.strip("[]"))), int(port)


def _record(kind: RecordType, data: Any) -> NaptrRecord | SrvRecord | str:
    match kind:
        case RecordType.NAPTR:
            flags, service = data.flags.decode("ascii", "replace"), data.service.decode("ascii", "replace")
            return NaptrRecord(data.order, data.preference, flags, service, _name(data.replacement))
        case RecordType.SRV:
            return SrvRecord(data.priority, data.weight, data.port, _name(data.target))
        case _:
            return str(data.address)


def _name(name: Any) -> str:
    return str(name.to_text(omit_final_dot=True))


def _ttl_s(found: dns.resolver.Answer) -> float:
    """How long an answer holds: the least TTL of its records and of the aliases that led there."""
    return float(found.chaining_result.minimum_ttl)


def _nothing_ttl_s(response: Any) -> float:
    """How long an absence holds: the smaller of the SOA's TTL and its minimum (RFC 2308 5)."""
    for rrset in () if response is None else response.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return float(min(rrset.ttl, rrset[0].minimum))
    return 0.0


def _from_hosts_file(question: Question) -> Answer | None:
    """Return what the hosts file says of a name; None if it does not know the name."""
    if question.record_type not in _FAMILIES:
        return None
    name = question.name.rstrip(".").lower()
    try:
        lines = _HOSTS_FILE.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    entries = [line.partition("#")[0].split() for line in lines]
    listed = [words[0] for words in entries if name in (word.lower() for word in words[1:])]
    if not listed:
        return None
    fitting = [one for one in listed if (":" in one) == (question.record_type is RecordType.AAAA)]
    return Answer(tuple(dict.fromkeys(fitting)), _SYSTEM_TTL_S)


async def _from_system(question: Question) -> Answer | None:
    """Ask the system where DNS knows nothing: it has other sources (mDNS, NSS). None if it knows nothing."""
    family = _FAMILIES.get(question.record_type)
    if family is None:
        return None
    try:
        async with asyncio.timeout(LOOK_UP_LIMIT_S):
            found = await asyncio.get_running_loop().getaddrinfo(
                question.name, 5060, family=family, type=socket.SOCK_STREAM
            )
    except (OSError, TimeoutError, UnicodeError):
        return None
    return Answer(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)), _SYSTEM_TTL_S)
