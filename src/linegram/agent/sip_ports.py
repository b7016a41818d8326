"""What the agent needs of the SIP stack, declared here; `sip_stack.py` implements it over the transport.

The clock is the shell's: no command carries a time.
"""

from collections.abc import Callable
from typing import Any, Protocol

from linegram.sip.account import AccountConfig
from linegram.sip.events import CallHandle
from linegram.sip.uri import SipUri
from linegram.units import AccountId


class SipAccounts(Protocol):
    """The commands of the SIP stack about accounts."""

    def put_account(self, config: AccountConfig) -> None:
        """Add or change an account."""

    def drop_account(self, account_id: AccountId) -> None:
        """Remove an account and its binding."""

    def end_exported(self, exported: dict[str, Any], config: AccountConfig) -> None:
        """Send BYE in a dialog of an earlier process."""


class SipCalls(Protocol):
    """The commands of the SIP stack that legs need."""

    def local_host(self, account_id: AccountId) -> str | None:
        """Return our own address on the way to the account's PBX."""

    def invite(
        self, account_id: AccountId, target: SipUri | str, sdp: bytes, begun: Callable[[CallHandle], None]
    ) -> None:
        """Call somebody; `begun` gets the handle before any event of the call."""

    def ring(self, handle: CallHandle) -> None:
        """Send 180."""

    def answer(self, handle: CallHandle, sdp: bytes) -> None:
        """Send 200."""

    def reject(self, handle: CallHandle, status: int, reason: str, retry_after_s: int | None = None) -> None:
        """Refuse."""

    def hang_up(self, handle: CallHandle) -> None:
        """CANCEL or BYE."""

    def answer_reoffer(self, handle: CallHandle, sdp: bytes) -> None:
        """Answer a re-INVITE."""

    def reject_reoffer(self, handle: CallHandle) -> None:
        """Decline a re-INVITE."""

    def export_dialog(self, handle: CallHandle) -> dict[str, object] | None:
        """Return what ends the dialog from another process."""
