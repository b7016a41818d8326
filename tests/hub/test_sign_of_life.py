"""The hub notes that it lives while it has calls, so that a kill does not make their talks longer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

from linegram.calls.card import CardButton
from linegram.errors import UnavailableError
from linegram.hub.background import ALIVE_EVERY_S, keep_noting
from tests.calls.call_office import CallOffice
from tests.calls.test_runner import arrive, be_answered


@asynccontextmanager
async def noting(office: CallOffice) -> AsyncIterator[None]:
    task = asyncio.create_task(keep_noting(office.runner, office.journal))
    await asyncio.sleep(0)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_sign_of_life_is_noted_again_and_again_while_a_call_is_on() -> None:
    office = CallOffice()
    await arrive(office)
    await be_answered(office)
    async with noting(office):
        await office.clock.advance(ALIVE_EVERY_S)
        first = office.journal.alive_at
        await office.clock.advance(ALIVE_EVERY_S)
        assert first is not None
        assert office.journal.alive_at is not None
        assert office.journal.alive_at > first


async def test_without_calls_nothing_is_written() -> None:
    office = CallOffice()
    async with noting(office):
        await office.clock.advance(ALIVE_EVERY_S)
    assert office.journal.alive_at is None


async def test_a_database_that_is_away_for_a_moment_does_not_end_the_noting() -> None:
    office = CallOffice()
    await arrive(office)
    await be_answered(office)
    note = office.journal.note_alive

    async def fail_once() -> None:
        office.journal.note_alive = note  # type: ignore[method-assign]
        raise UnavailableError("database is locked")

    office.journal.note_alive = fail_once  # type: ignore[method-assign]
    async with noting(office):
        with capture_logs() as logs:
            await office.clock.advance(ALIVE_EVERY_S)
        assert [entry["event"] for entry in logs] == ["sign_of_life_not_noted"]
        await office.clock.advance(ALIVE_EVERY_S)
    assert office.journal.alive_at is not None
    await office.press(CardButton.HANG_UP)
