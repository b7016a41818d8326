"""A whole office in the sandbox: Telegram, Bot API, the bot, the signed-in calling account, the settings.

What is left to a test or the demo is the PBX, and the people who call.
"""

import time
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import msgspec

from linegram.config import Settings
from linegram.errors import RefusedError
from linegram.office.account import SipAccount
from linegram.office.ports import OPERATOR
from linegram.sandbox.botapi import SandboxBotApi
from linegram.sandbox.employee import API_HASH, API_ID, Employee
from linegram.sandbox.mtproto.server import SandboxTelegram
from linegram.sandbox.world import World
from linegram.sandbox.world.people import Person
from linegram.storage.accounts import AccountRepository
from linegram.storage.database import Database
from linegram.storage.sessions import SessionStore
from linegram.storage.vault import create_key_file, open_vault
from linegram.telegram.connection import TelegramServer, TelegramSettings
from linegram.telegram.sign_in import SignIn, Step
from linegram.units import TelegramUserId

BOT_USERNAME = "linegram_bot"


class SandboxOffice:
    """An office whose service has yet to be started. Use as an async context manager.

    `folder` takes the database, the keys and whatever the service writes. Same
    seed, same ids.
    """

    def __init__(self, folder: Path, *, seed: int = 1) -> None:
        self.folder = folder
        self.world = World(Random(seed), time.time)
        self.telegram = SandboxTelegram(world=self.world)
        self.bot_api = SandboxBotApi(self.world)
        self.calling_account = self.world.people.add_person(
            "Office telephone", phone="99966110001", username="office_calls"
        )
        self.bot = self.world.people.add_bot("Linegram", username=BOT_USERNAME)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the servers, make the keys, and sign the calling account in."""
        await self._open.enter_async_context(self.telegram)
        await self._open.enter_async_context(self.bot_api)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._key_file.write_text(self.telegram.public_key_pem, encoding="ascii")
        create_key_file(self.settings().key_path)
        await self._sign_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the servers."""
        await self._open.__aexit__(kind, error, trace)

    @property
    def _key_file(self) -> Path:
        return self.folder / "telegram-sandbox.pem"

    def settings(self, **sections: dict[str, Any]) -> Settings:
        """Return settings for this office; each given section adds to or replaces single values."""
        host, port = self.telegram.address
        token = self.bot.bot.token if self.bot.bot is not None else ""
        base: dict[str, dict[str, Any]] = {
            "telegram": {
                "api_id": API_ID,
                "api_hash": API_HASH,
                "bot_token": token,
                "bot_api_url": self.bot_api.url,
                "phone": f"+{self.calling_account.phone}",
                "server_host": host,
                "server_port": port,
                "public_key_file": self._key_file,
            },
            "sip": {"bind_ip": "127.0.0.1", "port": 0},
            "rtp": {"bind_ip": "127.0.0.1"},
        }
        names = base.keys() | sections.keys()
        merged = {name: {**base.get(name, {}), **sections.get(name, {})} for name in names}
        return Settings(data_dir=self.folder, **merged)  # type: ignore[arg-type]

    async def hire(self, name: str) -> Person:
        """Add a person who has written to the calling account and so can be called by it."""
        person = self.world.people.add_person(name)
        async with Employee(self.telegram, person) as device:
            await device.send(self.calling_account, "Hello")
        return person

    async def add_account(self, account: SipAccount, employee: Person) -> SipAccount:
        """Store a SIP account and assign it to an employee."""
        async with await self.database() as database:
            assigned = msgspec.structs.replace(account, user_id=TelegramUserId(employee.user_id))
            return await AccountRepository(database).add(assigned, OPERATOR)

    async def database(self) -> Database:
        """Open the office's database, beside a running service or before it."""
        settings = self.settings()
        return await Database.open(settings.database_url, open_vault("", settings.key_path))

    async def _sign_in(self) -> None:
        host, port = self.telegram.address
        server = TelegramServer(host=host, port=port, public_key_pem=self.telegram.public_key_pem)
        telegram = TelegramSettings(api_id=API_ID, api_hash=API_HASH, server=server)
        phone = self.calling_account.phone
        async with (
            await self.database() as database,
            SignIn(telegram, SessionStore(database)) as sign_in,
        ):
            await sign_in.request_code(f"+{phone}")
            step = await sign_in.enter_code(self.world.sign_in.code_for(phone))
        if step is not Step.SIGNED_IN:
            raise RefusedError(f"The sandbox's calling account did not sign in: {step.value}.")
