"""What all parts of one endpoint share: timers, transactions, the outbox, events, randomness."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from linegram.sip.account import Account
from linegram.sip.events import FlowFailed, SipEvent
from linegram.sip.flow import Flow, TransportName
from linegram.sip.headers import Via
from linegram.sip.message import Request, Response
from linegram.sip.timers import TimerDurations, TimerHeap
from linegram.sip.transaction import RequestFailure
from linegram.sip.transaction_layer import BRANCH_COOKIE, TransactionLayer

ALLOWED_METHODS: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REFER, NOTIFY, UPDATE, PRACK"
SUPPORTED_OPTIONS: Final = ("replaces", "timer", "100rel")
"""Option tags that a peer may require of us (RFC 3261 19.2)."""
_MAX_TROUBLES: Final = 256


class RandomSource(Protocol):
    """What of `random.Random` the core uses; `random.SystemRandom` in production, seeded in tests."""

    def random(self) -> float:
        """A number in [0, 1)."""

    def getrandbits(self, k: int, /) -> int:
        """`k` random bits."""


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """The settings of one endpoint, the same for all accounts.

    A server that is silent for `silence_s` is left for another one, if there is one, and rests for `rest_s`.
    """

    local_places: Mapping[TransportName, tuple[str, int]]
    user_agent: str = "Linegram"
    durations: TimerDurations = field(default_factory=TimerDurations)
    registers_per_s: float = 200.0
    retry_first_s: float = 4.0
    retry_limit_s: float = 300.0
    refused_retry_s: float = 1800.0
    silence_s: float = 6.0
    rest_s: float = 300.0
    pong_s: float = 10.0
    ring_limit_s: float = 300.0
    reoffer_limit_s: float = 60.0
    refer_limit_s: float = 180.0
    session_s: int = 1800
    trusted_hosts: frozenset[str] = frozenset()


class EndpointContext:
    """Shared ground; knows no rule of any part.

    `leave_place` is called with the flow of a place that a call found dead, so that the registration moves.
    """

    def __init__(self, config: EndpointConfig, random: RandomSource) -> None:
        self.config = config
        self.random = random
        self.timers = TimerHeap()
        self.outbox: deque[tuple[Flow, bytes]] = deque()
        self.events: deque[SipEvent] = deque()
        self.transactions = TransactionLayer(self.timers, config.durations, self.send)
        self._troubles: dict[Flow, str] = {}
        self.leave_place: Callable[[Account, Flow, float], None] = lambda _account, _flow, _now: None

    def send(self, flow: Flow, data: bytes) -> None:
        """Put bytes into the outbox."""
        self.outbox.append((flow, data))

    def emit(self, event: SipEvent) -> None:
        """Tell the application."""
        self.events.append(event)

    def fail_flow(self, flow: Flow, reason: str) -> None:
        """Have a connection dropped that is up but dead; UDP has none."""
        if flow.transport.is_reliable:
            self.emit(FlowFailed(flow, reason))

    def note_trouble(self, flow: Flow, reason: str) -> None:
        """Remember why a connection broke, for those who ask why their request failed."""
        self._troubles.pop(flow, None)
        self._troubles[flow] = reason
        if len(self._troubles) > _MAX_TROUBLES:
            del self._troubles[next(iter(self._troubles))]

    def explain(self, failure: RequestFailure, flow: Flow) -> str:
        """Say why a request over this flow got no answer."""
        usual = str(failure.value)
        return usual if failure is RequestFailure.TIMEOUT else self._troubles.get(flow, usual)

    def new_token(self) -> str:
        """A fresh unguessable word: tags, Call-IDs, client nonces."""
        return f"{self.random.getrandbits(64):016x}"

    def spread(self, low: float, high: float) -> float:
        """A random number between two bounds."""
        return low + (high - low) * self.random.random()

    def new_via(self, account: Account, flow: Flow) -> Via:
        """The Via of a request of ours over `flow`, with a fresh branch and asking for rport (RFC 3581 3)."""
        target = account.places.of(flow)
        if target is not None and (flow.transport is target.flow.transport or flow.host == target.flow.host):
            host, port = target.local_host, target.local_port
        else:
            host, port = self.config.local_places[flow.transport]
        branch = BRANCH_COOKIE + self.new_token()
        return Via(flow.transport.via_name, host, port, (("rport", None), ("branch", branch)))

    def make_response(
        self, request: Request, status: int, reason: str | None = None, *, tag: str = ""
    ) -> Response:
        """A response of ours; from 101 on it carries a To tag, a fresh one if none is given."""
        if status == 100:
            return Response.make(request, status, reason)
        to_tag = None if request.to.tag is not None else (tag or self.new_token())
        response = Response.make(request, status, reason, to_tag=to_tag)
        response.headers.add("Server", self.config.user_agent)
        if status in {200, 405}:
            response.headers.add("Allow", ALLOWED_METHODS)
            response.headers.add("Supported", ", ".join(SUPPORTED_OPTIONS))
        return response
