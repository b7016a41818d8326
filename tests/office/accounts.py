"""Accounts for tests, and a store in memory that keeps the office's contract."""

from collections.abc import Sequence
from typing import Any

import msgspec

from linegram.errors import RefusedError
from linegram.office.account import AccountStatus, SipAccount
from linegram.office.ports import Action, Actor
from linegram.units import AccountId, TelegramUserId

OWNER = TelegramUserId(1000)
ANNA = TelegramUserId(2000)
PASSWORD = "correct horse battery staple"


def make_account(login: str = "100", **changes: Any) -> SipAccount:
    account = SipAccount(login=login, password=PASSWORD, server="pbx.example", owner_id=OWNER)
    return msgspec.structs.replace(account, **changes)


class AccountsInMemory:
    """Keeps accounts in a dict and remembers what was done."""

    def __init__(self) -> None:
        self.accounts: dict[AccountId, SipAccount] = {}
        self.done: list[tuple[AccountId, Action, Actor]] = []

    async def add(self, account: SipAccount, actor: Actor) -> SipAccount:
        account = msgspec.structs.replace(account, account_id=AccountId(len(self.done) + 1))
        self._note(account, actor, Action.ADDED)
        return account

    async def change(self, account: SipAccount, actor: Actor, action: Action) -> None:
        if account.account_id not in self.accounts:
            raise RefusedError("gone")
        self._note(account, actor, action)

    async def remove(self, account_id: AccountId, actor: Actor) -> None:
        if self.accounts.pop(account_id, None) is not None:
            self.done.append((account_id, Action.REMOVED, actor))

    async def find(self, account_id: AccountId) -> SipAccount | None:
        return self.accounts.get(account_id)

    async def of_user(self, user_id: TelegramUserId) -> Sequence[SipAccount]:
        return [account for account in self.accounts.values() if account.user_id == user_id]

    async def of_owner(self, owner_id: TelegramUserId) -> Sequence[SipAccount]:
        return [account for account in self.accounts.values() if account.owner_id == owner_id]

    async def all(self) -> Sequence[SipAccount]:
        return list(self.accounts.values())

    async def statuses(self) -> Sequence[AccountStatus]:
        return [AccountStatus(account_id=account_id) for account_id in self.accounts]

    def _note(self, account: SipAccount, actor: Actor, action: Action) -> None:
        self.accounts[account.account_id] = account
        self.done.append((account.account_id, action, actor))
