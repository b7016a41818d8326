"""Only an owner, or the operator, changes an account."""

import pytest

from linegram.errors import RefusedError
from linegram.office.desk import Desk
from linegram.office.ports import OPERATOR, Action, Actor
from linegram.units import AccountId, TelegramUserId
from tests.office.accounts import ANNA, OWNER, AccountsInMemory, make_account

STRANGER = Actor(TelegramUserId(666))


@pytest.fixture
def store() -> AccountsInMemory:
    return AccountsInMemory()


@pytest.mark.parametrize("actor", [OPERATOR, Actor(OWNER)])
async def test_owner_and_operator_do_everything(store: AccountsInMemory, actor: Actor) -> None:
    desk = Desk(store, actor)
    account_id = (await desk.add(make_account())).account_id
    await desk.assign(account_id, ANNA)
    assert (await desk.switch(account_id, is_enabled=False)).is_enabled is False
    assert (await desk.reclaim(account_id)).user_id is None
    assert [account.account_id for account in await desk.accounts()] == [account_id]
    await desk.remove(account_id)
    assert [action for _, action, _ in store.done] == [
        Action.ADDED,
        Action.ASSIGNED,
        Action.SWITCHED_OFF,
        Action.RECLAIMED,
        Action.REMOVED,
    ]
    assert {who for *_, who in store.done} == {actor}


async def test_a_stranger_and_the_user_himself_see_and_change_nothing(store: AccountsInMemory) -> None:
    account_id = (await Desk(store, OPERATOR).add(make_account(user_id=ANNA))).account_id
    for actor in (STRANGER, Actor(ANNA)):
        desk = Desk(store, actor)
        assert not await desk.accounts()
        for attempt in (
            desk.show(account_id),
            desk.assign(account_id, ANNA),
            desk.reclaim(account_id),
            desk.switch(account_id, is_enabled=False),
            desk.remove(account_id),
            desk.change(make_account(account_id=account_id, name="mine")),
        ):
            with pytest.raises(RefusedError, match=f"There is no account {account_id}"):
                await attempt
    assert len(store.done) == 1


async def test_accounts_are_added_for_oneself_only(store: AccountsInMemory) -> None:
    with pytest.raises(RefusedError, match="for yourself only"):
        await Desk(store, STRANGER).add(make_account())


async def test_a_change_of_settings_moves_neither_owner_nor_user_nor_switch(store: AccountsInMemory) -> None:
    desk = Desk(store, Actor(OWNER))
    account = await desk.add(make_account(user_id=ANNA))
    wanted = make_account("200", account_id=account.account_id, owner_id=TelegramUserId(5), is_enabled=False)
    changed = await desk.change(wanted)
    assert (changed.login, changed.owner_id, changed.user_id, changed.is_enabled) == (
        "200",
        OWNER,
        ANNA,
        True,
    )


async def test_wrong_settings_are_not_stored(store: AccountsInMemory) -> None:
    with pytest.raises(RefusedError):
        await Desk(store, OPERATOR).add(make_account(server="no server"))
    assert not store.done


async def test_the_same_registration_is_refused_and_only_its_owner_learns_where_it_is(
    store: AccountsInMemory,
) -> None:
    await Desk(store, OPERATOR).add(make_account())
    with pytest.raises(RefusedError, match="is here already \\(account 1\\)"):
        await Desk(store, OPERATOR).add(make_account(server="PBX.example"))
    with pytest.raises(RefusedError, match="is here already\\."):
        await Desk(store, STRANGER).add(make_account(owner_id=STRANGER.user_id))
    second = await Desk(store, OPERATOR).add(make_account("200"))
    with pytest.raises(RefusedError, match="is here already"):
        await Desk(store, OPERATOR).change(make_account(account_id=second.account_id))


async def test_switching_to_what_is_so_already_changes_nothing(store: AccountsInMemory) -> None:
    desk = Desk(store, OPERATOR)
    account = await desk.add(make_account())
    assert await desk.switch(account.account_id, is_enabled=True) == account
    assert len(store.done) == 1


async def test_an_unknown_account_is_refused(store: AccountsInMemory) -> None:
    with pytest.raises(RefusedError, match="There is no account 7"):
        await Desk(store, OPERATOR).show(AccountId(7))
