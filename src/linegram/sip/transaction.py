"""Runs one transaction by its table: sends, repeats, counts timers, reports to its user.

No rule of dialogs or calls lives here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol

from linegram.errors import UnexpectedEventError
from linegram.sip.flow import Flow
from linegram.sip.message import Request, Response
from linegram.sip.timers import Timer, TimerDurations, TimerHeap
from linegram.sip.transaction_requests import make_ack
from linegram.sip.transaction_tables import CLIENT, INVITE_CLIENT, Act, Input, Machine, Row, State

_UNRELIABLE_ONLY: Final = frozenset({Input.TIMER_A, Input.TIMER_E, Input.TIMER_G})
_ZERO_WHEN_RELIABLE: Final = frozenset({Input.TIMER_D, Input.TIMER_I, Input.TIMER_J, Input.TIMER_K})


class ClientUser(Protocol):
    """Who sent the request and waits for its answers (the TU of RFC 3261)."""

    def on_response(self, response: Response, now: float) -> None:
        """Take a provisional or final response; a 2xx to INVITE may come more than once."""

    def on_request_failed(self, reason: "RequestFailure", now: float) -> None:
        """Learn that no final response will come."""


class ServerUser(Protocol):
    """Who answers the request."""

    def on_ack(self, ack: Request, now: float) -> None:
        """Take an ACK for a 2xx that wrongly reuses the branch of its INVITE."""

    def on_cancel(self, now: float, reason_header: str) -> None:
        """Learn that the peer takes its INVITE back; it has been told 200."""

    def on_response_undelivered(self, now: float) -> None:
        """Learn that the final response was never confirmed, or could not be sent."""


class RequestFailure(Enum):
    """Why a request got no final response."""

    TIMEOUT = "timeout"
    TRANSPORT = "transport"


SendBytes = Callable[[Flow, bytes], None]


class TransactionGround:
    """What all transactions of one endpoint stand on."""

    __slots__ = ("durations", "forget", "send", "timers")

    def __init__(
        self,
        timers: TimerHeap,
        durations: TimerDurations,
        *,
        send: SendBytes,
        forget: "Callable[[Transaction], None]",
    ) -> None:
        self.timers = timers
        self.durations = durations
        self.send = send
        self.forget = forget


class Transaction(ABC):
    """What client and server transactions share: a state, a table, timers."""

    __slots__ = ("_interval_s", "_machine", "_running", "flow", "ground", "key", "request", "state", "wire")

    def __init__(
        self, ground: TransactionGround, machine: Machine, request: Request, *, flow: Flow, key: object
    ) -> None:
        self.ground = ground
        self.request = request
        self.flow = flow
        self.key = key
        self.state = machine.start.state
        self.wire = b""
        self._machine = machine
        self._interval_s = ground.durations.t1_s
        self._running: dict[Input, Timer] = {}

    def take(self, event: Input, now: float, response: Response | None = None) -> None:
        """Follow the row of the current state and `event`.

        Raises UnexpectedEventError where the table has no row; nothing changes then.
        """
        row = self._machine.rows.get((self.state, event))
        if row is None:
            raise UnexpectedEventError(self.state, event)
        self._running.pop(event, None)
        self._follow(row, now, response)

    def abandon(self) -> None:
        """End at once and silently."""
        self.state = State.TERMINATED
        self._stop_timers(kept=frozenset())
        self.ground.forget(self)

    def _follow(self, row: Row, now: float, response: Response | None) -> None:
        if row.state is not self.state:
            self.state = row.state
            self._stop_timers(kept=self._machine.timers_of[row.state])
        for timer in row.timers:
            self._start_timer(timer, now)
        for act in row.acts:
            self._perform(act, now, response)
        if self.state is State.TERMINATED:
            self.ground.forget(self)

    @abstractmethod
    def _perform(self, act: Act, now: float, response: Response | None) -> None:
        """Carry out one step of a row."""

    def _stop_timers(self, *, kept: frozenset[Input]) -> None:
        for name in [name for name in self._running if name not in kept]:
            self._running.pop(name).cancel()

    def _start_timer(self, name: Input, now: float) -> None:
        is_reliable = self.flow.transport.is_reliable
        if is_reliable and name in _UNRELIABLE_ONLY:
            return
        delay_s = 0.0 if is_reliable and name in _ZERO_WHEN_RELIABLE else self._delay_s(name)
        self._running[name] = self.ground.timers.schedule(now + delay_s, lambda at: self.take(name, at))

    def _delay_s(self, name: Input) -> float:
        durations = self.ground.durations
        match name:
            case Input.TIMER_A:
                return self._next_interval_s(limit_s=durations.transaction_s)
            case Input.TIMER_B:
                return durations.invite_silence_s
            case Input.TIMER_E if self.state is State.PROCEEDING:
                return durations.t2_s
            case Input.TIMER_E | Input.TIMER_G:
                return self._next_interval_s(limit_s=durations.t2_s)
            case Input.TIMER_D:
                return durations.wait_s
            case Input.TIMER_I | Input.TIMER_K:
                return durations.t4_s
            case _:
                return durations.transaction_s

    def _next_interval_s(self, *, limit_s: float) -> float:
        interval_s = min(self._interval_s, limit_s)
        self._interval_s = 2 * interval_s
        return interval_s


class ClientTransaction(Transaction):
    """A request of ours, until its final response and some time beyond."""

    __slots__ = ("user",)

    def __init__(
        self, ground: TransactionGround, request: Request, user: ClientUser, *, flow: Flow, key: object
    ) -> None:
        machine = INVITE_CLIENT if request.method == "INVITE" else CLIENT
        super().__init__(ground, machine, request, flow=flow, key=key)
        self.user = user

    def start(self, now: float) -> None:
        """Send the request and start its timers."""
        self.wire = bytes(self.request)
        self._follow(self._machine.start, now, None)

    def _perform(self, act: Act, now: float, response: Response | None) -> None:
        match act:
            case Act.SEND_REQUEST:
                self.ground.send(self.flow, self.wire)
            case Act.SEND_ACK if response is not None:
                self.ground.send(self.flow, bytes(make_ack(self.request, response)))
            case Act.HAND_UP_RESPONSE if response is not None:
                self.user.on_response(response, now)
            case Act.REPORT_TIMEOUT:
                self.user.on_request_failed(RequestFailure.TIMEOUT, now)
            case Act.REPORT_TRANSPORT_ERROR:
                self.user.on_request_failed(RequestFailure.TRANSPORT, now)
            case _:
                raise UnexpectedEventError(self.state, act)


class ServerTransaction(Transaction):
    """A request of a peer's, until our final response has certainly arrived."""

    __slots__ = ("pending_ack", "user")

    def __init__(
        self, ground: TransactionGround, machine: Machine, request: Request, *, flow: Flow, key: object
    ) -> None:
        super().__init__(ground, machine, request, flow=flow, key=key)
        self.user: ServerUser | None = None
        self.pending_ack: Request | None = None

    def respond(self, response: Response, now: float) -> None:
        """Send a response in the way the transaction's state demands."""
        self.take(input_of(response.status), now, response)

    def _perform(self, act: Act, now: float, response: Response | None) -> None:
        match act:
            case Act.SEND_RESPONSE if response is not None:
                self.wire = bytes(response)
                self.ground.send(self.flow, self.wire)
            case Act.REPEAT_RESPONSE:
                if self.wire:
                    self.ground.send(self.flow, self.wire)
            case Act.HAND_UP_ACK:
                if self.user is not None and self.pending_ack is not None:
                    self.user.on_ack(self.pending_ack, now)
            case Act.REPORT_TIMEOUT | Act.REPORT_TRANSPORT_ERROR:
                if self.user is not None:
                    self.user.on_response_undelivered(now)
            case _:
                raise UnexpectedEventError(self.state, act)


def input_of(status: int) -> Input:
    """The input that a response of this status is."""
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE
