"""Waiting for something that cannot announce itself (a file, a foreign process), with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

POLL_S = 0.02

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]], timeout_s: float) -> T:
    """Look again and again until the answer is true, and return it. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(POLL_S)
