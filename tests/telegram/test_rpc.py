"""Failures of a request can be told apart."""

import asyncio

import pytest

from linegram.telegram.rpc import answered


async def test_an_answer_is_returned() -> None:
    assert await answered(asyncio.sleep(0, "answer")) == "answer"


async def test_no_answer_in_time_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        await answered(asyncio.Event().wait(), within_s=0.01)


async def test_a_future_that_telethon_cancels_is_a_lost_connection() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(answered(future))
    await asyncio.sleep(0)
    future.cancel()
    with pytest.raises(ConnectionError):
        await waiting


async def test_our_own_cancellation_stays_one() -> None:
    waiting = asyncio.create_task(answered(asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
