"""The real bot, polling the sandbox, with a desk that the test fills."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import time

import pytest
from cryptography.fernet import Fernet

from linegram.bot.service import BotService, make_bot
from linegram.calls.card import Card, CardButton
from linegram.office.line_list import LineList
from linegram.sandbox.botapi import SandboxBotApi
from linegram.sandbox.world import World
from linegram.sandbox.world.people import Person
from linegram.storage.accounts import AccountRepository
from linegram.storage.database import Database
from linegram.storage.people import PeopleRepository
from linegram.storage.vault import Vault
from linegram.units import TelegramUserId


@dataclass
class RecordingDesk:
    """Answers with the cards it was given and remembers presses."""

    cards: dict[str, Card] = field(default_factory=dict)
    presses: list[tuple[TelegramUserId, str, CardButton]] = field(default_factory=list)

    def card(self, card_id: str) -> Card | None:
        return self.cards.get(card_id)

    async def press(self, user_id: TelegramUserId, card_id: str, button: CardButton) -> bool:
        self.presses.append((user_id, card_id, button))
        return card_id in self.cards


@dataclass
class Stage:
    """A running bot and whom it plays with."""

    world: World
    api: SandboxBotApi
    service: BotService
    desk: RecordingDesk
    accounts: AccountRepository
    anna: Person
    caller: Person
    bot: Person


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    world = World(Random(7), time)
    anna = world.people.add_person("Anna")
    caller = world.people.add_person("Office calls")
    person = world.people.add_bot("Linegram", username="linegram_bot")
    world.people.meet(anna.user_id, caller.user_id)
    world.people.meet(caller.user_id, anna.user_id)
    assert person.bot is not None
    vault = Vault([Fernet.generate_key().decode()])
    url = f"sqlite+aiosqlite:///{tmp_path / 'office.db'}"
    async with await Database.open(url, vault) as database, SandboxBotApi(world) as api:
        accounts, people = AccountRepository(database), PeopleRepository(database)
        service = BotService(
            make_bot(person.bot.token, api.url),
            database,
            calling_account_id=TelegramUserId(caller.user_id),
            calling_account="@office_calls",
        )
        made = Stage(world, api, service, RecordingDesk(), accounts, anna, caller, person)
        service.start(made.desk, LineList(accounts, people))
        yield made
        await service.close()
