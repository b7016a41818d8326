"""What the agent needs of the SIP stack, declared here; `sip_stack.py` implements it over the transport.

The clock is the shell's: no command carries a time.
"""

from collections.abc import Callable, Iterable
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

    def watch_mailbox(self, account_id: AccountId) -> None:
        """Subscribe to an account's mailbox; harmless when that is done already."""

    def end_exported(self, exported: dict[str, Any], config: AccountConfig) -> None:
        """Send BYE in a dialog of an earlier process."""


class SipCalls(Protocol):
    """The commands of the SIP stack that legs need."""

    def local_host(self, account_id: AccountId) -> str | None:
        """Return our own address on the way to the account's PBX."""

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

    def ring(self, handle: CallHandle) -> None:
        """Send 180."""

    def answer(self, handle: CallHandle, sdp: bytes) -> None:
        """Send 200."""

    def reject(self, handle: CallHandle, status: int, reason: str, retry_after_s: int | None = None) -> None:
        """Refuse."""

    def hang_up(self, handle: CallHandle) -> None:
        """CANCEL or BYE."""

    def reoffer(self, handle: CallHandle, sdp: bytes) -> bool:
        """Offer other media; False while a change is under way."""

    def answer_reoffer(self, handle: CallHandle, sdp: bytes) -> None:
        """Answer a re-INVITE."""

    def reject_reoffer(self, handle: CallHandle) -> None:
        """Decline a re-INVITE."""

    def info(self, handle: CallHandle, content_type: str, body: bytes) -> None:
        """Send an INFO."""

    def refer(self, handle: CallHandle, target: SipUri | str) -> bool:
        """Ask the far end to call somebody; False while an earlier request is open."""

    def refer_to_call(self, handle: CallHandle, other: CallHandle) -> bool:
        """Ask the far end to take our place in another call; False while an earlier request is open."""

    def accept_refer(self, handle: CallHandle) -> None:
        """Agree to call whom the far end named."""

    def report_refer(self, handle: CallHandle, status: int, reason: str | None = None) -> None:
        """Tell the far end how that call goes."""

    def reject_refer(self, handle: CallHandle, status: int = 603) -> None:
        """Decline to call whom the far end named."""

    def export_dialog(self, handle: CallHandle) -> dict[str, object] | None:
        """Return what ends the dialog from another process."""
