"""Waits for what media hosts answer: ports opened or refused, a call freed."""

import asyncio
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

_ANSWER_LIMIT_S: Final = 5.0

_Question = TypeVar("_Question", bound=Hashable)
_Answer = TypeVar("_Answer")


class HostAnswers(Generic[_Question, _Answer]):
    """At most one waits for each question; None is the answer of a host that is gone or silent."""

    def __init__(self) -> None:
        self._waiting: dict[_Question, asyncio.Future[_Answer | None]] = {}

    def expect(self, question: _Question) -> "asyncio.Future[_Answer | None]":
        """Begin to wait, before the question is sent; then pass the future to `wait`."""
        answer: asyncio.Future[_Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting[question] = answer
        return answer

    async def wait(self, question: _Question, answer: "asyncio.Future[_Answer | None]") -> _Answer | None:
        """Wait for the answer, five seconds at the most."""
        try:
            return await asyncio.wait_for(answer, _ANSWER_LIMIT_S)
        except TimeoutError:
            return None
        finally:
            if self._waiting.get(question) is answer:
                del self._waiting[question]

    def give(self, question: _Question, answer: _Answer | None) -> None:
        """Answer whoever waits."""
        waiting = self._waiting.get(question)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
