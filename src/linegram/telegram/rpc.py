"""One request to Telegram, with a deadline and with failures that can be told apart."""

import asyncio
from typing import Any

from telethon import TelegramClient

ANSWER_WITHIN_S = 60.0


async def ask(client: TelegramClient, request: Any, *, within_s: float = ANSWER_WITHIN_S) -> Any:
    """Return Telegram's answer.

    Raises RPCError if Telegram refuses, TimeoutError if it does not answer in
    time, ConnectionError if the connection is gone for good. Telethon sends a
    request again by itself after it has reconnected.
    """
    try:
        async with asyncio.timeout(within_s):
            return await client(request)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Telethon cancels the futures of its open requests when it disconnects; nobody cancelled us.
        raise ConnectionError("disconnected from Telegram") from None
