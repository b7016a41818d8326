"""Changes of an established call's media: at most one of each side at a time (RFC 3261 14, RFC 3311)."""

from collections.abc import Callable

from linegram.sip.account import Account
from linegram.sip.bodies import answer_of, sdp_of
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import Dialog
from linegram.sip.events import CallHandle, ReofferAnswered, ReofferConfirmed, ReofferReceived, ReofferRefused
from linegram.sip.message import Request
from linegram.sip.reoffer import IncomingReoffer, OutgoingReoffer
from linegram.sip.session_refresh import SessionRefresh
from linegram.sip.session_timer import accept
from linegram.sip.transaction import ServerTransaction

OnLost = Callable[[int, str, float], None]


class Reoffers:
    """Re-INVITEs in both directions, and UPDATEs of the far end. `sdp` is what we last said."""

    __slots__ = ("_account", "_context", "_dialog", "_handle", "_incoming", "_is_caller", "_on_lost",
                 "_outgoing", "_session", "sdp")  # fmt: skip

    def __init__(
        self,
        context: EndpointContext,
        account: Account,
        dialog: Dialog,
        handle: CallHandle,
        *,
        session: SessionRefresh,
        on_lost: OnLost,
    ) -> None:
        self._context = context
        self._account = account
        self._dialog = dialog
        self._handle = handle
        self._session = session
        self._on_lost = on_lost
        self._is_caller = dialog.remote_cseq is None
        self._outgoing: OutgoingReoffer | None = None
        self._incoming: IncomingReoffer | None = None
        self.sdp = b""

    def send(self, sdp: bytes, now: float) -> bool:
        """Send a re-INVITE; False when one of either side's is under way (14.1)."""
        if self._outgoing is not None or self._incoming is not None:
            return False
        self.sdp = sdp
        self._outgoing = OutgoingReoffer(
            self._context, self._account, self._dialog, self, sdp=sdp, is_caller=self._is_caller
        )
        self._outgoing.start(now)
        return True

    def receive(self, transaction: ServerTransaction, now: float) -> None:
        """Pass a re-INVITE or an UPDATE with an offer up; an UPDATE without one is answered here.

        491 while ours is in flight, 500 while theirs is open (14.2). Raises RemoteProtocolError.
        """
        request = transaction.request
        sdp = sdp_of(request)
        accept(request)
        is_update = request.method == "UPDATE"
        if is_update and not sdp:
            self._answer_sign_of_life(transaction, now)
            return
        if self._outgoing is not None and self._outgoing.is_in_flight:
            transaction.respond(self._context.make_response(request, 491), now)
            return
        if self._incoming is not None:
            self.refuse_for_now(transaction, now)
            return
        self._dialog.refresh_target(request)
        if not is_update:
            transaction.respond(self._context.make_response(request, 100), now)
            transaction.user = self
        self._incoming = IncomingReoffer(self._context, self._dialog, transaction, self._session)
        self._context.emit(ReofferReceived(self._handle, sdp))

    def refuse_for_now(self, transaction: ServerTransaction, now: float) -> None:
        """Say 500 with a time to try again."""
        response = self._context.make_response(transaction.request, 500)
        response.headers.add("Retry-After", str(int(self._context.spread(0.0, 10.99))))
        transaction.respond(response, now)

    def answer(self, sdp: bytes, now: float) -> None:
        """Answer theirs, or make the offer that it asks for; nothing if it is gone."""
        reoffer = self._incoming
        if reoffer is None or reoffer.is_answered:
            return
        self.sdp = sdp
        reoffer.answer(sdp, now, on_lost=self._on_lost)
        if not reoffer.is_answered:  # an UPDATE needs no ACK
            self._incoming = None

    def reject(self, status: int, reason: str | None, now: float) -> None:
        """Decline theirs; nothing if it is gone."""
        reoffer = self._incoming
        if reoffer is not None and not reoffer.is_answered:
            self._incoming = None
            reoffer.reject(status, reason, now)

    def on_ack(self, ack: Request, now: float) -> None:  # noqa: ARG002 - the moment does not matter
        """Take the ACK for our answer."""
        if self._incoming is not None and self._incoming.is_acknowledged_by(ack):
            self._incoming.stop()
            self._incoming = None
            self._context.emit(ReofferConfirmed(self._handle, answer_of(ack)))

    def on_cancel(self, now: float, reason_header: str) -> None:  # noqa: ARG002 - the call goes on
        """Withdraw theirs if it is still unanswered (9.2)."""
        self.reject(487, None, now)

    def on_response_undelivered(self, now: float) -> None:  # noqa: ARG002 - at once or never
        """Forget theirs when its connection broke before our answer; a 2xx has its own watch."""
        if self._incoming is not None and not self._incoming.is_answered:
            self._incoming = None

    def abandon(self, now: float) -> None:
        """Leave everything as it is: the call is over."""
        if self._outgoing is not None:
            self._outgoing.abandon()
            self._outgoing = None
        self.reject(487, None, now)
        if self._incoming is not None:
            self._incoming.stop()

    # What `OutgoingReoffer` tells.

    @property
    def session(self) -> SessionRefresh:
        """The timer that a re-INVITE refreshes."""
        return self._session

    def on_reoffer_answered(self, sdp: bytes) -> None:
        """Tell the application that our offer was taken."""
        self._outgoing = None
        self._context.emit(ReofferAnswered(self._handle, sdp))

    def on_reoffer_refused(self, status: int, reason: str) -> None:
        """Tell the application that all stays as it was."""
        self._outgoing = None
        self._context.emit(ReofferRefused(self._handle, status, reason))

    def on_dialog_lost(self, status: int, reason: str, now: float) -> None:
        """Hand up that the far end does not know the call."""
        self._on_lost(status, reason, now)

    def _answer_sign_of_life(self, transaction: ServerTransaction, now: float) -> None:
        request = transaction.request
        self._dialog.refresh_target(request)
        response = self._context.make_response(request, 200)
        response.headers.add("Contact", self._dialog.contact)
        self._session.answer(request, response, now)
        transaction.respond(response, now)
