"""Makes the native library's methods ordinary calls. Knows only how the library uses asyncio.

Each of its methods ends in `get_event_loop().run_in_executor(...)`. In a
thread that runs no loop, the loop below answers that by calling the function
on the spot: no future, no second thread, no 0.8 % of a core per call.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class _InlineLoop(asyncio.AbstractEventLoop):
    def run_in_executor(  # type: ignore[override]  # a plain result instead of a future: the point of it all
        self,
        executor: Any,  # noqa: ARG002
        func: Callable[..., Any],
        *args: Any,
    ) -> Any:
        return func(*args)

    def get_debug(self) -> bool:
        return False


def call_inline_in_this_thread() -> None:
    """Let the library run its methods in the calling thread, which must not run an asyncio loop."""
    asyncio.set_event_loop(_InlineLoop())  # type: ignore[abstract]  # the library calls no other method
