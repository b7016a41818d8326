"""Background jobs keep their order and survive each other's failures."""

import asyncio

import pytest
from structlog.testing import capture_logs

from linegram.calls.chain import Chain
from linegram.sandbox.doubles_clock import settle


async def test_jobs_run_one_at_a_time_in_their_order() -> None:
    chain, done, may_go_on = Chain("notes"), list[int](), asyncio.Event()

    async def slow() -> None:
        await may_go_on.wait()
        done.append(1)

    async def quick() -> None:
        done.append(2)

    chain.submit(slow)
    chain.submit(quick)
    await settle()
    assert done == []
    may_go_on.set()
    await chain.drain()
    assert done == [1, 2]
    await chain.close()


async def test_a_job_that_fails_is_logged_and_the_next_one_runs() -> None:
    chain, done = Chain("notes"), list[int]()

    async def fail() -> None:
        raise OSError("disk is full")

    async def succeed() -> None:
        done.append(1)

    with capture_logs() as logs:
        chain.submit(fail)
        chain.submit(succeed)
        await chain.drain()
    assert done == [1]
    assert [(entry["event"], entry["chain"]) for entry in logs] == [("background_job_failed", "notes")]
    await chain.close()


async def test_closing_runs_what_was_submitted() -> None:
    chain, done = Chain("notes"), list[int]()

    async def note(number: int) -> None:
        done.append(number)

    for number in range(5):
        chain.submit(lambda number=number: note(number))  # type: ignore[misc]
    await chain.close()
    assert done == list(range(5))
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "notes"]


async def test_a_job_that_stands_still_keeps_nobody_from_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linegram.calls.chain._CLOSE_WITHIN_S", 0.0)
    chain = Chain("notes")

    async def stand_still() -> None:
        await asyncio.Event().wait()

    with capture_logs() as logs:
        chain.submit(stand_still)
        await chain.close()
    assert [entry["event"] for entry in logs] == ["background_jobs_given_up"]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "notes"]
