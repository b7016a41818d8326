"""Everything that can be done to SIP accounts, and who may do it.

Use cases. The bot and the command line call these and nothing else, so that one
rule holds for a button, a text and a command.
"""

from collections.abc import Sequence

import msgspec

from linegram.errors import RefusedError
from linegram.office.account import SipAccount, checked
from linegram.office.ports import AccountStore, Action, Actor
from linegram.units import AccountId, TelegramUserId


class Administration:
    """Changes accounts on behalf of one person."""

    def __init__(self, store: AccountStore, actor: Actor) -> None:
        self._store = store
        self._actor = actor

    async def accounts(self) -> Sequence[SipAccount]:
        """The accounts that this person may change."""
        if self._actor.user_id is None:
            return await self._store.all()
        return await self._store.of_owner(self._actor.user_id)

    async def show(self, account_id: AccountId) -> SipAccount:
        """One account. Raises RefusedError if there is none, or it belongs to somebody else."""
        account = await self._store.find(account_id)
        if account is None or not self._may_change(account):
            raise RefusedError(f"There is no account {account_id}.")
        return account

    async def add(self, account: SipAccount) -> SipAccount:
        """Store a new account and return it with its number. Raises RefusedError if something is wrong."""
        account = checked(account)
        if not self._may_change(account):
            raise RefusedError("You can add accounts for yourself only.")
        await self._refuse_twin(account)
        return await self._store.add(account, self._actor)

    async def change(self, account: SipAccount) -> SipAccount:
        """Replace the settings of an account; whom it belongs to and who uses it stay as they were."""
        before = await self.show(account.account_id)
        account = msgspec.structs.replace(
            checked(account), owner_id=before.owner_id, user_id=before.user_id, is_enabled=before.is_enabled
        )
        await self._refuse_twin(account)
        await self._store.change(account, self._actor, Action.CHANGED)
        return account

    async def switch(self, account_id: AccountId, *, is_enabled: bool) -> SipAccount:
        """Switch an account on or off; nothing happens if it is so already."""
        account = await self.show(account_id)
        if account.is_enabled == is_enabled:
            return account
        account = msgspec.structs.replace(account, is_enabled=is_enabled)
        action = Action.SWITCHED_ON if is_enabled else Action.SWITCHED_OFF
        await self._store.change(account, self._actor, action)
        return account

    async def assign(self, account_id: AccountId, user_id: TelegramUserId) -> SipAccount:
        """Let an employee call and be called with an account; whoever used it before no longer does."""
        account = msgspec.structs.replace(await self.show(account_id), user_id=user_id)
        await self._store.change(account, self._actor, Action.ASSIGNED)
        return account

    async def reclaim(self, account_id: AccountId) -> SipAccount:
        """Take an account back from the employee who uses it."""
        account = msgspec.structs.replace(await self.show(account_id), user_id=None)
        await self._store.change(account, self._actor, Action.RECLAIMED)
        return account

    async def remove(self, account_id: AccountId) -> SipAccount:
        """Erase an account with its password, and return what it was."""
        account = await self.show(account_id)
        await self._store.remove(account_id, self._actor)
        return account

    def _may_change(self, account: SipAccount) -> bool:
        return self._actor.is_operator or account.owner_id == self._actor.user_id

    async def _refuse_twin(self, account: SipAccount) -> None:
        """Refuse a second account of the same registration: the PBX would ring only one of them."""
        for other in await self._store.all():
            if other.account_id != account.account_id and _registration(other) == _registration(account):
                whose = f" (account {other.account_id})" if self._may_change(other) else ""
                raise RefusedError(f"{account.address} at {account.server} is here already{whose}.")


def _registration(account: SipAccount) -> tuple[str, str, int, str]:
    return account.login, account.server.lower(), account.port, (account.domain or account.server).lower()
