"""Keeps workers and routes in step with the stored office. A use case; the hub calls it now and then."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from linegram.link.accounts import SipAccountSettings
from linegram.link.commands import Command, DropAccount, PutAccount
from linegram.link.events import RegistrationChanged
from linegram.office.account import AccountStatus, SipAccount, link_settings
from linegram.units import AccountId


class WatchedStore(Protocol):
    """What of the account store is watched."""

    async def all(self) -> Sequence[SipAccount]:
        """Every account."""

    async def latest_revision(self) -> int:
        """Number of the last change."""

    async def last_used_at(self) -> dict[AccountId, float]:
        """When each account was used last."""


Renew = Callable[[Sequence[SipAccount], Mapping[AccountId, float]], None]


def registration_status(change: RegistrationChanged) -> AccountStatus:
    """Return what is to be remembered of a worker's report."""
    return AccountStatus(
        account_id=change.account_id, state=change.state, sip_status=change.status, text=change.text
    )


class OfficeWatch:
    """Tells the worker of accounts that came, changed or went, and gives the routes a new picture."""

    def __init__(
        self,
        store: WatchedStore,
        send: Callable[[Command], None],
        renew: Renew,
        *,
        token_of: Callable[[AccountId], str] = lambda _: "",
    ) -> None:
        """`token_of` gives each account the mark of its Contact, the same after every restart."""
        self._store = store
        self._send = send
        self._renew = renew
        self._token_of = token_of
        self._revision = -1
        self._known: dict[AccountId, SipAccountSettings] = {}

    async def look(self) -> bool:
        """Follow the changes since the last look; says whether there were any."""
        revision = await self._store.latest_revision()
        if revision == self._revision:
            return False
        accounts = await self._store.all()
        self._renew(accounts, await self._store.last_used_at())
        wanted = (account for account in accounts if account.is_enabled)
        self._follow({one.account_id: link_settings(one, self._token_of(one.account_id)) for one in wanted})
        self._revision = revision
        return True

    def settings_of(self, account_id: AccountId) -> SipAccountSettings | None:
        """Return what the worker was told of an account."""
        return self._known.get(account_id)

    def _follow(self, wanted: dict[AccountId, SipAccountSettings]) -> None:
        for account_id in self._known.keys() - wanted.keys():
            self._send(DropAccount(account_id))
        for account_id, settings in wanted.items():
            if self._known.get(account_id) != settings:
                self._send(PutAccount(settings))
        self._known = wanted
