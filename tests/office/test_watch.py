"""Workers and routes follow the stored office, change by change."""

from collections.abc import Mapping, Sequence

import msgspec

from linegram.link.accounts import RegistrationState
from linegram.link.commands import Command, DropAccount, PutAccount
from linegram.link.events import RegistrationChanged
from linegram.office.account import SipAccount, link_settings
from linegram.office.watch import OfficeWatch, registration_status
from linegram.units import AccountId
from tests.office.accounts import make_account

ONE, TWO = AccountId(1), AccountId(2)


class StoredOffice:
    """A store that is changed by hand, and what the watch made of it."""

    def __init__(self) -> None:
        self.accounts: dict[AccountId, SipAccount] = {}
        self.used: dict[AccountId, float] = {}
        self.revision = 0
        self.sent: list[Command] = []
        self.pictures: list[tuple[list[AccountId], dict[AccountId, float]]] = []
        self.watch = OfficeWatch(self, self.sent.append, self._renew)

    def put(self, account_id: AccountId, **changes: object) -> SipAccount:
        kept = self.accounts.get(account_id, make_account(f"10{account_id}", account_id=account_id))
        self.accounts[account_id] = msgspec.structs.replace(kept, **changes)
        self.revision += 1
        return self.accounts[account_id]

    def remove(self, account_id: AccountId) -> None:
        del self.accounts[account_id]
        self.revision += 1

    async def look(self) -> list[Command]:
        """Look once; returns what was sent."""
        self.sent.clear()
        await self.watch.look()
        return list(self.sent)

    async def all(self) -> Sequence[SipAccount]:
        return list(self.accounts.values())

    async def latest_revision(self) -> int:
        return self.revision

    async def last_used_at(self) -> dict[AccountId, float]:
        return self.used

    def _renew(self, accounts: Sequence[SipAccount], used: Mapping[AccountId, float]) -> None:
        self.pictures.append(([account.account_id for account in accounts], dict(used)))


async def test_the_first_look_tells_all_even_of_an_office_that_never_changed() -> None:
    office = StoredOffice()
    assert await office.watch.look()
    assert office.pictures == [([], {})]
    account = office.put(ONE)
    assert await office.look() == [PutAccount(link_settings(account))]


async def test_without_a_change_nobody_is_told_anything() -> None:
    office = StoredOffice()
    office.put(ONE)
    await office.look()
    assert not await office.watch.look()
    assert len(office.pictures) == 1


async def test_only_what_changed_for_the_worker_is_sent() -> None:
    office = StoredOffice()
    office.put(ONE)
    office.put(TWO)
    await office.look()
    changed = office.put(TWO, server="new.example")
    assert await office.look() == [PutAccount(link_settings(changed))]


async def test_a_change_that_is_no_business_of_the_worker_renews_only_the_routes() -> None:
    office = StoredOffice()
    office.put(ONE)
    await office.look()
    office.put(ONE, dial_rules="^8=7")
    assert await office.look() == []
    assert len(office.pictures) == 2


async def test_an_account_that_goes_or_is_switched_off_is_dropped_once() -> None:
    office = StoredOffice()
    office.put(ONE)
    office.put(TWO)
    await office.look()
    office.remove(ONE)
    office.put(TWO, is_enabled=False)
    assert sorted(await office.look(), key=str) == [DropAccount(ONE), DropAccount(TWO)]
    office.revision += 1
    assert await office.look() == []
    assert office.watch.settings_of(ONE) is None


async def test_an_account_that_is_switched_on_again_is_put_again() -> None:
    office = StoredOffice()
    office.put(ONE, is_enabled=False)
    assert await office.look() == []
    account = office.put(ONE, is_enabled=True)
    assert await office.look() == [PutAccount(link_settings(account))]
    assert office.watch.settings_of(ONE) == link_settings(account)


async def test_the_routes_learn_when_lines_were_used() -> None:
    office = StoredOffice()
    office.put(ONE)
    office.used = {ONE: 100.0}
    await office.look()
    assert office.pictures[-1] == ([ONE], {ONE: 100.0})


def test_what_a_worker_reports_of_a_registration_is_remembered() -> None:
    status = registration_status(RegistrationChanged(ONE, RegistrationState.ERROR, 403, "Forbidden"))
    assert (status.account_id, status.state, status.sip_status, status.text) == (
        ONE,
        RegistrationState.ERROR,
        403,
        "Forbidden",
    )
