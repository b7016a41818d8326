"""What is known of people grows and their choices stay."""

import pytest

from linegram.office.person import Person
from linegram.office.ports import OPERATOR
from linegram.storage.accounts import AccountRepository
from linegram.storage.database import Database
from linegram.storage.people import PeopleRepository
from linegram.units import TelegramUserId
from tests.office.accounts import ANNA, make_account


@pytest.fixture
def people(database: Database) -> PeopleRepository:
    return PeopleRepository(database)


async def test_a_person_is_met_and_renamed_but_keeps_his_choices(people: PeopleRepository) -> None:
    await people.meet(ANNA, name="Anna", username="anna", language="ru")
    await people.choose_callback(ANNA, is_callback=False)
    await people.mark_written(ANNA)
    await people.meet(ANNA, name="Anna K.", username="", language="")
    assert await people.find(ANNA) == Person(
        user_id=ANNA, name="Anna K.", language="ru", is_callback=False, has_written=True
    )


@pytest.mark.parametrize("step", ["write", "choose", "assign"])
async def test_a_person_may_become_known_in_any_way_first(
    people: PeopleRepository, database: Database, step: str
) -> None:
    match step:
        case "write":
            await people.mark_written(ANNA)
        case "choose":
            await people.choose_callback(ANNA, is_callback=True)
        case _:
            await AccountRepository(database).add(make_account(user_id=ANNA), OPERATOR)
    await people.meet(ANNA, name="Anna", username="anna", language="en")
    person = await people.find(ANNA)
    assert person is not None
    assert (person.name, person.has_written, person.is_callback) == (
        "Anna",
        step == "write",
        True if step == "choose" else None,
    )


async def test_assigning_a_line_leaves_a_known_person_as_he_was(
    people: PeopleRepository, database: Database
) -> None:
    await people.meet(ANNA, name="Anna", username="anna", language="ru")
    await AccountRepository(database).add(make_account(user_id=ANNA), OPERATOR)
    assert [person.name for person in await people.all()] == ["Anna"]


async def test_a_stranger_is_nobody(people: PeopleRepository) -> None:
    assert await people.find(TelegramUserId(404)) is None
    assert await people.all() == []


def test_a_person_has_a_title_that_can_be_read() -> None:
    assert Person(user_id=ANNA, name="Anna", username="a").title == "Anna"
    assert Person(user_id=ANNA, username="anna").title == "@anna"
    assert Person(user_id=ANNA).title == "2000"
