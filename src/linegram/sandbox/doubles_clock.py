"""Time for tests: a running event loop whose clock moves only when told."""

import asyncio

_TURNS = 20


class HandClock:
    """The clock of the running loop from now on: timers are due when `advance` has reached them.

    It starts at the loop's own time, so timers that exist already keep their distance.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        loop.time = self  # type: ignore[method-assign]

    def __call__(self) -> float:
        """Return the present."""
        return self.now

    async def advance(self, by_s: float) -> None:
        """Let time pass, and everything happen that is due by then."""
        self.now += by_s
        await settle()


async def settle() -> None:
    """Let tasks and callbacks that are ready run, and what they lead to."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
