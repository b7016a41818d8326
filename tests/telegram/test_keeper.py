"""The session is saved soon after a change, once for many changes, and at the end."""

import asyncio

import pytest

from linegram.errors import UnavailableError
from linegram.telegram.keeper import SessionKeeper
from linegram.telegram.session import AccountSession
from tests.telegram.office import MemoryStore


class FailingStore(MemoryStore):
    """A store that fails a number of times."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures
        self.tried = asyncio.Event()

    async def save(self, session: str) -> None:
        self.tried.set()
        if self.failures:
            self.failures -= 1
            raise UnavailableError("no database")
        await super().save(session)


async def test_many_changes_are_one_save() -> None:
    session, store = AccountSession(), FailingStore(0)
    keeper = SessionKeeper(session, store, after_s=0.05)
    keeper.start()
    for _ in range(50):
        session.save()
    await store.tried.wait()
    assert store.saves == 1
    assert store.session == session.export()
    await keeper.stop()


async def test_the_stop_saves_what_is_still_unsaved() -> None:
    session, store = AccountSession(), MemoryStore()
    keeper = SessionKeeper(session, store, after_s=1000)
    keeper.start()
    session.set_dc(4, "192.0.2.9", 443)
    session.save()
    await keeper.stop()
    assert store.session == session.export()
    await keeper.stop()
    assert store.saves == 1


async def test_a_store_that_fails_is_tried_again_later(caplog: pytest.LogCaptureFixture) -> None:
    session, store = AccountSession(), FailingStore(1)
    keeper = SessionKeeper(session, store, after_s=0.01)
    keeper.start()
    session.save()
    await store.tried.wait()
    assert store.saves == 0
    await keeper.stop()
    assert store.saves == 1
