"""Both ends' agents on a network with walls, losses and moves, in virtual time."""

from random import Random

from linegram.voice.own.ice.agent import Credentials, IceAgent
from linegram.voice.own.ice.candidate import Candidate, priority_of
from linegram.voice.own.ice.stun import Address

CALLER, CALLEE = Credentials("call", "p" * 24), Credentials("cale", "q" * 24)


class Net:
    """Both agents; `blocked` addresses take no datagram, `moved` ones appear elsewhere, `fates` lose some."""

    def __init__(self, locals_per_end: int = 1, fates: list[bool] | None = None) -> None:
        self.now = 0.0
        self.agents = (
            IceAgent(CALLER, is_controlling=True, random=Random(1).random),
            IceAgent(CALLEE, is_controlling=False, random=Random(2).random),
        )
        self.blocked: set[Address] = set()
        self.moved: dict[Address, Address] = {}
        self.fates = fates or []
        self.sent: list[Address] = []
        self.addresses: dict[Address, tuple[int, int]] = {}
        for side, agent in enumerate(self.agents):
            for number in range(locals_per_end):
                address = Address(f"192.0.2.{10 * side + number + 1}", 4000 + number)
                self.addresses[address] = (side, number)
                agent.add_local(number, Candidate(address, "host", priority_of("host", 65535 - number)))

    def introduce(self) -> None:
        self.agents[0].set_remote(CALLEE)
        self.agents[1].set_remote(CALLER)
        for address, (side, number) in self.addresses.items():
            candidate = Candidate(address, "host", priority_of("host", 65535 - number))
            self.agents[1 - side].add_remote(candidate)

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += 0.02
            for agent in self.agents:
                agent.handle_timer(self.now)
            for _ in range(4):
                for side in (0, 1):
                    self._carry(side)

    def _carry(self, side: int) -> None:
        while (datagram := self.agents[side].next_datagram()) is not None:
            self.sent.append(datagram.target)
            source = next(a for a, place in self.addresses.items() if place == (side, datagram.way))
            seen = self.moved.get(source, source)
            target = next((a for a, new in self.moved.items() if new == datagram.target), datagram.target)
            if target in self.moved and datagram.target == target:
                continue
            if target not in self.addresses or self.blocked & {source, target}:
                continue
            if self.fates and self.fates.pop():
                continue
            other, socket = self.addresses[target]
            self.agents[other].receive(socket, seen, datagram.payload, self.now)

    def paths(self) -> list[tuple[str, str] | None]:
        found: list[tuple[str, str] | None] = []
        for side, agent in enumerate(self.agents):
            if agent.path is None:
                found.append(None)
                continue
            own = next(a.ip for a, place in self.addresses.items() if place == (side, agent.path.way))
            found.append((own, agent.path.remote.address.ip))
        return found
