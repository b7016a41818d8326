"""Saves a session soon after it changed, and at the end; not at each change."""

import asyncio
from typing import Final

import structlog

from linegram.errors import UnavailableError
from linegram.telegram.session import AccountSession, SessionStore

log = structlog.get_logger()

SAVE_AFTER_S: Final = 2.0


class SessionKeeper:
    """Keeps one session in its store."""

    def __init__(
        self, session: AccountSession, store: SessionStore, *, after_s: float = SAVE_AFTER_S
    ) -> None:
        self._session = session
        self._store = store
        self._after_s = after_s
        self._is_changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Save from now on, `after_s` after a change at the latest."""
        self._session.on_changed = self._is_changed.set
        self._task = asyncio.create_task(self._keep(), name="telegram_session_keeper")

    async def stop(self) -> None:
        """Save what has changed, then no more."""
        if self._task is None:
            return
        self._session.on_changed = None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self._save()

    async def _keep(self) -> None:
        while True:
            await self._is_changed.wait()
            await asyncio.sleep(self._after_s)
            self._is_changed.clear()
            await self._save()

    async def _save(self) -> None:
        try:
            await self._store.save(self._session.export())
        except (OSError, UnavailableError) as error:
            # The next change, or the stop, tries again.
            log.error("telegram_session_not_saved", error=repr(error))
