"""Who sees which lines, and what is said of them."""

from collections.abc import Sequence

from linegram.link.accounts import RegistrationState
from linegram.office.account import AccountStatus, SipAccount
from linegram.office.line_list import LineList, ListedLine
from linegram.office.person import Person
from linegram.units import AccountId, TelegramUserId
from tests.office.accounts import ANNA, OWNER, make_account

STRANGER = TelegramUserId(3000)
ONE, TWO, THREE = AccountId(1), AccountId(2), AccountId(3)


class Lines:
    """A store with a few lines and people."""

    def __init__(self, *accounts: SipAccount, statuses: Sequence[AccountStatus] = ()) -> None:
        self._accounts = accounts
        self._statuses = statuses
        self._people = {ANNA: Person(user_id=ANNA, name="Anna")}

    async def of_owner(self, owner_id: TelegramUserId) -> Sequence[SipAccount]:
        return [account for account in self._accounts if account.owner_id == owner_id]

    async def of_user(self, user_id: TelegramUserId) -> Sequence[SipAccount]:
        return [account for account in self._accounts if account.user_id == user_id]

    async def statuses(self) -> Sequence[AccountStatus]:
        return self._statuses

    async def find(self, user_id: TelegramUserId) -> Person | None:
        return self._people.get(user_id)

    async def seen_by(self, user_id: TelegramUserId) -> Sequence[ListedLine]:
        return await LineList(self, self).lines(user_id)


async def test_an_owner_sees_his_lines_and_a_user_those_he_calls_with() -> None:
    lines = Lines(
        make_account("100", account_id=ONE, name="Sales"),
        make_account("101", account_id=TWO, name="Door", user_id=ANNA),
        make_account("102", account_id=THREE, owner_id=STRANGER),
    )
    assert [line.account.account_id for line in await lines.seen_by(OWNER)] == [TWO, ONE]
    assert [line.account.account_id for line in await lines.seen_by(ANNA)] == [TWO]
    assert await lines.seen_by(TelegramUserId(9)) == []


async def test_a_line_that_is_owned_and_used_by_one_person_is_listed_once() -> None:
    lines = Lines(make_account(account_id=ONE, user_id=OWNER))
    assert len(await lines.seen_by(OWNER)) == 1


async def test_lines_come_in_the_order_of_their_names_whatever_the_case() -> None:
    lines = Lines(
        make_account("100", account_id=ONE, name="beta"),
        make_account("101", account_id=TWO, name="Alpha"),
        make_account("102", account_id=THREE, name="Beta"),
    )
    assert [line.account.account_id for line in await lines.seen_by(OWNER)] == [TWO, ONE, THREE]


async def test_each_line_says_who_uses_it_and_what_became_of_its_registration() -> None:
    online = AccountStatus(account_id=ONE, state=RegistrationState.ONLINE, sip_status=200)
    lines = Lines(
        make_account("100", account_id=ONE, name="a", user_id=ANNA),
        make_account("101", account_id=TWO, name="b", user_id=STRANGER),
        make_account("102", account_id=THREE, name="c"),
        statuses=[online],
    )
    listed = await lines.seen_by(OWNER)
    assert [line.person for line in listed] == ["Anna", str(STRANGER), ""]
    assert listed[0].status == online
    assert listed[1].status == AccountStatus(account_id=TWO, state=RegistrationState.OFFLINE)
