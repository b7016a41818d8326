"""The lines that a person may see, with what became of their registrations. A use case."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from linegram.office.account import AccountStatus, SipAccount
from linegram.office.person import Person
from linegram.units import TelegramUserId


class LineStore(Protocol):
    """Where lines are kept."""

    async def of_owner(self, owner_id: TelegramUserId) -> Sequence[SipAccount]:
        """The accounts that this person owns."""

    async def of_user(self, user_id: TelegramUserId) -> Sequence[SipAccount]:
        """The accounts that this person calls with."""

    async def statuses(self) -> Sequence[AccountStatus]:
        """What became of every account's registration."""


class PeopleStore(Protocol):
    """Where people are known by name."""

    async def find(self, user_id: TelegramUserId) -> Person | None:
        """The person with this Telegram number."""


class ListedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line as a list shows it; `person` is who uses it, empty if nobody does."""

    account: SipAccount
    status: AccountStatus
    person: str


class LineList:
    """Lists lines for one person: those he owns and those he uses."""

    def __init__(self, accounts: LineStore, people: PeopleStore) -> None:
        self._accounts = accounts
        self._people = people

    async def lines(self, user_id: TelegramUserId) -> Sequence[ListedLine]:
        """Return the lines this person may see, in the order of their names."""
        seen = {
            account.account_id: account
            for account in (
                *await self._accounts.of_owner(user_id),
                *await self._accounts.of_user(user_id),
            )
        }
        statuses = {status.account_id: status for status in await self._accounts.statuses()}
        listed = [
            ListedLine(
                account=account,
                status=statuses.get(account.account_id, AccountStatus(account_id=account.account_id)),
                person=await self._name(account.user_id),
            )
            for account in seen.values()
        ]
        return sorted(listed, key=lambda line: (line.account.title.casefold(), line.account.account_id))

    async def _name(self, user_id: TelegramUserId | None) -> str:
        if user_id is None:
            return ""
        person = await self._people.find(user_id)
        return str(user_id) if person is None else person.title
