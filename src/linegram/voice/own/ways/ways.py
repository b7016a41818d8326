"""All ways of one call, numbered: opens them, and says which are new and which are lost."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

import structlog

from linegram.voice.own.ice.candidate import Candidate
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.relays.servers import ReflectorServer, Servers, TurnServer
from linegram.voice.own.ways.direct import DirectWay
from linegram.voice.own.ways.keeper import RelayKeeper
from linegram.voice.own.ways.machine import MachineAddresses
from linegram.voice.own.ways.relayed import ReflectorWay, TurnWay
from linegram.voice.own.ways.way import Way

log = structlog.get_logger()

DOUBT_S: Final = 3.0
"""A far end unheard for so long has lost two checks: one of us may have come to another address."""

_HIGHEST_PREFERENCE: Final = 0xFFFF
_REFLECTOR_OVER_UDP, _REFLECTOR_OVER_TCP = 0x8000, 0x4000
"""Local preferences: TURN sends without naming both ends in every packet, TCP waits for what was lost."""


class Found(NamedTuple):
    """A way that opened, or (`number` is None) one more address that an open way is known by."""

    number: int | None
    candidate: Candidate
    relay: Address | None = None


class Terms(NamedTuple):
    """What a call allows; `fixed_tag` is our tag at all reflectors, 0 when we draw one for each."""

    may_go_direct: bool
    fixed_tag: int = 0


class Ways:
    """Sockets on the machine's addresses if the call may go direct, and ends at the call's relays."""

    def __init__(
        self,
        servers: Servers,
        terms: Terms,
        machine: MachineAddresses,
        *,
        random: Callable[[], float],
        now: float,
    ) -> None:
        """Open what can be opened at once; `random` gives numbers from 0.0 up to 1.0."""
        self.found: deque[Found] = deque()
        self.lost: deque[int] = deque()
        self._servers = servers
        self._terms = terms
        self._machine = machine
        self._random = random
        self._direct: dict[str, DirectWay] = {}
        self._numbered: dict[int, Way] = {}
        self._locals: dict[Way, tuple[int, Candidate]] = {}
        self._seen: set[Address] = set()
        self._next_number = 0
        self._looked_at = now
        self._keepers = [RelayKeeper(make, now) for make in self._relay_makers()]
        self._ips = machine.ips(now)
        self._follow_machine(now)
        self._note_changes()

    @property
    def is_hopeless(self) -> bool:
        """There is no way, and there will be none."""
        return not self._direct and all(keeper.is_hopeless for keeper in self._keepers)

    def troubles(self) -> list[str]:
        """Say in sentences which servers are of no use now, and why."""
        found = [keeper.why for keeper in self._keepers] + [way.why for way in self._direct.values()]
        return [*self._servers.faults, *filter(None, found)]

    def send(self, number: int, target: Address, payload: bytes, now: float) -> None:
        """Send by a way; by a way that was lost nothing goes."""
        way = self._numbered.get(number)
        if way is not None:
            way.send(target, payload, now)

    def received(self, now: float, only: int | None = None) -> Iterator[tuple[int, Address, bytes]]:
        """Give what the far end sent, or only what came by one way; not more than a tick can bear."""
        if only is None:
            self._hear_unopened(now)
        for number in list(self._numbered) if only is None else (only,):
            way = self._numbered.get(number)
            if way is not None:
                for source, payload in way.received(now):
                    yield number, source, payload

    def handle_timer(self, now: float) -> None:
        """Keep relays alive, follow the machine's addresses, and note what has opened or is lost."""
        for way in self._all():
            way.handle_timer(now)
        for keeper in self._keepers:
            keeper.handle_timer(now)
        self._look_around(now)

    def doubt(self, now: float) -> None:
        """Find out how we are seen from outside, now and then while the far end is not heard."""
        if now - self._looked_at >= DOUBT_S:
            self._look_again(now)

    def close(self, now: float) -> None:
        """Leave all relays and free all ports."""
        for way in self._direct.values():
            way.close(now)
        for keeper in self._keepers:
            keeper.close(now)
        self._numbered.clear()
        self._direct.clear()
        self._keepers.clear()

    # -- what there is

    def _all(self) -> list[Way]:
        relayed = [keeper.way for keeper in self._keepers if keeper.way is not None]
        return [*self._direct.values(), *relayed]

    def _hear_unopened(self, now: float) -> None:
        """Let relays that have not opened yet hear their servers; nobody sends through them."""
        for way in self._all():
            if way not in self._locals:
                way.received(now)

    def _relay_makers(self) -> list[Callable[[float], Way]]:
        turn = [partial(self._make_turn, one, number) for number, one in enumerate(self._servers.turn)]
        reflectors = [
            partial(self._make_reflector, one, number)
            for number, one in enumerate(self._servers.reflectors)
            if not (self._terms.fixed_tag and one.is_tcp and self._is_also_over_udp(one))
        ]
        return [*turn, *reflectors]

    def _is_also_over_udp(self, server: ReflectorServer) -> bool:
        """Two ends with one fixed tag at one reflector would take each other's packets."""
        return any(one.number == server.number and not one.is_tcp for one in self._servers.reflectors)

    def _make_turn(self, server: TurnServer, number: int, now: float) -> Way:
        return TurnWay(
            server,
            _HIGHEST_PREFERENCE - number,
            self._random,
            now,
            may_tell_mapped=self._terms.may_go_direct,
        )

    def _make_reflector(self, server: ReflectorServer, number: int, now: float) -> Way:
        tag = self._terms.fixed_tag or 1 + int(self._random() * 0xFFFF_FFFE)
        highest = _REFLECTOR_OVER_TCP if server.is_tcp else _REFLECTOR_OVER_UDP
        return ReflectorWay(server, highest - number, tag=tag, now=now)

    # -- what has changed

    def _look_around(self, now: float) -> None:
        ips = self._machine.ips(now)
        if ips != self._ips:
            self._ips = ips
            self._follow_machine(now)
            self._look_again(now)
        self._note_changes()

    def _follow_machine(self, now: float) -> None:
        """Open a socket on each new address, close those whose address has gone."""
        for ip in self._direct.keys() - set(self._ips):
            self._direct.pop(ip).close(now)
        if self._terms.may_go_direct:
            for number, ip in enumerate(self._ips):
                self._open_direct(ip, _HIGHEST_PREFERENCE - number, now)

    def _look_again(self, now: float) -> None:
        self._looked_at = now
        for way in self._all():
            way.look_again(now)

    def _open_direct(self, ip: str, preference: int, now: float) -> None:
        if ip in self._direct:
            return
        try:
            self._direct[ip] = DirectWay(
                ip, preference, stun_servers=self._servers.stun, random=self._random, now=now
            )
        except OSError as error:
            log.info("voice_socket_refused", ip=ip, reason=error.strerror)

    def _note_changes(self) -> None:
        """Number what has opened, and take the number from what has gone or is another one now."""
        ways = self._all()
        for way, (number, candidate) in list(self._locals.items()):
            if way not in ways or way.local != candidate:
                del self._locals[way], self._numbered[number]
                self.lost.append(number)
        for way in ways:
            if way.local is not None and way not in self._locals:
                self._number(way, way.local)
            for candidate in way.seen:
                self._note_seen(candidate)

    def _number(self, way: Way, candidate: Candidate) -> None:
        number = self._next_number
        self._next_number += 1
        self._numbered[number] = way
        self._locals[way] = (number, candidate)
        self.found.append(Found(number, candidate, way.relay))

    def _note_seen(self, candidate: Candidate) -> None:
        if candidate.address not in self._seen:
            self._seen.add(candidate.address)
            self.found.append(Found(None, candidate))
