"""A Telethon client that answers by script: for what the sandbox cannot be made to do in a short time."""

import asyncio
from collections.abc import Callable
from typing import Any

Answer = Any | Exception | Callable[[], Any]


class FakeClient:
    """Answers requests in order; the last answer is repeated. Exceptions are raised."""

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[Any] = []
        self._answers = list(answers)

    async def __call__(self, request: Any) -> Any:
        await asyncio.sleep(0)
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer
