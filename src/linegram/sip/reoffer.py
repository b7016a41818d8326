"""Changing the media of an established call: a re-INVITE of ours or of theirs (RFC 3261 section 14)."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from linegram.errors import RemoteProtocolError
from linegram.sip.account import Account
from linegram.sip.acknowledgement import Acknowledgement, AnswerRepeater, send_in_dialog
from linegram.sip.bodies import answer_of, put_sdp
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import Dialog
from linegram.sip.exchange import Exchange
from linegram.sip.message import Request, Response
from linegram.sip.session_refresh import SessionRefresh
from linegram.sip.timers import Timer
from linegram.sip.transaction import RequestFailure, ServerTransaction

_MAX_GLARES: Final = 4
_DIALOG_LOST: Final = frozenset({408, 481})


class ReofferListener(Protocol):
    """The call whose media changes."""

    @property
    def session(self) -> SessionRefresh:
        """The session timer, which every re-INVITE refreshes."""

    def on_reoffer_answered(self, sdp: bytes) -> None:
        """Our offer was taken."""

    def on_reoffer_refused(self, status: int, reason: str) -> None:
        """Our offer was declined; all stays as it was."""

    def on_dialog_lost(self, status: int, reason: str, now: float) -> None:
        """The far side does not know the call any more."""


class OutgoingReoffer:
    """A re-INVITE of ours, repeated after glare (14.1)."""

    __slots__ = (
        "_account",
        "_ack",
        "_context",
        "_dialog",
        "_exchange",
        "_glares",
        "_is_caller",
        "_is_open",
        "_limit",
        "_listener",
        "_sdp",
        "_timer",
    )

    def __init__(
        self,
        context: EndpointContext,
        account: Account,
        dialog: Dialog,
        listener: ReofferListener,
        *,
        sdp: bytes,
        is_caller: bool,
    ) -> None:
        self._context = context
        self._account = account
        self._dialog = dialog
        self._listener = listener
        self._sdp = sdp
        self._is_caller = is_caller
        self._glares = 0
        self._is_open = True
        self._ack: Acknowledgement | None = None
        self._exchange: Exchange | None = None
        self._timer: Timer | None = None
        self._limit: Timer | None = None

    @property
    def is_in_flight(self) -> bool:
        """Whether an INVITE of ours is unanswered, so that one of theirs gets 491."""
        return self._exchange is not None

    def start(self, now: float) -> None:
        """Send the re-INVITE."""
        self._timer = None
        request = self._dialog.make_request("INVITE")
        put_sdp(request, self._sdp)
        self._listener.session.ask(request)
        self._exchange = send_in_dialog(self._context, self._account, self._dialog, request)
        self._exchange.start(now, self._on_response, self._on_failed)
        limit_s = self._context.config.reoffer_limit_s
        self._limit = self._context.timers.schedule(now + limit_s, self._on_limit)

    def abandon(self) -> None:
        """Report nothing more; a 2xx that still comes is acknowledged all the same."""
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
        if self._exchange is not None:
            self._exchange.may_retry = False

    def _on_limit(self, now: float) -> None:  # noqa: ARG002 - the moment does not matter
        """Give up a re-INVITE that got nothing but provisional responses."""
        if self._exchange is not None and self._exchange.transaction is not None:
            self._exchange.transaction.abandon()
        self._exchange = None
        if self._is_open:
            self._is_open = False
            self._listener.on_reoffer_refused(408, "no final answer")

    def _close_exchange(self) -> None:
        self._exchange = None
        if self._limit is not None:
            self._limit.cancel()

    def _on_response(self, response: Response, now: float) -> None:
        if response.status < 200:
            return
        if response.status < 300:
            self._on_success(response, now)
            return
        self._close_exchange()
        if not self._is_open:
            return
        if response.status == 491 and self._glares < _MAX_GLARES:
            self._wait_out_glare(now)
            return
        self._is_open = False
        if response.status in _DIALOG_LOST:
            self._listener.on_dialog_lost(response.status, response.reason, now)
        else:
            self._listener.session.learn_refusal(response, now)
            self._listener.on_reoffer_refused(response.status, response.reason)

    def _on_success(self, response: Response, now: float) -> None:
        if self._ack is None and self._exchange is not None:
            with suppress(RemoteProtocolError):
                self._dialog.refresh_target(response)
            self._ack = Acknowledgement(self._context, self._account, self._dialog, self._exchange.request)
            self._close_exchange()
        if self._ack is not None:
            self._ack.send()
        if self._is_open:
            self._is_open = False
            self._listener.session.learn(response, now)
            self._listener.on_reoffer_answered(answer_of(response))

    def _wait_out_glare(self, now: float) -> None:
        """Try again after 2.1-4 s if we made the Call-ID, else after 0-2 s."""
        self._glares += 1
        low_s, high_s = (2.1, 4.0) if self._is_caller else (0.0, 2.0)
        self._timer = self._context.timers.schedule(now + self._context.spread(low_s, high_s), self.start)

    def _on_failed(self, reason: RequestFailure, now: float) -> None:
        self._close_exchange()
        if self._is_open:
            self._is_open = False
            self._listener.on_dialog_lost(0, reason.value, now)


class IncomingReoffer:
    """A re-INVITE of theirs until the ACK for our answer, or an UPDATE until our answer."""

    __slots__ = ("_context", "_dialog", "_repeater", "_session", "transaction")

    def __init__(
        self,
        context: EndpointContext,
        dialog: Dialog,
        transaction: ServerTransaction,
        session: SessionRefresh,
    ) -> None:
        self._context = context
        self._dialog = dialog
        self._session = session
        self._repeater: AnswerRepeater | None = None
        self.transaction = transaction

    @property
    def is_answered(self) -> bool:
        """Whether only the ACK is missing."""
        return self._repeater is not None

    def answer(self, sdp: bytes, now: float, *, on_lost: Callable[[int, str, float], None]) -> None:
        """Send our SDP in a 200; `on_lost` is called when the ACK that a re-INVITE needs never comes."""
        request = self.transaction.request
        response = self._context.make_response(request, 200)
        response.headers.add("Contact", self._dialog.contact)
        put_sdp(response, sdp)
        self._session.answer(request, response, now)
        if request.method == "UPDATE":
            self.transaction.respond(response, now)
            return
        self._repeater = AnswerRepeater(
            self._context, self.transaction, response, lambda at: on_lost(0, "re-INVITE not acknowledged", at)
        )
        self._repeater.start(now)

    def reject(self, status: int, reason: str | None, now: float) -> None:
        """Decline; the media stay as they were."""
        self.transaction.respond(self._context.make_response(self.transaction.request, status, reason), now)

    def is_acknowledged_by(self, ack: Request) -> bool:
        """Whether this ACK is the one that is missing."""
        return self.is_answered and ack.cseq.number == self.transaction.request.cseq.number

    def stop(self) -> None:
        """Repeat the answer no more."""
        if self._repeater is not None:
            self._repeater.stop()
