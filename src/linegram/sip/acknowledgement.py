"""The third step of an INVITE that succeeded: the ACK we send, and the 2xx we repeat until one comes."""

from collections.abc import Callable

from linegram.sip.account import Account
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import Dialog
from linegram.sip.exchange import Exchange
from linegram.sip.flow import Flow
from linegram.sip.message import Request, Response
from linegram.sip.timers import Timer
from linegram.sip.transaction import ServerTransaction
from linegram.sip.transaction_tables import State


class Acknowledgement:
    """The ACK for one 2xx: made once, sent again for each repetition of the 2xx (RFC 3261 13.2.2.4)."""

    __slots__ = ("_context", "_flow", "_wire")

    def __init__(self, context: EndpointContext, account: Account, dialog: Dialog, invite: Request) -> None:
        self._context = context
        self._flow: Flow = dialog.next_hop()
        ack = dialog.make_request("ACK", cseq=invite.cseq.number)
        ack.headers.prepend("Via", str(context.new_via(account, self._flow)))
        # RFC 3261 22.1: nobody can challenge an ACK, so it repeats the INVITE's credentials.
        for name in ("Authorization", "Proxy-Authorization"):
            for value in invite.headers.get_all(name):
                ack.headers.add(name, value)
        self._wire = bytes(ack)

    def send(self) -> None:
        """Send the ACK."""
        self._context.send(self._flow, self._wire)


class AnswerRepeater:
    """Sends a 2xx and repeats it, over any transport, until its ACK comes or 64*T1 pass (13.3.1.4)."""

    __slots__ = (
        "_context",
        "_deadline",
        "_interval_s",
        "_on_never_acked",
        "_response",
        "_timer",
        "_transaction",
    )

    def __init__(
        self,
        context: EndpointContext,
        transaction: ServerTransaction,
        response: Response,
        on_never_acked: Callable[[float], None],
    ) -> None:
        self._context = context
        self._transaction = transaction
        self._response = response
        self._on_never_acked = on_never_acked
        self._interval_s = context.config.durations.t1_s
        self._deadline = 0.0
        self._timer: Timer | None = None

    def start(self, now: float) -> None:
        """Send the 2xx for the first time."""
        self._deadline = now + self._context.config.durations.transaction_s
        self._transaction.respond(self._response, now)
        self._schedule(now)

    def stop(self) -> None:
        """Stop: the ACK came, or the call is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, now: float) -> None:
        wake_at = min(now + self._interval_s, self._deadline)
        self._timer = self._context.timers.schedule(wake_at, self._repeat)

    def _repeat(self, now: float) -> None:
        self._timer = None
        if now >= self._deadline:
            self._on_never_acked(now)
            return
        if self._transaction.state is State.ACCEPTED:
            self._transaction.respond(self._response, now)
        self._interval_s = min(2 * self._interval_s, self._context.config.durations.t2_s)
        self._schedule(now)


def send_in_dialog(context: EndpointContext, account: Account, dialog: Dialog, request: Request) -> Exchange:
    """Prepare a request inside a dialog; `start` sends it."""
    request.headers.add("User-Agent", context.config.user_agent)
    return Exchange(context, account, request, flow=dialog.next_hop(), next_cseq=dialog.next_cseq)


def send_bye(
    context: EndpointContext, account: Account, dialog: Dialog, now: float, *, reason_header: str = ""
) -> None:
    """End a dialog; whatever the answer, it is over for us (RFC 3261 15.1.1)."""
    request = dialog.make_request("BYE")
    if reason_header:
        request.headers.add("Reason", reason_header)
    send_in_dialog(context, account, dialog, request).start(now)
