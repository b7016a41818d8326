"""What becomes of an incoming message: whose it is, and the answers that need no call (RFC 3261 8.2)."""

from typing import Final

import structlog

from linegram.errors import ProtocolError, RemoteProtocolError, UnexpectedEventError
from linegram.sip.account import Account
from linegram.sip.account_table import AccountTable
from linegram.sip.call_table import CallTable, DialogUser
from linegram.sip.context import SUPPORTED_OPTIONS, EndpointContext
from linegram.sip.dialog import dialog_key_of
from linegram.sip.flow import Flow
from linegram.sip.invite_server import InviteServer
from linegram.sip.mailboxes import Mailboxes
from linegram.sip.message import Request, Response
from linegram.sip.replaces import find_replaced
from linegram.sip.session_timer import LEAST_S, accept
from linegram.sip.transaction import ServerTransaction

_log = structlog.get_logger()

_KNOWN_METHODS: Final = frozenset(
    {"REGISTER", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH", "UPDATE", "PRACK"}
)


class Reception:
    """Sorts incoming messages."""

    def __init__(
        self, context: EndpointContext, accounts: AccountTable, calls: CallTable, mailboxes: Mailboxes
    ) -> None:
        self._context = context
        self._accounts = accounts
        self._calls = calls
        self._mailboxes = mailboxes

    def receive(self, message: Request | Response, source: Flow, now: float) -> None:
        """Act on a message; whatever the peer did wrong, nothing is raised."""
        try:
            if isinstance(message, Response):
                self._context.transactions.receive_response(message, now)
            else:
                self._receive_request(message, source, now)
        except (ProtocolError, UnexpectedEventError) as error:
            _log.info("sip_message_ignored", peer=source.host, error=str(error))

    def _receive_request(self, request: Request, source: Flow, now: float) -> None:
        _stamp_via(request, source)
        if self._context.transactions.absorb(request, now):
            return
        key = dialog_key_of(request)
        user = None if key is None else self._calls.dialogs.get(key)
        if request.method == "ACK":
            if user is not None:
                user.on_ack(request, now)
            return
        account = self._accounts.recipient(request, source)
        if user is None and account is None and not self._accounts.is_trusted(source.host):
            _log.debug("sip_request_dropped", peer=source.host, method=request.method)
            return
        if request.method == "CANCEL":
            self._receive_cancel(request, source, now)
            return
        is_merged = self._context.transactions.is_merged(request)
        transaction = self._context.transactions.accept(request, _answers_over(request, source))
        if is_merged:
            self._respond(transaction, 482, now)
            return
        try:
            self._dispatch(transaction, user, account, now)
        except RemoteProtocolError as error:
            self._refuse(transaction, error, now)

    def _dispatch(
        self, transaction: ServerTransaction, user: DialogUser | None, account: Account | None, now: float
    ) -> None:
        request = transaction.request
        required = request.headers.get_all("Require")
        unsupported = [option for option in required if option.lower() not in SUPPORTED_OPTIONS]
        if unsupported:
            response = self._context.make_response(request, 420)
            response.headers.add("Unsupported", ", ".join(unsupported))
            transaction.respond(response, now)
        elif user is not None:
            user.receive(transaction, request, now)
        elif request.method == "NOTIFY":
            self._mailboxes.receive(transaction, account, now)
        elif request.to.tag is not None or request.method in {"BYE", "INFO"}:
            self._respond(transaction, 481, now)
        elif request.method == "INVITE" and account is not None:
            accept(request)  # a session timer that is too short is refused before anything rings
            replaced = find_replaced(request, self._calls, account.account_id)
            InviteServer(self._context, self._calls, account, transaction).start(now, replaced)
        else:
            self._respond(transaction, _status_without_call(request), now)

    def _receive_cancel(self, cancel: Request, source: Flow, now: float) -> None:
        """Answer a CANCEL itself, then let the INVITE's user act (9.2)."""
        invite = self._context.transactions.invite_of_cancel(cancel)
        transaction = self._context.transactions.accept(cancel, _answers_over(cancel, source))
        if invite is None:
            self._respond(transaction, 481, now)
            return
        self._respond(transaction, 200, now)
        if invite.user is not None:
            invite.user.on_cancel(now, cancel.headers.get("Reason") or "")

    def _refuse(self, transaction: ServerTransaction, error: RemoteProtocolError, now: float) -> None:
        response = self._context.make_response(transaction.request, error.status_hint)
        if error.status_hint == 415:
            response.headers.add("Accept", "application/sdp")
        elif error.status_hint == 422:
            response.headers.add("Min-SE", str(LEAST_S))
        transaction.respond(response, now)

    def _respond(self, transaction: ServerTransaction, status: int, now: float) -> None:
        transaction.respond(self._context.make_response(transaction.request, status), now)


def _status_without_call(request: Request) -> int:
    """The answer to a request that belongs to no dialog and starts none."""
    if request.method == "OPTIONS":
        return 200
    if request.method == "INVITE":
        return 404
    return 405 if request.method in _KNOWN_METHODS else 501


def _stamp_via(request: Request, source: Flow) -> None:
    """Write where the request really came from into its top Via (RFC 3261 18.2.1, RFC 3581 4)."""
    via = request.via
    has_rport = via.parameter("rport") is not None
    if not has_rport and via.host == source.host:
        return
    via = via.with_parameter("received", source.host)
    if has_rport:
        via = via.with_parameter("rport", str(source.port))
    request.headers.remove_first("Via")
    request.headers.prepend("Via", str(via))


def _answers_over(request: Request, source: Flow) -> Flow:
    """Where responses go: back to the source if rport asks for it, else to the Via's port (RFC 3581 4)."""
    via = request.via
    if source.transport.is_reliable or via.parameter("rport") is not None:
        return source
    return source._replace(port=via.port or source.transport.default_port)
