"""A running sandbox Telegram with a signed-in calling account and two employees whom it has met."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from linegram.sandbox.mtproto import SandboxTelegram
from linegram.sandbox.mtproto.keys import ServerKey
from linegram.telegram.account import CallingAccount
from linegram.telegram.sign_in import SignIn, Step
from tests.telegram.office import Heard, MemoryStore, Office, settings_for


@pytest.fixture(scope="session")
def server_key() -> ServerKey:
    """One RSA key for all tests of the session."""
    return ServerKey()


@pytest.fixture
async def empty_office(server_key: ServerKey) -> AsyncIterator[Office]:
    """Run a Telegram in which nobody has signed in or met anybody."""
    async with SandboxTelegram(server_key=server_key) as telegram:
        people = telegram.world.people
        yield Office(
            telegram,
            people.add_person("Office calls", phone="79990000001"),
            people.add_person("Anna", phone="79990000002", username="anna"),
            people.add_person("Boris", phone="79990000003"),
            people.add_bot("Linegram", username="linegram_bot"),
            settings_for(telegram),
            MemoryStore(),
        )


@pytest.fixture
async def office(empty_office: Office) -> Office:
    """The same, with the calling account signed in."""
    office = empty_office
    async with SignIn(office.settings, office.store) as sign_in:
        await sign_in.request_code("+79990000001")
        code = office.world.sign_in.code_for("79990000001")
        assert await sign_in.enter_code(code) is Step.SIGNED_IN
    return office


@pytest.fixture
async def account(office: Office) -> AsyncIterator[CallingAccount]:
    """The calling account, started, to whom both employees have written."""
    async with _started(office, office.account()) as account:
        yield account


@pytest.fixture
async def watchful_account(office: Office) -> AsyncIterator[CallingAccount]:
    """The same, which notices at once when Telegram does not answer."""
    async with _started(office, office.account(ping_every_s=0.2)) as account:
        yield account


@asynccontextmanager
async def _started(office: Office, account: CallingAccount) -> AsyncIterator[CallingAccount]:
    await account.start()
    office.writes(office.anna, "hello")
    office.writes(office.boris, "hello")
    await office.heard.until(lambda: len(office.heard.texts) == 2 or None)
    yield account
    await account.stop()


@pytest.fixture
def heard(office: Office) -> Heard:
    """What the hub heard."""
    return office.heard
