"""People in the database."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import select

from linegram.office.person import Person
from linegram.storage.database import Database
from linegram.storage.tables import PersonRow
from linegram.storage.upsert import upsert
from linegram.units import TelegramUserId

BLANK_PERSON = MappingProxyType({"name": "", "username": "", "language": "", "has_written": False})


class PeopleRepository:
    """Reads and writes what the office knows of people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user_id: TelegramUserId) -> Person | None:
        """The person with this Telegram number."""
        async with self._database.reading() as session:
            row = await session.get(PersonRow, user_id)
            return None if row is None else _person(row)

    async def all(self) -> Sequence[Person]:
        """Everybody, by number."""
        async with self._database.reading() as session:
            rows = await session.scalars(select(PersonRow).order_by(PersonRow.user_id))
            return [_person(row) for row in rows]

    async def meet(self, user_id: TelegramUserId, *, name: str, username: str, language: str) -> None:
        """Remember how Telegram names a person; his choices stay. An empty language keeps the known one."""
        values = {"name": name[:256], "username": username[:64]}
        await self._put(user_id, values | ({"language": language[:16]} if language else {}))

    async def mark_written(self, user_id: TelegramUserId) -> None:
        """Remember that this person wrote to the calling account, so that it can call him."""
        await self._put(user_id, {"has_written": True})

    async def choose_callback(self, user_id: TelegramUserId, *, is_callback: bool | None) -> None:
        """Remember how this person wants to place calls; None leaves it to his lines."""
        await self._put(user_id, {"is_callback": is_callback})

    async def _put(self, user_id: TelegramUserId, values: dict[str, Any]) -> None:
        known = {"user_id": user_id, "changed_at": self._database.clock()} | values
        async with self._database.writing() as session:
            await session.execute(upsert(self._database, PersonRow, known, key="user_id", blank=BLANK_PERSON))


def _person(row: PersonRow) -> Person:
    return Person(
        user_id=TelegramUserId(row.user_id),
        name=row.name,
        username=row.username,
        language=row.language,
        is_callback=row.is_callback,
        has_written=row.has_written,
    )
