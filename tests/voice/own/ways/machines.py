"""A machine whose addresses the test sets, and the ways of one call on it."""

import socket
from collections.abc import Callable
from random import Random

from linegram.voice.own.ice.stun import Address
from linegram.voice.own.relays.servers import ReflectorServer, Servers
from linegram.voice.own.ways.machine import MachineAddresses
from linegram.voice.own.ways.ways import Terms, Ways

DIRECT, RELAYS_ONLY = Terms(may_go_direct=True), Terms(may_go_direct=False)
TAG = bytes(16)


class Machine:
    """A machine whose addresses the test sets, and a call on it."""

    def __init__(self, ips: list[str], servers: Servers = Servers(), terms: Terms = DIRECT) -> None:  # noqa: B008
        self.ips = ips
        self.now = 100.0
        machine = MachineAddresses(lambda: self.ips)
        self.ways = Ways(servers, terms, machine, random=Random(1).random, now=self.now)

    def found(self) -> list[tuple[int | None, str, str]]:
        got = [(one.number, one.candidate.kind, one.candidate.address.ip) for one in self.ways.found]
        self.ways.found.clear()
        return got

    def lost(self) -> list[int]:
        got = list(self.ways.lost)
        self.ways.lost.clear()
        return got

    def later(self, seconds: float) -> None:
        self.now += seconds
        list(self.ways.received(self.now))
        self.ways.handle_timer(self.now)

    def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(100_000):
            if is_so():
                return
            self.later(0.0)
        raise AssertionError("it never was")


def server_at(opened: socket.socket, *, is_tcp: bool = False) -> Servers:
    return Servers(reflectors=(ReflectorServer((Address(*opened.getsockname()),), 1, TAG, is_tcp),))
