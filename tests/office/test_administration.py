"""Only an owner, or the operator, changes an account."""

import pytest

from linegram.errors import RefusedError
from linegram.office.administration import Administration
from linegram.office.ports import OPERATOR, Action, Actor
from linegram.units import AccountId, TelegramUserId
from tests.office.accounts import ANNA, OWNER, AccountsInMemory, make_account

STRANGER = Actor(TelegramUserId(666))


@pytest.fixture
def store() -> AccountsInMemory:
    return AccountsInMemory()


@pytest.mark.parametrize("actor", [OPERATOR, Actor(OWNER)])
async def test_owner_and_operator_do_everything(store: AccountsInMemory, actor: Actor) -> None:
    administration = Administration(store, actor)
    account_id = (await administration.add(make_account())).account_id
    await administration.assign(account_id, ANNA)
    assert (await administration.switch(account_id, is_enabled=False)).is_enabled is False
    assert (await administration.reclaim(account_id)).user_id is None
    assert [account.account_id for account in await administration.accounts()] == [account_id]
    await administration.remove(account_id)
    assert [action for _, action, _ in store.done] == [
        Action.ADDED,
        Action.ASSIGNED,
        Action.SWITCHED_OFF,
        Action.RECLAIMED,
        Action.REMOVED,
    ]
    assert {who for *_, who in store.done} == {actor}


async def test_a_stranger_and_the_user_himself_see_and_change_nothing(store: AccountsInMemory) -> None:
    account_id = (await Administration(store, OPERATOR).add(make_account(user_id=ANNA))).account_id
    for actor in (STRANGER, Actor(ANNA)):
        administration = Administration(store, actor)
        assert not await administration.accounts()
        for attempt in (
            administration.show(account_id),
            administration.assign(account_id, ANNA),
            administration.reclaim(account_id),
            administration.switch(account_id, is_enabled=False),
            administration.remove(account_id),
            administration.change(make_account(account_id=account_id, name="mine")),
        ):
            with pytest.raises(RefusedError, match=f"There is no account {account_id}"):
                await attempt
    assert len(store.done) == 1


async def test_accounts_are_added_for_oneself_only(store: AccountsInMemory) -> None:
    with pytest.raises(RefusedError, match="for yourself only"):
        await Administration(store, STRANGER).add(make_account())


async def test_a_change_of_settings_moves_neither_owner_nor_user_nor_switch(store: AccountsInMemory) -> None:
    administration = Administration(store, Actor(OWNER))
    account = await administration.add(make_account(user_id=ANNA))
    wanted = make_account("200", account_id=account.account_id, owner_id=TelegramUserId(5), is_enabled=False)
    changed = await administration.change(wanted)
    assert (changed.login, changed.owner_id, changed.user_id, changed.is_enabled) == (
        "200",
        OWNER,
        ANNA,
        True,
    )


async def test_wrong_settings_are_not_stored(store: AccountsInMemory) -> None:
    with pytest.raises(RefusedError):
        await Administration(store, OPERATOR).add(make_account(server="no server"))
    assert not store.done


async def test_the_same_registration_is_refused_and_only_its_owner_learns_where_it_is(
    store: AccountsInMemory,
) -> None:
    await Administration(store, OPERATOR).add(make_account())
    with pytest.raises(RefusedError, match="is here already \\(account 1\\)"):
        await Administration(store, OPERATOR).add(make_account(server="PBX.example"))
    with pytest.raises(RefusedError, match="is here already\\."):
        await Administration(store, STRANGER).add(make_account(owner_id=STRANGER.user_id))
    second = await Administration(store, OPERATOR).add(make_account("200"))
    with pytest.raises(RefusedError, match="is here already"):
        await Administration(store, OPERATOR).change(make_account(account_id=second.account_id))


async def test_switching_to_what_is_so_already_changes_nothing(store: AccountsInMemory) -> None:
    administration = Administration(store, OPERATOR)
    account = await administration.add(make_account())
    assert await administration.switch(account.account_id, is_enabled=True) == account
    assert len(store.done) == 1


async def test_an_unknown_account_is_refused(store: AccountsInMemory) -> None:
    with pytest.raises(RefusedError, match="There is no account 7"):
        await Administration(store, OPERATOR).show(AccountId(7))
