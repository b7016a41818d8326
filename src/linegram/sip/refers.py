"""The REFERs of one established call, ours and theirs: at most one of each at a time."""

from linegram.errors import RemoteProtocolError
from linegram.sip.account import Account
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import Dialog
from linegram.sip.events import CallHandle, ReferEnded, ReferProgressed, ReferReceived
from linegram.sip.message import Request
from linegram.sip.refer import EVENT, SIPFRAG, IncomingRefer, OutgoingRefer, ReferReport, ReferRequest
from linegram.sip.transaction import ServerTransaction
from linegram.sip.uri import SipUri


class Refers:
    """What a call has asked its far end, and has been asked by it."""

    __slots__ = ("_account", "_context", "_dialog", "_handle", "_incoming", "_outgoing")

    def __init__(
        self, context: EndpointContext, account: Account, dialog: Dialog, handle: CallHandle
    ) -> None:
        self._context = context
        self._account = account
        self._dialog = dialog
        self._handle = handle
        self._outgoing: OutgoingRefer | None = None
        self._incoming: IncomingRefer | None = None

    def send(self, target: SipUri, now: float) -> bool:
        """Ask the far end to call `target`; False while an earlier REFER of ours is open."""
        if self._outgoing is not None:
            return False
        self._outgoing = OutgoingRefer(self._context, self._account, self._dialog, self)
        self._outgoing.start(target, now)
        return True

    def receive(self, transaction: ServerTransaction, now: float) -> None:
        """Pass a REFER of the far end up; a second one beside it is refused.

        Raises RemoteProtocolError for a REFER that asks for nothing that can be done.
        """
        asked = ReferRequest.of(transaction.request)
        if self._incoming is not None:
            transaction.respond(self._context.make_response(transaction.request, 491), now)
            return
        self._incoming = IncomingRefer(self._context, self._account, self._dialog, transaction)
        self._context.emit(ReferReceived(self._handle, asked.target, asked.replaces, asked.referred_by))

    def accept(self, now: float) -> None:
        """Take the far end's REFER; nothing if there is none that waits."""
        if self._incoming is not None and not self._incoming.is_open:
            self._incoming.accept(now)

    def reject(self, status: int, reason: str | None, now: float) -> None:
        """Refuse the far end's REFER; nothing if there is none that waits."""
        if self._incoming is not None and not self._incoming.is_open:
            self._incoming.reject(status, reason, now)
            self._incoming = None

    def report(self, status: int, reason: str | None, now: float) -> None:
        """Tell the far end how the call that it asked for goes."""
        if self._incoming is not None and self._incoming.is_open:
            self._incoming.report(status, reason, now)
            self._incoming = None if status >= 200 else self._incoming

    def on_notify(self, transaction: ServerTransaction, now: float) -> None:
        """Answer a NOTIFY: 481 when it is about nothing that we asked for (RFC 6665 4.1.3).

        Raises RemoteProtocolError for a notification that says nothing about our REFER.
        """
        notify = transaction.request
        if self._outgoing is None or not self._outgoing.is_meant_by(notify):
            transaction.respond(self._context.make_response(notify, _refusal_of(notify)), now)
            return
        self._outgoing.on_notify(notify)
        transaction.respond(self._context.make_response(notify, 200), now)

    def abandon(self, now: float) -> None:
        """Leave everything as it is: the call is over."""
        if self._outgoing is not None:
            self._outgoing.abandon()
            self._outgoing = None
        self.reject(487, None, now)

    def on_refer_progress(self, report: ReferReport) -> None:
        """Tell the application."""
        self._context.emit(ReferProgressed(self._handle, report.status, report.reason))

    def on_refer_ended(self, report: ReferReport) -> None:
        """Tell the application, once."""
        self._outgoing = None
        self._context.emit(
            ReferEnded(self._handle, report.status, report.reason, is_accepted=report.is_accepted)
        )


def _refusal_of(notify: Request) -> int:
    """The status for a NOTIFY that nobody waits for: that of a REFER may be late."""
    event = (notify.headers.get("Event") or "").partition(";")[0].strip().lower()
    if not event:
        raise RemoteProtocolError("event: exactly one expected")
    is_late = event == EVENT and (notify.content_type or "").startswith(SIPFRAG)
    return 481 if is_late else 489
