"""An incoming call until we answer it: 100, 180, 183, 200 or a refusal, and CANCEL (RFC 3261 9.2, 13.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from linegram.errors import UnexpectedEventError
from linegram.sip.account import Account
from linegram.sip.bodies import put_sdp, sdp_of
from linegram.sip.call_table import CallTable
from linegram.sip.caller_identity import identify_caller
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import Dialog
from linegram.sip.established_call import EstablishedCall
from linegram.sip.events import CallEnded, CallHandle, EndCause, InfoReceived, InviteReceived
from linegram.sip.headers import NameAddress
from linegram.sip.message import Request, Response
from linegram.sip.reliable import OPTION, ReliableResponses
from linegram.sip.timers import Timer
from linegram.sip.transaction import ServerTransaction

_REPEAT_PROVISIONAL_S: Final = 60.0


class ArrivalState(Enum):
    """Where an incoming INVITE stands."""

    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class ArrivalInput(Enum):
    """What can happen to it."""

    ANSWER = "answer"
    REJECT = "reject"
    CANCEL = "CANCEL"
    BYE = "BYE"
    UNDELIVERED = "undelivered"


class ArrivalStep(Enum):
    """What is done, in the order of the row."""

    ESTABLISH = "send 200 and establish the call"
    REFUSE = "send the refusal"
    TERMINATE = "send 487"
    REPORT_END = "report the end"
    RELEASE = "release the dialog"


@dataclass(frozen=True, slots=True)
class Row:
    """The new state and what to do."""

    state: ArrivalState
    steps: tuple[ArrivalStep, ...] = ()


_WITHDRAWN: Final = Row(
    ArrivalState.ENDED, (ArrivalStep.TERMINATE, ArrivalStep.REPORT_END, ArrivalStep.RELEASE)
)

TRANSITIONS: Final[Mapping[tuple[ArrivalState, ArrivalInput], Row]] = {
    (ArrivalState.RINGING, ArrivalInput.ANSWER): Row(ArrivalState.ANSWERED, (ArrivalStep.ESTABLISH,)),
    (ArrivalState.RINGING, ArrivalInput.REJECT): Row(
        ArrivalState.ENDED, (ArrivalStep.REFUSE, ArrivalStep.REPORT_END, ArrivalStep.RELEASE)
    ),
    (ArrivalState.RINGING, ArrivalInput.CANCEL): _WITHDRAWN,
    (ArrivalState.RINGING, ArrivalInput.BYE): _WITHDRAWN,
    (ArrivalState.RINGING, ArrivalInput.UNDELIVERED): Row(
        ArrivalState.ENDED, (ArrivalStep.REPORT_END, ArrivalStep.RELEASE)
    ),
    # RFC 3261 9.2: a CANCEL after the final response changes nothing.
    (ArrivalState.ANSWERED, ArrivalInput.CANCEL): Row(ArrivalState.ANSWERED),
    (ArrivalState.ANSWERED, ArrivalInput.UNDELIVERED): Row(ArrivalState.ANSWERED),
    (ArrivalState.ENDED, ArrivalInput.CANCEL): Row(ArrivalState.ENDED),
    (ArrivalState.ENDED, ArrivalInput.UNDELIVERED): Row(ArrivalState.ENDED),
}


class InviteServer:
    """One incoming INVITE, and the early dialog that our first 18x makes."""

    __slots__ = (
        "_account",
        "_calls",
        "_context",
        "_dialog",
        "_ending",
        "_established",
        "_handle",
        "_limit",
        "_reason_header",
        "_refusal",
        "_refusal_retry_after_s",
        "_reliable",
        "_sdp",
        "_tag",
        "_timer",
        "_transaction",
        "state",
    )

    def __init__(
        self, context: EndpointContext, calls: CallTable, account: Account, transaction: ServerTransaction
    ) -> None:
        self._context = context
        self._calls = calls
        self._account = account
        self._transaction = transaction
        self._handle = calls.new_handle()
        self._tag = context.new_token()
        self._dialog = Dialog.from_request(
            transaction.request,
            self._tag,
            account_id=account.account_id,
            flow=account.target.flow if account.target is not None else transaction.flow,
            contact=str(NameAddress("", account.contact_uri())),
        )
        self._ending = CallEnded(self._handle, EndCause.UNREACHABLE)
        self._established: EstablishedCall | None = None
        self._reason_header = ""
        self._refusal: tuple[int, str | None] = (500, None)
        self._refusal_retry_after_s: int | None = None
        self._reliable = ReliableResponses(context, transaction, self._on_never_acknowledged)
        self._sdp = b""
        self._timer: Timer | None = None
        self._limit: Timer | None = None
        self.state = ArrivalState.RINGING

    def start(self, now: float, replaced: CallHandle | None = None) -> None:
        """Send 100 at once and tell the application; `replaced` is the call whose place this one takes."""
        request = self._transaction.request
        sdp = sdp_of(request)
        self._transaction.user = self
        self._transaction.respond(self._context.make_response(request, 100), now)
        ring_limit_s = self._context.config.ring_limit_s
        self._limit = self._context.timers.schedule(now + ring_limit_s, self._on_ring_limit)
        self._calls.put(self._handle, self)
        self._calls.dialogs[self._dialog.key] = self
        self._context.emit(
            InviteReceived(
                self._handle,
                self._account.account_id,
                identify_caller(request.headers),
                request.to,
                sdp,
                request.call_id,
                replaced,
            )
        )

    def ring(self, now: float) -> None:
        """Send 180."""
        self._send_provisional(180, b"", now)

    def progress(self, sdp: bytes, now: float) -> None:
        """Send 183 with our SDP: early media."""
        self._send_provisional(183, sdp, now)

    def answer(self, sdp: bytes, now: float) -> None:
        """Send 200 until it is acknowledged."""
        self._sdp = sdp
        self._reliable.when_acknowledged(lambda at: self.take(ArrivalInput.ANSWER, at), now)

    def reject(
        self, status: int, reason: str | None, now: float, *, retry_after_s: int | None = None
    ) -> None:
        """Send a final refusal, 300-699; `retry_after_s` tells when to try again (20.33)."""
        self._refusal = (status, reason)
        self._refusal_retry_after_s = retry_after_s
        self._ending = CallEnded(self._handle, EndCause.LOCAL_REJECT, status, reason or "")
        self.take(ArrivalInput.REJECT, now)

    def _on_ring_limit(self, now: float) -> None:
        """Refuse a call that nobody has decided on."""
        self._refusal = (480, None)
        self._ending = CallEnded(self._handle, EndCause.TIMEOUT, 480)
        self.take(ArrivalInput.REJECT, now)

    def hang_up(self, now: float, reason_header: str = "") -> None:
        """Refuse with 480."""
        self._reason_header = reason_header
        self.reject(480, None, now)

    def take(self, happening: ArrivalInput, now: float) -> None:
        """Follow the row of the present state."""
        row = TRANSITIONS.get((self.state, happening))
        if row is None:
            raise UnexpectedEventError(self.state, happening)
        if row.state is not self.state:
            self._stop_timer()
            self._reliable.stop()
            if self._limit is not None:
                self._limit.cancel()
        self.state = row.state
        for step in row.steps:
            self._perform(step, now)

    def receive(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """Answer a request inside the early dialog."""
        if not self._dialog.is_in_order(request):
            self._respond(transaction, 500, now)
            return
        match request.method:
            case "BYE":
                self._respond(transaction, 200, now)
                self._ending = CallEnded(
                    self._handle, EndCause.REMOTE_BYE, reason_header=request.headers.get("Reason") or ""
                )
                self.take(ArrivalInput.BYE, now)
            case "INFO":
                self._respond(transaction, 200, now)
                self._context.emit(InfoReceived(self._handle, request.content_type or "", request.body))
            case "OPTIONS":
                self._respond(transaction, 200, now)
            case "PRACK":
                self._receive_prack(transaction, now)
            case "UPDATE" if not request.body:
                self._answer_update(transaction, now)
            case "INVITE" | "UPDATE":
                self._respond(transaction, 500, now)
            case _:
                self._respond(transaction, 405, now)

    def on_ack(self, ack: Request, now: float) -> None:
        """Hand an ACK that wrongly reuses the INVITE's branch to the established call."""
        if self._established is not None:
            self._established.on_ack(ack, now)

    def on_cancel(self, now: float, reason_header: str) -> None:
        """End the call if it still rings."""
        if self.state is ArrivalState.RINGING:
            self._ending = CallEnded(self._handle, EndCause.REMOTE_CANCEL, reason_header=reason_header)
        self.take(ArrivalInput.CANCEL, now)

    def on_response_undelivered(self, now: float) -> None:
        """End a ringing call whose connection broke; after a final response it is over anyway."""
        self.take(ArrivalInput.UNDELIVERED, now)

    def _perform(self, step: ArrivalStep, now: float) -> None:
        match step:
            case ArrivalStep.ESTABLISH:
                self._establish(now)
            case ArrivalStep.REFUSE:
                status, reason = self._refusal
                response = self._make_response(status, reason)
                if self._reason_header:
                    response.headers.add("Reason", self._reason_header)
                if self._refusal_retry_after_s is not None:
                    response.headers.add("Retry-After", str(self._refusal_retry_after_s))
                self._transaction.respond(response, now)
            case ArrivalStep.TERMINATE:
                self._transaction.respond(self._make_response(487), now)
            case ArrivalStep.REPORT_END:
                self._calls.end(self._ending)
            case ArrivalStep.RELEASE:
                self._calls.dialogs.pop(self._dialog.key, None)

    def _establish(self, now: float) -> None:
        response = self._make_response(200)
        put_sdp(response, self._sdp)
        call = EstablishedCall(
            self._context, self._calls, self._account, dialog=self._dialog, handle=self._handle
        )
        self._established = call
        call.await_ack(self._transaction, response, now)

    def _send_provisional(self, status: int, sdp: bytes, now: float) -> None:
        """Send it now, and every minute to say that we are still alive (13.3.1.1)."""
        if self.state is not ArrivalState.RINGING:
            return
        self._stop_timer()
        response = self._make_response(status)
        put_sdp(response, sdp)
        if self._must_be_reliable(has_sdp=bool(sdp)):
            self._reliable.send(response, now)
            sdp = b""
        else:
            self._transaction.respond(response, now)
        self._timer = self._context.timers.schedule(
            now + _REPEAT_PROVISIONAL_S, lambda at: self._send_provisional(status, sdp, at)
        )

    def _must_be_reliable(self, *, has_sdp: bool) -> bool:
        """Whether the caller insists, or could miss an answer that it can make sure of (RFC 3262 3)."""
        headers = self._transaction.request.headers
        required, supported = (
            OPTION in (option.lower() for option in headers.get_all(name))
            for name in ("Require", "Supported")
        )
        return required or (supported and has_sdp)

    def _receive_prack(self, transaction: ServerTransaction, now: float) -> None:
        """Answer a PRACK; an offer in it is refused, yet our response has arrived."""
        is_known = self._reliable.acknowledge(transaction.request, now)
        has_offer = bool(transaction.request.body)
        self._respond(transaction, (488 if has_offer else 200) if is_known else 481, now)

    def _answer_update(self, transaction: ServerTransaction, now: float) -> None:
        """Answer a sign of life, or a change of the caller's name."""
        self._dialog.refresh_target(transaction.request)
        response = self._context.make_response(transaction.request, 200)
        response.headers.add("Contact", self._dialog.contact)
        transaction.respond(response, now)

    def _on_never_acknowledged(self, now: float) -> None:
        """Refuse a call whose caller does not hear our responses (RFC 3262 3)."""
        self._refusal = (504, None)
        self._ending = CallEnded(self._handle, EndCause.NOT_ACKNOWLEDGED, 504)
        self.take(ArrivalInput.REJECT, now)

    def _make_response(self, status: int, reason: str | None = None) -> Response:
        response = self._context.make_response(self._transaction.request, status, reason, tag=self._tag)
        if status < 300:
            response.headers.add("Contact", self._dialog.contact)
        return response

    def _respond(self, transaction: ServerTransaction, status: int, now: float) -> None:
        transaction.respond(self._context.make_response(transaction.request, status), now)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
