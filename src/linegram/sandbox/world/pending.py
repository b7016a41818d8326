"""A question put to a bot and the wait for its answer."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from linegram.sandbox.world.refusals import bad_request

Answer = TypeVar("Answer")


class Pending(Generic[Answer]):
    """An answer that comes later, once."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self._listeners: list[Callable[[Answer], None]] = []

    def settle(self, answer: Answer) -> None:
        """Store the answer and tell everybody who waits; the first answer stays."""
        if self.answer is not None:
            return
        self.answer = answer
        for listener in self._listeners:
            listener(answer)
        self._listeners.clear()

    def when_settled(self, listener: Callable[[Answer], None]) -> None:
        """Call `listener` with the answer, at once if it is there already."""
        if self.answer is not None:
            listener(self.answer)
        else:
            self._listeners.append(listener)

    async def wait(self, timeout_s: float) -> Answer:
        """Return the answer; raise the BOT_RESPONSE_TIMEOUT refusal if it does not come in time."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.when_settled(lambda answer: None if future.done() else future.set_result(answer))
        try:
            return await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            raise bad_request("BOT_RESPONSE_TIMEOUT") from None
