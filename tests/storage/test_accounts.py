"""Accounts are kept whole, sealed, and every change of them is noticed."""

import asyncio
import logging
from pathlib import Path

import msgspec
import pytest

from linegram.errors import RefusedError
from linegram.link.accounts import RegistrationState, SipTransport
from linegram.office.account import AccountStatus
from linegram.office.codecs import DtmfMethod
from linegram.office.ports import OPERATOR, Action, Actor
from linegram.storage.accounts import AccountRepository
from linegram.storage.database import Database
from linegram.storage.vault import Vault
from linegram.units import AccountId, TelegramUserId
from tests.office.accounts import ANNA, OWNER, PASSWORD, make_account
from tests.storage.conftest import bytes_on_disk


@pytest.fixture
def accounts(database: Database) -> AccountRepository:
    return AccountRepository(database)


async def test_an_account_comes_back_as_it_was_stored(
    accounts: AccountRepository, url: str, vault: Vault
) -> None:
    account = make_account(
        user_id=ANNA,
        name="Anna",
        auth_login="auth",
        port=5070,
        domain="office.example",
        proxy="10.0.0.1:5080",
        transport=SipTransport.TCP,
        codecs=("alaw", "speex/16000"),
        dtmf=(DtmfMethod.INFO,),
        dial_rules="^8=7",
        is_callback=False,
        is_enabled=False,
    )
    stored = await accounts.add(account, OPERATOR)
    assert stored == msgspec.structs.replace(account, account_id=AccountId(1))
    async with await Database.open(url, vault) as again:
        assert await AccountRepository(again).find(AccountId(1)) == stored


async def test_the_password_is_nowhere_on_the_disk(accounts: AccountRepository, path: Path) -> None:
    stored = await accounts.add(make_account(name="Anna's desk"), OPERATOR)
    other = "another password entirely"
    await accounts.change(msgspec.structs.replace(stored, password=other), OPERATOR, Action.CHANGED)
    content = bytes_on_disk(path)
    assert b"Anna's desk" in content
    assert PASSWORD.encode() not in content
    assert other.encode() not in content
    found = await accounts.find(stored.account_id)
    assert found is not None
    assert found.password == other


async def test_even_a_log_of_all_statements_holds_neither_passwords_nor_names(
    accounts: AccountRepository, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="sqlalchemy"):
        await accounts.add(make_account(name="Anna's desk"), OPERATOR)
    assert "INSERT INTO sip_accounts" in caplog.text
    assert PASSWORD not in caplog.text
    assert "Anna's desk" not in caplog.text


async def test_accounts_are_found_by_user_and_owner_in_order(accounts: AccountRepository) -> None:
    other = TelegramUserId(1001)
    for login, owner_id, user_id in (("1", OWNER, ANNA), ("2", other, ANNA), ("3", OWNER, None)):
        await accounts.add(make_account(login, owner_id=owner_id, user_id=user_id), OPERATOR)
    assert [account.login for account in await accounts.of_user(ANNA)] == ["1", "2"]
    assert [account.login for account in await accounts.of_owner(OWNER)] == ["1", "3"]
    assert [account.login for account in await accounts.all()] == ["1", "2", "3"]
    assert await accounts.owners() == [OWNER, other]


async def test_every_write_is_one_revision_with_its_actor(accounts: AccountRepository) -> None:
    assert await accounts.latest_revision() == 0
    stored = await accounts.add(make_account(), Actor(OWNER))
    await accounts.change(msgspec.structs.replace(stored, user_id=ANNA), OPERATOR, Action.ASSIGNED)
    await accounts.remove(stored.account_id, Actor(OWNER))
    changes = await accounts.changes_since(0)
    assert [(change.revision, change.account_id, change.action) for change in changes] == [
        (1, 1, Action.ADDED),
        (2, 1, Action.ASSIGNED),
        (3, 1, Action.REMOVED),
    ]
    assert [change.actor for change in changes] == [Actor(OWNER), OPERATOR, Actor(OWNER)]
    assert changes[0].at < changes[1].at < changes[2].at
    assert {change.detail for change in changes} == {"100@pbx.example"}
    assert await accounts.changes_since(2) == changes[2:]
    assert await accounts.latest_revision() == 3


async def test_writers_at_the_same_instant_get_revisions_without_gaps(accounts: AccountRepository) -> None:
    await asyncio.gather(*(accounts.add(make_account(str(number)), OPERATOR) for number in range(8)))
    assert [change.revision for change in await accounts.changes_since(0)] == list(range(1, 9))


async def test_a_failed_change_is_no_revision(accounts: AccountRepository) -> None:
    with pytest.raises(RefusedError, match="There is no account 9"):
        await accounts.change(make_account(account_id=AccountId(9)), OPERATOR, Action.CHANGED)
    await accounts.remove(AccountId(9), OPERATOR)
    assert await accounts.latest_revision() == 0


async def test_the_number_of_a_removed_account_is_not_given_again(accounts: AccountRepository) -> None:
    first = await accounts.add(make_account(), OPERATOR)
    await accounts.remove(first.account_id, OPERATOR)
    assert await accounts.find(first.account_id) is None
    second = await accounts.add(make_account(), OPERATOR)
    assert second.account_id > first.account_id


async def test_a_registration_that_comes_and_goes_is_no_change_of_settings(
    accounts: AccountRepository,
) -> None:
    account_id = (await accounts.add(make_account(), OPERATOR)).account_id
    assert await accounts.statuses() == []
    await accounts.set_status(
        AccountStatus(account_id=account_id, state=RegistrationState.ONLINE, sip_status=200)
    )
    await accounts.mark_used(account_id)
    await accounts.set_status(
        AccountStatus(account_id=account_id, state=RegistrationState.ERROR, sip_status=403, text="Forbidden")
    )
    (status,) = await accounts.statuses()
    assert (status.state, status.sip_status, status.text) == (RegistrationState.ERROR, 403, "Forbidden")
    assert status.last_used_at is not None
    assert status.changed_at is not None
    assert status.changed_at > status.last_used_at
    assert await accounts.last_used_at() == {account_id: status.last_used_at}
    assert await accounts.latest_revision() == 1


async def test_the_status_goes_with_its_account(accounts: AccountRepository) -> None:
    account_id = (await accounts.add(make_account(), OPERATOR)).account_id
    await accounts.mark_used(account_id)
    await accounts.remove(account_id, OPERATOR)
    await accounts.mark_used(account_id)
    await accounts.set_status(AccountStatus(account_id=account_id))
    assert await accounts.statuses() == []


async def test_owners_are_known_once_and_in_order(accounts: AccountRepository) -> None:
    await accounts.add_owner(OWNER)
    await accounts.add_owner(TelegramUserId(1))
    await accounts.add_owner(OWNER)
    assert await accounts.owners() == [OWNER, 1]
