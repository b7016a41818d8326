"""The branches of an outgoing INVITE: the dialog of each, early and confirmed, and its acknowledgements.

Early dialogs are kept where a reliable provisional response made one: its PRACK
belongs there (RFC 3262 section 4), and so does what the far end asks in it.
"""

from contextlib import suppress
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.sip.account import Account
from linegram.sip.acknowledgement import Acknowledgement, send_in_dialog
from linegram.sip.call_table import CallTable
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import Dialog
from linegram.sip.exchange import Exchange
from linegram.sip.message import Request, Response
from linegram.sip.reliable import OPTION, RAck, read_rseq
from linegram.sip.transaction import ServerTransaction

_MOST_EARLY: Final = 32


class Fork:
    """One branch: an early dialog that may become the call's."""

    __slots__ = ("_account", "_context", "_rseq", "ack", "dialog", "is_acknowledged")

    def __init__(self, context: EndpointContext, account: Account, dialog: Dialog) -> None:
        self._context = context
        self._account = account
        self._rseq: int | None = None
        self.dialog = dialog
        self.ack: Acknowledgement | None = None
        self.is_acknowledged = False

    def acknowledge(self, rseq: int, invite: Request, now: float) -> bool:
        """Send PRACK for the next reliable response; False for a repeated one, or one out of order."""
        if self._rseq is not None and rseq != self._rseq + 1:
            return False
        self._rseq = rseq
        request = self.dialog.make_request("PRACK")
        request.headers.add("RAck", str(RAck(rseq, invite.cseq)))
        send_in_dialog(self._context, self._account, self.dialog, request).start(now)
        return True

    def confirm(self, response: Response, invite: Request) -> None:
        """Take the 2xx: its target and route set count from now on (RFC 3261 13.2.2.4).

        Raises RemoteProtocolError if they cannot be used.
        """
        confirmed = Dialog.from_response(
            invite, response, account_id=self.dialog.account_id, flow=self.dialog.flow
        )
        confirmed.local_cseq = max(self.dialog.local_cseq, confirmed.local_cseq)
        confirmed.remote_cseq = self.dialog.remote_cseq
        self.dialog = confirmed
        self.ack = Acknowledgement(self._context, self._account, confirmed, invite)

    def receive(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """Answer a request inside the early dialog: signs of life are fine, other media are not yet."""
        status = self._status_for(request)
        response = self._context.make_response(request, status)
        if request.method == "UPDATE" and status == 200:
            with suppress(RemoteProtocolError):
                self.dialog.refresh_target(request)
            response.headers.add("Contact", self.dialog.contact)
        transaction.respond(response, now)

    def _status_for(self, request: Request) -> int:
        if not self.dialog.is_in_order(request):
            return 500
        match request.method:
            case "OPTIONS" | "INFO":
                return 200
            case "UPDATE":
                return 488 if request.body else 200
            case _:
                return 405

    def on_ack(self, ack: Request, now: float) -> None:
        """Nothing of an early dialog is acknowledged to us."""


class Forks:
    """All branches of one INVITE, by the tag of the far end."""

    __slots__ = ("_account", "_calls", "_context", "_forks")

    def __init__(self, context: EndpointContext, account: Account, calls: CallTable) -> None:
        self._context = context
        self._account = account
        self._calls = calls
        self._forks: dict[str, Fork] = {}

    def take_provisional(self, response: Response, exchange: Exchange, now: float) -> bool:
        """Acknowledge a reliable 101-199; False when it must be ignored: repeated, or out of order.

        One whose Contact cannot be used is not acknowledged, and ignored too.
        """
        rseq = read_rseq(response)
        if OPTION not in (option.lower() for option in response.headers.get_all("Require")) or rseq is None:
            return True
        try:
            fork = self._fork_of(response, exchange)
        except RemoteProtocolError:
            return False
        return fork is not None and fork.acknowledge(rseq, exchange.request, now)

    def confirm(self, response: Response, exchange: Exchange) -> Fork:
        """Return the branch that answered with this 2xx; the first 2xx of a branch makes its ACK.

        Raises RemoteProtocolError for a 2xx that cannot be acknowledged.
        """
        fork = self._forks.get(response.to.tag or "")
        if fork is None:
            fork = Fork(self._context, self._account, self._dialog_of(response, exchange))
            self._forks[response.to.tag or ""] = fork
        if fork.ack is None:
            fork.confirm(response, exchange.request)
        return fork

    def release(self) -> None:
        """Forget the early dialogs: the INVITE is decided."""
        for fork in self._forks.values():
            if self._calls.dialogs.get(fork.dialog.key) is fork:
                del self._calls.dialogs[fork.dialog.key]

    def _fork_of(self, response: Response, exchange: Exchange) -> Fork | None:
        tag = response.to.tag or ""
        fork = self._forks.get(tag)
        if fork is not None or not tag or len(self._forks) >= _MOST_EARLY:
            return fork
        fork = self._forks[tag] = Fork(self._context, self._account, self._dialog_of(response, exchange))
        self._calls.dialogs[fork.dialog.key] = fork
        return fork

    def _dialog_of(self, response: Response, exchange: Exchange) -> Dialog:
        return Dialog.from_response(
            exchange.request, response, account_id=self._account.account_id, flow=exchange.flow
        )
