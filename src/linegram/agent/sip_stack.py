"""The SIP stack as the agent commands it: the endpoint's commands, with the transport's clock."""

from collections.abc import Callable, Iterable
from typing import Any

from linegram.sip.account import AccountConfig
from linegram.sip.events import CallHandle
from linegram.sip.transport.sip_transport import SipTransport
from linegram.sip.uri import SipUri
from linegram.units import AccountId


class SipStack:
    """Implements `SipCalls` and `SipAccounts`. What follows a command comes as events of the transport."""

    def __init__(self, transport: SipTransport) -> None:
        self._transport = transport

    def put_account(self, config: AccountConfig) -> None:
        """Add or change an account."""
        self._transport.put_account(config)

    def drop_account(self, account_id: AccountId) -> None:
        """Remove an account and its binding."""
        self._transport.drop_account(account_id)

    def end_exported(self, exported: dict[str, Any], config: AccountConfig) -> None:
        """Send BYE in a dialog of an earlier process."""
        self._transport.perform(lambda endpoint, now: endpoint.end_exported(exported, config, now))

    def local_host(self, account_id: AccountId) -> str | None:
        """Return our own address on the way to the account's PBX; None while that is unknown."""
        return self._transport.endpoint.local_host(account_id)

    def invite(
        self,
        account_id: AccountId,
        target: SipUri | str,
        sdp: bytes,
        begun: Callable[[CallHandle], None],
        *,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Call somebody; `begun` gets the handle before any event of the call."""
        self._transport.perform(
            lambda endpoint, now: begun(
                endpoint.invite(account_id, target, sdp=sdp, now=now, headers=headers)
            )
        )

    def ring(self, handle: CallHandle) -> None:
        """Send 180."""
        self._transport.perform(lambda endpoint, now: endpoint.ring(handle, now))

    def answer(self, handle: CallHandle, sdp: bytes) -> None:
        """Send 200."""
        self._transport.perform(lambda endpoint, now: endpoint.answer(handle, sdp, now))

    def reject(self, handle: CallHandle, status: int, reason: str, retry_after_s: int | None = None) -> None:
        """Refuse."""
        self._transport.perform(
            lambda endpoint, now: endpoint.reject(
                handle, status, reason, retry_after_s=retry_after_s, now=now
            )
        )

    def hang_up(self, handle: CallHandle) -> None:
        """CANCEL or BYE."""
        self._transport.perform(lambda endpoint, now: endpoint.hang_up(handle, now))

    def reoffer(self, handle: CallHandle, sdp: bytes) -> bool:
        """Send a re-INVITE."""
        return self._transport.perform(lambda endpoint, now: endpoint.reoffer(handle, sdp, now))

    def answer_reoffer(self, handle: CallHandle, sdp: bytes) -> None:
        """Answer a re-INVITE."""
        self._transport.perform(lambda endpoint, now: endpoint.answer_reoffer(handle, sdp, now))

    def reject_reoffer(self, handle: CallHandle) -> None:
        """Decline a re-INVITE."""
        self._transport.perform(lambda endpoint, now: endpoint.reject_reoffer(handle, now=now))

    def info(self, handle: CallHandle, content_type: str, body: bytes) -> None:
        """Send an INFO."""
        self._transport.perform(lambda endpoint, now: endpoint.info(handle, content_type, body, now=now))

    def refer(self, handle: CallHandle, target: SipUri | str) -> bool:
        """Send a REFER."""
        return self._transport.perform(lambda endpoint, now: endpoint.refer(handle, target, now))

    def refer_to_call(self, handle: CallHandle, other: CallHandle) -> bool:
        """Send a REFER that replaces another call."""
        return self._transport.perform(lambda endpoint, now: endpoint.refer_to_call(handle, other, now))

    def accept_refer(self, handle: CallHandle) -> None:
        """Take a REFER."""
        self._transport.perform(lambda endpoint, now: endpoint.accept_refer(handle, now))

    def report_refer(self, handle: CallHandle, status: int, reason: str | None = None) -> None:
        """Send a NOTIFY about a REFER."""
        self._transport.perform(lambda endpoint, now: endpoint.report_refer(handle, status, reason, now=now))

    def reject_refer(self, handle: CallHandle, status: int = 603) -> None:
        """Decline a REFER."""
        self._transport.perform(lambda endpoint, now: endpoint.reject_refer(handle, status, now=now))

    def watch_mailbox(self, account_id: AccountId) -> None:
        """Subscribe to an account's mailbox."""
        self._transport.perform(lambda endpoint, now: endpoint.watch_mailbox(account_id, now))

    def export_dialog(self, handle: CallHandle) -> dict[str, object] | None:
        """Return what ends the dialog from another process."""
        return self._transport.endpoint.export_dialog(handle)
