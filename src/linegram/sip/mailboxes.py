"""Who has messages waiting: the watched mailboxes of all accounts, and what servers tell unasked."""

from linegram.sip.account import Account
from linegram.sip.context import EndpointContext
from linegram.sip.events import MessagesWaiting
from linegram.sip.message import Request
from linegram.sip.message_summary import CONTENT_TYPE, EVENT, MessageSummary
from linegram.sip.message_watch import MessageWatch, WatchState
from linegram.sip.transaction import ServerTransaction
from linegram.units import AccountId


class Mailboxes:
    """The subscriptions of one endpoint, at most one for each account."""

    def __init__(self, context: EndpointContext) -> None:
        self._context = context
        self._watches: dict[AccountId, MessageWatch] = {}
        self._leaving: list[MessageWatch] = []

    def watch(self, account: Account, now: float) -> None:
        """Subscribe to an account's mailbox; nothing if that is done already with these settings."""
        current = self._watches.get(account.account_id)
        if current is not None and current.account is account and current.state is not WatchState.OVER:
            return
        self.leave(account.account_id, now)
        watch = self._watches[account.account_id] = MessageWatch(self._context, account)
        watch.start(now)

    def leave(self, account_id: AccountId, now: float) -> None:
        """End an account's subscription."""
        watch = self._watches.pop(account_id, None)
        if watch is None:
            return
        watch.leave(now)
        self._leaving = [one for one in self._leaving if one.state is not WatchState.OVER]
        if watch.state is not WatchState.OVER:
            self._leaving.append(watch)

    def receive(self, transaction: ServerTransaction, account: Account | None, now: float) -> None:
        """Answer a NOTIFY outside calls: of a subscription of ours, or unasked for an account of ours.

        Raises RemoteProtocolError for a body that cannot be read.
        """
        notify = transaction.request
        watch = self._owner_of(notify, account)
        if _event_of(notify) != EVENT:
            self._respond(transaction, 489, now)
        elif account is None or (watch is None and notify.to.tag is not None):
            self._respond(transaction, 481, now)
        else:
            summary = _summary_of(notify)
            self._respond(transaction, 200, now)
            if watch is not None:
                watch.on_notify(notify, now)
            if summary is not None:
                self._context.emit(MessagesWaiting(account.account_id, summary))

    def _owner_of(self, notify: Request, account: Account | None) -> MessageWatch | None:
        watch = None if account is None else self._watches.get(account.account_id)
        if watch is not None and watch.owns(notify):
            return watch
        return next((one for one in self._leaving if one.owns(notify)), None)

    def _respond(self, transaction: ServerTransaction, status: int, now: float) -> None:
        transaction.respond(self._context.make_response(transaction.request, status), now)


def _event_of(notify: Request) -> str:
    return (notify.headers.get("Event") or "").partition(";")[0].strip().lower()


def _summary_of(notify: Request) -> MessageSummary | None:
    kind = (notify.content_type or "").partition(";")[0].strip().lower()
    return MessageSummary.parse(notify.body) if notify.body and kind == CONTENT_TYPE else None
