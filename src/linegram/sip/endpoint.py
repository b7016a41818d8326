"""The SIP side of a worker, without IO: messages and time go in, bytes and events come out.

The shell calls `receive`, `handle_timer` and the commands, then sends what
`outbound` yields, re-arms one timer by `next_timer`, and drains `next_event`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, TypeVar

from linegram.errors import LocalProtocolError
from linegram.sip.account import Account, AccountConfig, Target
from linegram.sip.account_table import AccountTable, Found
from linegram.sip.acknowledgement import send_bye
from linegram.sip.call_table import CallTable
from linegram.sip.context import EndpointConfig, EndpointContext, RandomSource
from linegram.sip.dialog import Dialog
from linegram.sip.doorman import Doorman
from linegram.sip.established_call import EstablishedCall
from linegram.sip.events import CallHandle, SipEvent
from linegram.sip.flow import Flow, TransportName
from linegram.sip.invite_client import InviteClient
from linegram.sip.invite_server import InviteServer
from linegram.sip.mailboxes import Mailboxes
from linegram.sip.message import Request, Response
from linegram.sip.reception import Reception
from linegram.sip.replaces import Replaces
from linegram.sip.uri import SipUri
from linegram.units import AccountId

Part = TypeVar("Part", InviteServer, EstablishedCall)


class Census(NamedTuple):
    """How many accounts, calls and transactions an endpoint holds."""

    accounts: int
    calls: int
    transactions: int


class SipEndpoint:
    """Many accounts and their calls on one set of sockets."""

    def __init__(self, config: EndpointConfig, random: RandomSource) -> None:
        self._context = EndpointContext(config, random)
        self._accounts = AccountTable(self._context)
        self._calls = CallTable(self._context)
        self._mailboxes = Mailboxes(self._context)
        self._reception = Reception(self._context, self._accounts, self._calls, self._mailboxes)
        self._doorman = Doorman(
            self._accounts.is_trusted, self._accounts.has_token, self._context.transactions.has_branch
        )

    # The shell's side.

    def receive(self, message: Request | Response, flow: Flow, now: float) -> None:
        """Take one parsed message; `flow` is where it came from. Raises nothing for a peer's faults."""
        self._reception.receive(message, flow, now)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._context.timers.fire_due(now)

    def next_timer(self) -> float | None:
        """When `handle_timer` is wanted next."""
        return self._context.timers.next_deadline()

    def outbound(self) -> Iterator[tuple[Flow, bytes]]:
        """Take out the bytes to send, oldest first."""
        outbox = self._context.outbox
        while outbox:
            yield outbox.popleft()

    def next_event(self) -> SipEvent | None:
        """Take out the oldest event."""
        return self._context.events.popleft() if self._context.events else None

    def admits(self, data: bytes, host: str) -> bool:
        """Whether a message from this address deserves to be parsed; the others are counted in `refused`."""
        return self._doorman.admits(data, host)

    @property
    def refused(self) -> int:
        """How many messages of strangers were not admitted."""
        return self._doorman.refused

    def receive_pong(self, flow: Flow, now: float) -> None:
        """Learn that a keep-alive was answered."""
        self._accounts.keep_alives.receive_pong(flow, now)

    def lose_flow(self, flow: Flow, now: float, reason: str = "") -> None:
        """Learn that a connection broke or could not be opened, and why."""
        if reason:
            self._context.note_trouble(flow, reason)
        self._context.transactions.lose_flow(flow, now)
        self._accounts.lose_flow(flow, now)

    @property
    def is_idle(self) -> bool:
        """Whether nothing would be cut short: no call, no removal at a registrar, no unanswered request."""
        return not (
            len(self._calls)
            or self._calls.dialogs  # a BYE may still wait for the ACK of our 2xx
            or self._accounts.has_leavers
            or self._context.transactions.has_open_requests
        )

    def census(self) -> Census:
        """How much there is of everything."""
        return Census(len(self._accounts), len(self._calls), len(self._context.transactions))

    # Accounts.

    def put_account(self, config: AccountConfig, now: float) -> None:
        """Add or change an account; it registers as soon as its target is known (`TargetNeeded`)."""
        self._accounts.put(config, now)

    def set_targets(
        self,
        account_id: AccountId,
        targets: tuple[Target, ...],
        now: float,
        *,
        valid_s: float = float("inf"),
        problem: str = "",
    ) -> None:
        """Answer a `TargetNeeded`; no targets mean that the server is not found, for the reason `problem`."""
        self._accounts.set_targets(account_id, targets, now, Found(valid_s, problem))

    def local_host(self, account_id: AccountId) -> str | None:
        """Our own address as the account's server sees the way to it; None while that is unknown."""
        account = self._accounts.get(account_id)
        return None if account is None or account.target is None else account.target.local_host

    def renew_registration(self, account_id: AccountId, now: float) -> None:
        """Register at once, for example because a person asked for it."""
        self._accounts.renew(account_id, now)

    def drop_account(self, account_id: AccountId, now: float) -> None:
        """Remove an account and its binding. Its calls go on."""
        self._mailboxes.leave(account_id, now)
        self._accounts.drop(account_id, now)

    def stop(self, now: float) -> None:
        """Hang up every call and remove every binding; `is_idle` tells when that is done."""
        for handle in self._calls.handles():
            self.hang_up(handle, now)
        for account_id in self._accounts.ids():
            self.drop_account(account_id, now)

    def watch_mailbox(self, account_id: AccountId, now: float) -> None:
        """Subscribe to an account's mailbox (`MessagesWaiting`); harmless when that is done already."""
        if (account := self._accounts.get(account_id)) is not None:
            self._mailboxes.watch(account, now)

    def leave_mailbox(self, account_id: AccountId, now: float) -> None:
        """End the subscription of `watch_mailbox`."""
        self._mailboxes.leave(account_id, now)

    # Calls.

    def invite(
        self,
        account_id: AccountId,
        target: SipUri | str,
        *,
        sdp: bytes,
        now: float,
        headers: Iterable[tuple[str, str]] = (),
    ) -> CallHandle:
        """Call a URI, or a number at the account's own domain; `headers` are sent along.

        Raises LocalProtocolError for an unknown account.
        """
        account = self._accounts.get(account_id)
        if account is None:
            raise LocalProtocolError(f"no account {account_id}")
        uri = SipUri("sip", target, account.domain) if isinstance(target, str) else target
        handle = self._calls.new_handle()
        InviteClient(self._context, self._calls, account, handle).start(uri, sdp, now, headers=headers)
        return handle

    def ring(self, handle: CallHandle, now: float) -> None:
        """Send 180."""
        if (call := self._find(handle, InviteServer)) is not None:
            call.ring(now)

    def progress(self, handle: CallHandle, sdp: bytes, now: float) -> None:
        """Send 183 with SDP: early media."""
        if (call := self._find(handle, InviteServer)) is not None:
            call.progress(sdp, now)

    def answer(self, handle: CallHandle, sdp: bytes, now: float) -> None:
        """Send 200 with our answer, or with our offer if the INVITE had none."""
        if (call := self._find(handle, InviteServer)) is not None:
            call.answer(sdp, now)

    def reject(
        self,
        handle: CallHandle,
        status: int,
        reason: str | None = None,
        *,
        retry_after_s: int | None = None,
        now: float,
    ) -> None:
        """Refuse an incoming call with a final status from 300 on; `retry_after_s` becomes Retry-After."""
        if not 300 <= status <= 699:
            raise LocalProtocolError(f"{status} refuses nothing")
        if (call := self._find(handle, InviteServer)) is not None:
            call.reject(status, reason, now, retry_after_s=retry_after_s)

    def hang_up(self, handle: CallHandle, now: float, *, reason_header: str = "") -> None:
        """End a call in any stage: CANCEL, 480 or BYE. Harmless when it has ended by itself."""
        if (call := self._calls.find(handle)) is not None:
            call.hang_up(now, reason_header)

    def info(self, handle: CallHandle, content_type: str, body: bytes, *, now: float) -> None:
        """Send an INFO inside an answered call."""
        if (call := self._find(handle, EstablishedCall)) is not None:
            call.send_info(content_type, body, now)

    def reoffer(self, handle: CallHandle, sdp: bytes, now: float) -> bool:
        """Offer other media; False when a change is already under way, or the call has ended."""
        call = self._find(handle, EstablishedCall)
        return call is not None and call.reoffer(sdp, now)

    def answer_reoffer(self, handle: CallHandle, sdp: bytes, now: float) -> None:
        """Answer a `ReofferReceived` with our answer, or with the offer that it asks for."""
        if (call := self._find(handle, EstablishedCall)) is not None:
            call.reoffers.answer(sdp, now)

    def reject_reoffer(self, handle: CallHandle, status: int = 488, *, now: float) -> None:
        """Decline a `ReofferReceived`; the call goes on as before."""
        if (call := self._find(handle, EstablishedCall)) is not None:
            call.reoffers.reject(status, None, now)

    # Transfer.

    def refer(self, handle: CallHandle, target: SipUri | str, now: float) -> bool:
        """Ask the far end to call a URI, or a number at the account's domain: blind transfer.

        False when an earlier REFER is open, or the call is not up (any more).
        """
        call = self._find(handle, EstablishedCall)
        if call is None:
            return False
        account = self._accounts.get(call.dialog.account_id)
        domain = call.dialog.local.uri.host if account is None else account.domain
        return call.refer(SipUri("sip", target, domain) if isinstance(target, str) else target, now)

    def refer_to_call(self, handle: CallHandle, other: CallHandle, now: float) -> bool:
        """Ask the far end to take our place in another call of ours: attended transfer (RFC 5589 7).

        False when an earlier REFER is open, or one of the calls is not up (any more).
        """
        call, meant = self._find(handle, EstablishedCall), self._find(other, EstablishedCall)
        if call is None or meant is None:
            return False
        target = meant.dialog.remote_target
        replaces = ("Replaces", str(Replaces.of_far_end(meant.dialog)))
        return call.refer(replace(target, headers=(replaces,)), now)

    def accept_refer(self, handle: CallHandle, now: float) -> None:
        """Take a `ReferReceived`; `report_refer` then tells how that call goes."""
        if (call := self._find(handle, EstablishedCall)) is not None:
            call.refers.accept(now)

    def report_refer(self, handle: CallHandle, status: int, reason: str | None = None, *, now: float) -> None:
        """Tell who sent a REFER how the call that it asked for goes; from 200 on it is the last word."""
        if (call := self._find(handle, EstablishedCall)) is not None:
            call.refers.report(status, reason, now)

    def reject_refer(self, handle: CallHandle, status: int = 603, *, now: float) -> None:
        """Refuse a `ReferReceived`."""
        if (call := self._find(handle, EstablishedCall)) is not None:
            call.refers.reject(status, None, now)

    # What outlives this process.

    def export_dialog(self, handle: CallHandle) -> dict[str, object] | None:
        """Plain values by which `end_exported` can end an answered call from another process."""
        call = self._calls.find(handle)
        return call.dialog.export() if isinstance(call, EstablishedCall) else None

    def end_exported(self, exported: dict[str, object], config: AccountConfig, now: float) -> None:
        """Send BYE for a dialog that another process had. Raises LocalProtocolError for what is no dialog."""
        dialog = Dialog.restore(exported)
        account = self._accounts.get(config.account_id) or Account(config, self._context.new_token())
        if dialog.flow.transport is TransportName.TLS:
            dialog.flow = dialog.flow._replace(tls=config.tls)
        send_bye(self._context, account, dialog, now)

    def _find(self, handle: CallHandle, stage: type[Part]) -> Part | None:
        """The call if it is in that stage, None if it has ended.

        Raises LocalProtocolError in any other stage: the command makes no sense there.
        """
        call = self._calls.find(handle)
        if call is None or isinstance(call, stage):
            return call
        raise LocalProtocolError(f"call {handle} is not in the right stage for this")
