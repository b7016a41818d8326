"""A running sandbox Telegram with the usual cast."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from linegram.sandbox.employee import Employee
from linegram.sandbox.mtproto import SandboxTelegram
from linegram.sandbox.mtproto.keys import ServerKey
from linegram.sandbox.world import World
from linegram.sandbox.world.people import Person


@dataclass
class Office:
    """A running Telegram, and who plays."""

    telegram: SandboxTelegram
    anna: Person
    boris: Person
    bot: Person

    @property
    def world(self) -> World:
        """The world behind the server."""
        return self.telegram.world

    def at_device(self, person: Person) -> Employee:
        """Return somebody at a device of his own, not connected yet."""
        return Employee(self.telegram, person)


@pytest.fixture(scope="session")
def server_key() -> ServerKey:
    """One RSA key for all tests of the session."""
    return ServerKey()


@pytest.fixture
async def office(server_key: ServerKey) -> AsyncIterator[Office]:
    """Run a Telegram with two people and a bot."""
    async with SandboxTelegram(server_key=server_key) as telegram:
        people = telegram.world.people
        yield Office(
            telegram,
            people.add_person("Anna", phone="79990000001", username="anna"),
            people.add_person("Boris", phone="79990000002", username="boris"),
            people.add_bot("Linegram", username="linegram_bot"),
        )
