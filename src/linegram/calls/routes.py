"""Who is called for which account, and through which line a texted number goes. Pure.

Answers from a picture of the office in memory: a ringing phone must not wait
for a database. The hub renews the picture when the office changes.
"""

from collections.abc import Iterable, Mapping

from linegram.calls.ports import IncomingRoute, OutgoingRoute
from linegram.errors import RefusedError
from linegram.office.account import SipAccount
from linegram.office.lines import choose_lines
from linegram.office.number import read_destination
from linegram.units import AccountId, TelegramUserId

NOT_A_NUMBER = "Send a telephone number or a SIP address, and I will call it."


class OfficeRoutes:
    """Implements `Routes` over the accounts it was last given."""

    def __init__(self) -> None:
        self._accounts: dict[AccountId, SipAccount] = {}
        self._last_used_at: dict[AccountId, float] = {}

    def renew(self, accounts: Iterable[SipAccount], last_used_at: Mapping[AccountId, float]) -> None:
        """Take a new picture of the office; `last_used_at` is UTC epoch seconds."""
        self._accounts = {account.account_id: account for account in accounts}
        self._last_used_at = {**last_used_at, **self._newer(last_used_at)}

    def incoming(self, account_id: AccountId) -> IncomingRoute | None:
        """Return whose account this is; None if nobody's, or switched off."""
        account = self._accounts.get(account_id)
        if account is None or account.user_id is None or not account.is_enabled:
            return None
        return IncomingRoute(user_id=account.user_id, line=account.title)

    def is_employee(self, user_id: TelegramUserId) -> bool:
        """Say whether this person has a line."""
        return any(account.user_id == user_id for account in self._accounts.values())

    def outgoing(self, user_id: TelegramUserId, text: str) -> OutgoingRoute:
        """Return how to dial what an employee texted: by the line that fits and was used last.

        Raises RefusedError with a sentence if it is no number or no line fits.
        """
        destination = read_destination(text)
        if destination is None:
            raise RefusedError(NOT_A_NUMBER)
        held = [account for account in self._accounts.values() if account.user_id == user_id]
        choice = choose_lines(held, destination, self._last_used_at)
        if not choice.lines:
            raise RefusedError(choice.sentence)
        line = choice.lines[0]
        return OutgoingRoute(
            account_id=line.account.account_id,
            line=line.account.title,
            number=line.dialled,
            is_callback=line.account.is_callback,
        )

    def used(self, account_id: AccountId, at: float) -> None:
        """Remember that a line was used just now; the next number without a better line goes there."""
        self._last_used_at[account_id] = at

    def _newer(self, last_used_at: Mapping[AccountId, float]) -> dict[AccountId, float]:
        return {
            account_id: at
            for account_id, at in self._last_used_at.items()
            if account_id in self._accounts and at > last_used_at.get(account_id, 0.0)
        }
