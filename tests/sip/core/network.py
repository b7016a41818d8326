"""A network and a clock in memory: packets get lost, doubled, overtaken; time jumps to the next happening."""

import heapq
import random
from collections.abc import Callable
from itertools import count
from typing import Protocol, TypeVar

from linegram.sip.account import AccountConfig, Target
from linegram.sip.context import EndpointConfig
from linegram.sip.endpoint import SipEndpoint
from linegram.sip.events import CallEnded, CallHandle, RegistrationChanged, SipEvent, TargetNeeded
from linegram.sip.flow import Flow, TransportName
from linegram.sip.message import Message, Request, Response, parse_datagram

Address = tuple[str, int]
E = TypeVar("E")


class Node(Protocol):
    """Something with an address."""

    def deliver(self, data: bytes, source: Address, now: float) -> None: ...

    def next_timer(self) -> float | None: ...

    def handle_timer(self, now: float) -> None: ...

    def take_outbound(self) -> list[tuple[Address, bytes]]: ...


class Network:
    """Carries datagrams between nodes in simulated time."""

    def __init__(
        self,
        *,
        seed: int = 1,
        loss: float = 0.0,
        doubled: float = 0.0,
        delay_s: tuple[float, float] = (0.001, 0.002),
    ) -> None:
        self.now = 1000.0
        self.loss = loss
        self.doubled = doubled
        self.delay_s = delay_s
        self.random = random.Random(seed)
        self.nodes: dict[Address, Node] = {}
        self.log: list[tuple[float, Address, Address, bytes]] = []
        self.drop_next: Callable[[bytes], bool] | None = None
        self._flying: list[tuple[float, int, Address, Address, bytes]] = []
        self._number = count()

    def run(self, seconds: float) -> None:
        """Let that much time pass, doing everything that falls due."""
        end = self.now + seconds
        self._flush()
        while (when := self._next()) is not None and when <= end:
            self.now = max(self.now, when)
            self._step()
        self.now = end

    def run_until(self, condition: Callable[[], bool], limit_s: float = 120.0) -> None:
        """Let time pass until something is true; fail if it never becomes so."""
        end = self.now + limit_s
        self._flush()
        while not condition():
            when = self._next()
            assert when is not None, "nothing more would ever happen"
            assert when <= end, f"not within {limit_s} s"
            self.now = max(self.now, when)
            self._step()

    def run_out(self) -> None:
        """Let time pass until nothing at all is planned any more."""
        self._flush()
        while (when := self._next()) is not None:
            self.now = max(self.now, when)
            self._step()

    def sent_by(self, source: Address) -> list[Message]:
        """Everything that a node sent, lost or not."""
        return [parse_datagram(data) for _, sender, _, data in self.log if sender == source and data.strip()]

    def _next(self) -> float | None:
        times = [timer for node in self.nodes.values() if (timer := node.next_timer()) is not None]
        if self._flying:
            times.append(self._flying[0][0])
        return min(times, default=None)

    def _step(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            _, _, source, destination, data = heapq.heappop(self._flying)
            node = self.nodes.get(destination)
            if node is not None:
                node.deliver(data, source, self.now)
        for node in self.nodes.values():
            timer = node.next_timer()
            if timer is not None and timer <= self.now:
                node.handle_timer(self.now)
        self._flush()

    def _flush(self) -> None:
        for address, node in self.nodes.items():
            for destination, data in node.take_outbound():
                self._carry(address, destination, data)

    def _carry(self, source: Address, destination: Address, data: bytes) -> None:
        self.log.append((self.now, source, destination, data))
        if self.drop_next is not None and self.drop_next(data):
            return
        copies = 2 if self.random.random() < self.doubled else 1
        for _ in range(copies):
            if self.random.random() >= self.loss:
                arrival = self.now + self.random.uniform(*self.delay_s)
                heapq.heappush(self._flying, (arrival, next(self._number), source, destination, data))


class EndpointNode:
    """Our endpoint at an address of the simulated network."""

    def __init__(
        self, network: Network, address: Address, *, seed: int = 7, config: EndpointConfig | None = None
    ) -> None:
        self.network = network
        self.address = address
        self.endpoint = SipEndpoint(
            config or EndpointConfig(local_places={TransportName.UDP: address}), random.Random(seed)
        )
        self.events: list[SipEvent] = []
        self.names: dict[str, tuple[Address, ...]] = {}
        network.nodes[address] = self

    def deliver(self, data: bytes, source: Address, now: float) -> None:
        if data.strip():
            self.endpoint.receive(parse_datagram(data), Flow(TransportName.UDP, *source), now)
        self.drain()

    def next_timer(self) -> float | None:
        return self.endpoint.next_timer()

    def handle_timer(self, now: float) -> None:
        self.endpoint.handle_timer(now)
        self.drain()

    def take_outbound(self) -> list[tuple[Address, bytes]]:
        self.drain()
        return [((flow.host, flow.port), data) for flow, data in self.endpoint.outbound()]

    def drain(self) -> None:
        """Collect events; resolve what has to be resolved at once."""
        while (event := self.endpoint.next_event()) is not None:
            if isinstance(event, TargetNeeded):
                self._resolve(event)
            else:
                self.events.append(event)

    def put(self, config: AccountConfig, *servers: Address) -> None:
        """Add an account whose server lives at these addresses."""
        self.names[str(config.account_id)] = servers
        self.endpoint.put_account(config, self.network.now)
        self.drain()

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind so far."""
        self.drain()
        return [event for event in self.events if isinstance(event, kind)]

    def only(self, kind: type[E]) -> E:
        """The one event of its kind."""
        found = self.of(kind)
        assert len(found) == 1, f"{kind.__name__}: {found} among {self.events}"
        return found[0]

    def has(self, kind: type[object]) -> bool:
        return bool(self.of(kind))

    def registration(self) -> RegistrationChanged:
        """The last word on the only account."""
        return self.of(RegistrationChanged)[-1]

    def ended(self, handle: CallHandle) -> CallEnded:
        """How a call ended, exactly once."""
        found = [event for event in self.of(CallEnded) if event.handle == handle]
        assert len(found) == 1, found
        return found[0]

    def _resolve(self, event: TargetNeeded) -> None:
        targets = tuple(
            Target(Flow(TransportName.UDP, *server), *self.address)
            for server in self.names.get(str(event.account_id), ())
        )
        self.endpoint.set_targets(event.account_id, targets, self.network.now)


class ScriptedNode:
    """A peer that does what a test says: keeps what it gets, answers with a function."""

    def __init__(
        self,
        network: Network,
        address: Address,
        script: "Callable[[Message, ScriptedNode], None] | None" = None,
    ) -> None:
        self.network = network
        self.address = address
        self.script = script
        self.received: list[Message] = []
        self.source: Address = address
        self._outbound: list[tuple[Address, bytes]] = []
        network.nodes[address] = self

    def deliver(self, data: bytes, source: Address, now: float) -> None:
        if not data.strip():
            return
        message = parse_datagram(data)
        self.source = source
        self.received.append(message)
        if self.script is not None:
            self.script(message, self)

    def next_timer(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None: ...

    def take_outbound(self) -> list[tuple[Address, bytes]]:
        taken, self._outbound = self._outbound, []
        return taken

    def send(self, message: Message | bytes, destination: Address) -> None:
        self._outbound.append((destination, bytes(message)))

    def reply(
        self,
        request: Request,
        status: int,
        *,
        tag: str = "far",
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> Response:
        """Answer a request to where it came from."""
        response = Response.make(request, status, to_tag=tag if status > 100 else None)
        if request.method == "INVITE" and 100 < status < 300 and not any(n == "Contact" for n, _ in headers):
            response.headers.add("Contact", f"<sip:far@{self.address[0]}:{self.address[1]}>")
        for name, value in headers:
            response.headers.add(name, value)
        if body:
            response.headers.add("Content-Type", "application/sdp")
            response.body = body
        self.send(response, self.source)
        return response

    def requests(self, method: str) -> list[Request]:
        return [m for m in self.received if isinstance(m, Request) and m.method == method]

    def responses(self, status: int) -> list[Response]:
        return [m for m in self.received if isinstance(m, Response) and m.status == status]
