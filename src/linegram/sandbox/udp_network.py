"""A bad network with real UDP sockets, and NATs in it, between parties on one machine.

Every party has an inside address, its own socket, and an outside address, a
socket of the network; parties are told of each other's outside addresses only.
What a party sends to an outside address leaves from its own outside address
and arrives at the inside address behind the other one. A server (STUN, TURN,
reflector) is a party like any other.

Move it from a loop of your own by `poll`, or by a thread: `with network: ...`.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple, Self

from linegram.sandbox.network import PERFECT, ImpairedWay, Impairment

Address = tuple[str, int]
_LARGEST_DATAGRAM: Final = 65_535
_MOST_AT_ONCE: Final = 500
_BUFFER_BYTES: Final = 1 << 20
_LONGEST_NAP_S: Final = 0.02
_ROUTE_BYTES: Final = 4


class Nat(Enum):
    """Who reaches a party through its outside address (RFC 4787 sections 4.1 and 5)."""

    OPEN = "open"
    """Everybody: a public address, or a full-cone NAT."""

    FILTERED = "filtered"
    """Whom the party has sent to before: a port-restricted NAT."""

    SYMMETRIC = "symmetric"
    """The same, and each target sees another outside address of the party."""


class _Party:
    """A party's inside address, and the sockets that it has outside: by target where the NAT is symmetric."""

    def __init__(self, inside: Address, nat: Nat, way: ImpairedWay) -> None:
        self.inside = inside
        self.nat = nat
        self.way = way
        self.outside: dict[Address | None, socket.socket] = {}
        self.has_sent_to: set[tuple[socket.socket, Address]] = set()


class _Route(NamedTuple):
    """From where and to where a packet in the network goes; a packet carries its route's number."""

    source: socket.socket
    target: Address


class UdpNetwork:
    """Carries datagrams between parties. All methods may be called from any thread."""

    def __init__(
        self,
        ip: str,
        impairment: Impairment = PERFECT,
        *,
        seed: int = 1,
        nat: Nat = Nat.OPEN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; outside addresses are on `ip`. A stranger's first packet attaches it, behind `nat`."""
        self._ip = ip
        self._impairment = impairment
        self._seed = seed
        self._nat = nat
        self._clock = clock
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._parties: dict[Address, _Party] = {}
        self._owners: dict[socket.socket, _Party] = {}
        self._routes: list[_Route] = []
        self._route_numbers: dict[_Route, int] = {}
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self.filtered = 0

    def attach(self, inside: Address, nat: Nat | None = None) -> Address:
        """Give a party an outside address, and return the one that it has; safe to repeat."""
        with self._lock:
            party = self._parties.get(inside) or self._welcome(inside, nat or self._nat)
            return _address_of(self._socket_towards(party, None))

    def told(self, candidate: Address) -> Address:
        """Return what to tell the other party instead of an address: the outside one, if it is not that."""
        with self._lock:
            is_outside = any(_address_of(end) == candidate for end in self._owners)
            return candidate if is_outside else self.attach(candidate)

    def rebind(self, inside: Address) -> Address:
        """Have the party's NAT forget it: from now on it comes from another outside address.

        What is sent to the old ones is lost.
        """
        with self._lock:
            party = self._parties[inside]
            for old in party.outside.values():
                self._selector.unregister(old)
                del self._owners[old]
                old.close()
            party.outside.clear()
            party.has_sent_to.clear()
            return _address_of(self._socket_towards(party, None))

    def impair(self, impairment: Impairment, inside: Address | None = None) -> None:
        """Change the network from now on: for all, or for what one party sends."""
        with self._lock:
            if inside is not None:
                self._parties[inside].way.impairment = impairment
                return
            self._impairment = impairment
            for party in self._parties.values():
                party.way.impairment = impairment

    def way_from(self, inside: Address) -> ImpairedWay:
        """Return the way that a party's packets take, for its figures."""
        with self._lock:
            return self._parties[inside].way

    def poll(self, wait_s: float = 0.0) -> None:
        """Take in what was sent and give out what is due; wait for it so long at most."""
        events = self._selector.select(max(0.0, min(wait_s, self._next_wait_s())))
        with self._lock:
            now = self._clock()
            for key, _ in events:
                self._take_in(key.data, now)
            for party in list(self._parties.values()):
                for packet in party.way.due(now):
                    self._give_out(packet)

    def close(self) -> None:
        """Free all sockets; stops the thread. Safe to repeat."""
        self._is_closing = True
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            for one in self._owners:
                one.close()
            self._owners.clear()
            self._parties.clear()
            self._selector.close()

    def __enter__(self) -> Self:
        """Move packets in a thread from now on."""
        self._thread = threading.Thread(target=self._run, name="udp-network", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    # -- packets

    def _run(self) -> None:
        while not self._is_closing:
            self.poll(_LONGEST_NAP_S)

    def _next_wait_s(self) -> float:
        with self._lock:
            due = [at for party in self._parties.values() if (at := party.way.next_at()) is not None]
            return min(due) - self._clock() if due else _LONGEST_NAP_S

    def _take_in(self, end: socket.socket, now: float) -> None:
        for _ in range(_MOST_AT_ONCE):
            try:
                datagram, source = end.recvfrom(_LARGEST_DATAGRAM)
            except OSError:
                return  # nothing more; or the NAT forgot this socket, and what it held
            owner = self._owners.get(end)
            if owner is not None:
                sender = self._parties.get(source[:2]) or self._welcome(source[:2], self._nat)
                if (route := self._route(sender, owner, end)) is not None:
                    sender.way.send(route.to_bytes(_ROUTE_BYTES, "big") + datagram, now)

    def _route(self, sender: _Party, target: _Party, end: socket.socket) -> int | None:
        """Number the way from a party to what is behind `end`; None when the NAT there lets nothing pass."""
        outside = self._socket_towards(sender, _address_of(end))
        sender.has_sent_to.add((outside, _address_of(end)))
        if target.nat is not Nat.OPEN and (end, _address_of(outside)) not in target.has_sent_to:
            self.filtered += 1
            return None
        route = _Route(outside, target.inside)
        if route not in self._route_numbers:
            self._route_numbers[route] = len(self._routes)
            self._routes.append(route)
        return self._route_numbers[route]

    def _give_out(self, packet: bytes) -> None:
        source, target = self._routes[int.from_bytes(packet[:_ROUTE_BYTES], "big")]
        try:
            source.sendto(packet[_ROUTE_BYTES:], target)
        except OSError:
            return  # the NAT has moved on, or nobody listens: lost like any datagram

    # -- parties

    def _welcome(self, inside: Address, nat: Nat) -> _Party:
        way = ImpairedWay(self._impairment, seed=self._seed + len(self._parties))
        party = self._parties[inside] = _Party(inside, nat, way)
        return party

    def _socket_towards(self, party: _Party, target: Address | None) -> socket.socket:
        """Return the socket that a target sees the party at; with no target the one that is told of."""
        key = target if party.nat is Nat.SYMMETRIC else None
        if key not in party.outside:
            party.outside[key] = self._bind(party)
        return party.outside[key]

    def _bind(self, party: _Party) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._ip else socket.AF_INET
        end = socket.socket(family, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        end.setblocking(False)
        end.bind((self._ip, 0))
        self._owners[end] = party
        self._selector.register(end, selectors.EVENT_READ, end)
        return end


def _address_of(end: socket.socket) -> Address:
    name: tuple[str, int] = end.getsockname()[:2]
    return name
