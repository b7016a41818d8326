"""Provisional responses that must arrive: RSeq, RAck, and ours repeated until their PRACK (RFC 3262)."""

import re
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Self

from linegram.errors import RemoteProtocolError
from linegram.sip.context import EndpointContext
from linegram.sip.headers import CSeq
from linegram.sip.message import Request, Response
from linegram.sip.timers import Timer
from linegram.sip.transaction import ServerTransaction

OPTION: Final = "100rel"
_RACK: Final = re.compile(r"[ \t]*([0-9]{1,10})[ \t]+(.+)", re.DOTALL).fullmatch
_MOST_WAITING: Final = 8


class RAck(NamedTuple):
    """Which provisional response a PRACK is for (section 7.2)."""

    rseq: int
    cseq: CSeq

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the header's value. Raises RemoteProtocolError."""
        match = _RACK(text)
        if match is None:
            raise RemoteProtocolError("malformed RAck")
        return cls(int(match[1]), CSeq.parse(match[2]))

    def __str__(self) -> str:
        """Write the value as it stands after `RAck:`."""
        return f"{self.rseq} {self.cseq}"


def read_rseq(response: Response) -> int | None:
    """The number of a reliable provisional response, None when there is none that can be read."""
    text = (response.headers.get("RSeq") or "").strip()
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) <= 10 else None


class ReliableResponses:
    """Our reliable responses to one INVITE: one at a time, repeated until it is acknowledged (section 3)."""

    __slots__ = ("_context", "_deadline", "_interval_s", "_on_given_up", "_rseq", "_then", "_timer",
                 "_transaction", "_waiting")  # fmt: skip

    def __init__(
        self,
        context: EndpointContext,
        transaction: ServerTransaction,
        on_given_up: Callable[[float], None],
    ) -> None:
        """Prepare; `on_given_up` is called when no PRACK comes within 64*T1."""
        self._context = context
        self._transaction = transaction
        self._on_given_up = on_given_up
        self._rseq = 1 + context.random.getrandbits(30)
        self._waiting: deque[Response] = deque()
        self._then: Callable[[float], None] | None = None
        self._timer: Timer | None = None
        self._interval_s = 0.0
        self._deadline = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a PRACK is still awaited."""
        return bool(self._waiting)

    def send(self, response: Response, now: float) -> None:
        """Send a response now, or as soon as the ones before it are acknowledged."""
        if len(self._waiting) >= _MOST_WAITING:
            return
        response.headers.add("Require", OPTION)
        self._waiting.append(response)
        if len(self._waiting) == 1:
            self._begin(now)

    def when_acknowledged(self, then: Callable[[float], None], now: float) -> None:
        """Run `then` once nothing is open: an answer that was sent reliably must arrive before the 2xx."""
        if self._waiting:
            self._then = then
        else:
            then(now)

    def acknowledge(self, prack: Request, now: float) -> bool:
        """Take a PRACK; False when it is for nothing that is open. Raises RemoteProtocolError."""
        rack = RAck.parse(prack.headers.get("RAck") or "")
        if not self._waiting or rack != RAck(self._rseq, self._transaction.request.cseq):
            return False
        self._stop_timer()
        self._waiting.popleft()
        self._rseq += 1
        if self._waiting:
            self._begin(now)
        elif self._then is not None:
            then, self._then = self._then, None
            then(now)
        return True

    def stop(self) -> None:
        """Repeat nothing more: the INVITE is decided."""
        self._waiting.clear()
        self._then = None
        self._stop_timer()

    def _begin(self, now: float) -> None:
        self._waiting[0].headers.set("RSeq", str(self._rseq))
        self._interval_s = self._context.config.durations.t1_s
        self._deadline = now + self._context.config.durations.transaction_s
        self._repeat(now)

    def _repeat(self, now: float) -> None:
        self._timer = None
        if now >= self._deadline:
            self.stop()
            self._on_given_up(now)
            return
        self._transaction.respond(self._waiting[0], now)
        self._timer = self._context.timers.schedule(min(now + self._interval_s, self._deadline), self._repeat)
        self._interval_s *= 2

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
