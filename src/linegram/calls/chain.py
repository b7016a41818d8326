"""Coroutines run one after another in the background, so that notes about a call keep their order."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

_log = structlog.get_logger()

_CLOSE_WITHIN_S: Final = 5.0

Job = Callable[[], Coroutine[Any, Any, None]]


class Chain:
    """Runs submitted jobs in order, one at a time. A job that fails is logged and the next one runs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(), name=name)

    def submit(self, job: Job) -> None:
        """Run `job` after all that were submitted before it."""
        self._jobs.put_nowait(job)

    async def drain(self) -> None:
        """Wait until everything submitted so far has run."""
        await self._jobs.join()

    async def close(self) -> None:
        """Run what is left, then stop; jobs that stand still are given up after a few seconds."""
        try:
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                await self.drain()
        except TimeoutError:
            _log.error("background_jobs_given_up", chain=self._name, jobs=self._jobs.qsize() + 1)
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            job = await self._jobs.get()
            try:
                await job()
            except Exception:  # one failed note must not stop the later ones
                _log.exception("background_job_failed", chain=self._name)
            finally:
                self._jobs.task_done()
