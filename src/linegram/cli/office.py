"""Opens the office's database for one command."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

import typer

from linegram.config import load_settings
from linegram.office.account import AccountStatus
from linegram.office.administration import Administration
from linegram.office.person import Person
from linegram.office.ports import OPERATOR
from linegram.storage.accounts import AccountRepository
from linegram.storage.database import Database
from linegram.storage.people import PeopleRepository
from linegram.storage.vault import open_vault
from linegram.units import AccountId, TelegramUserId

Result = TypeVar("Result")


class Office:
    """What a command works with: administration by the operator, and what lies behind it."""

    def __init__(self, database: Database) -> None:
        self.accounts = AccountRepository(database)
        self.people = PeopleRepository(database)
        self.administration = Administration(self.accounts, OPERATOR)

    async def statuses(self) -> Mapping[AccountId, AccountStatus]:
        """What the PBXs said, by account."""
        return {status.account_id: status for status in await self.accounts.statuses()}

    async def known_people(self) -> Mapping[TelegramUserId, Person]:
        """Everybody whom Linegram has seen."""
        return {person.user_id: person for person in await self.people.all()}


def in_office(context: typer.Context, work: Callable[[Office], Awaitable[Result]]) -> Result:
    """Open the database of the given configuration, do the work, and close it."""
    config: Path | None = context.obj
    settings = load_settings(config)
    vault = open_vault(settings.key.get_secret_value(), settings.key_path)

    async def run() -> Result:
        async with await Database.open(settings.database_url, vault) as database:
            return await work(Office(database))

    return asyncio.run(run())
