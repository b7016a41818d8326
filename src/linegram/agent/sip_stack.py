"""The SIP stack as the agent commands it: the endpoint's commands, with the transport's clock."""

from collections.abc import Callable
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
        self, account_id: AccountId, target: SipUri | str, sdp: bytes, begun: Callable[[CallHandle], None]
    ) -> None:
        """Call somebody; `begun` gets the handle before any event of the call."""
        self._transport.perform(
            lambda endpoint, now: begun(endpoint.invite(account_id, target, sdp=sdp, now=now))
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

    def answer_reoffer(self, handle: CallHandle, sdp: bytes) -> None:
        """Answer a re-INVITE."""
        self._transport.perform(lambda endpoint, now: endpoint.answer_reoffer(handle, sdp, now))

    def reject_reoffer(self, handle: CallHandle) -> None:
        """Decline a re-INVITE."""
        self._transport.perform(lambda endpoint, now: endpoint.reject_reoffer(handle, now=now))

    def export_dialog(self, handle: CallHandle) -> dict[str, object] | None:
        """Return what ends the dialog from another process."""
        return self._transport.endpoint.export_dialog(handle)
