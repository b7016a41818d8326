"""One request to Telegram, with a deadline and with failures that can be told apart."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from telethon import TelegramClient

ANSWER_WITHIN_S = 60.0

T = TypeVar("T")


async def ask(client: TelegramClient, request: Any, *, within_s: float = ANSWER_WITHIN_S) -> Any:
    """Return Telegram's answer to a request; raises as `answered` does.

    Telethon sends a request again by itself after it has reconnected.
    """
    return await answered(client(request), within_s=within_s)


async def answered(work: Awaitable[T], *, within_s: float = ANSWER_WITHIN_S) -> T:
    """Wait for something that Telethon does.

    Raises RPCError if Telegram refuses, TimeoutError if it does not answer in
    time, ConnectionError if the connection is gone for good.
    """
    try:
        async with asyncio.timeout(within_s):
            return await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Telethon cancels the futures of its open requests when it disconnects; nobody cancelled us.
        raise ConnectionError("disconnected from Telegram") from None
