"""Hub and worker in one process, until a signal stops them."""

import asyncio
import signal
from collections.abc import Callable
from typing import Final

import structlog

from linegram.config import Settings
from linegram.hub import running_hub
from linegram.link.carrier import MemoryLink
from linegram.storage.accounts import AccountRepository
from linegram.storage.database import Database
from linegram.storage.vault import open_vault
from linegram.worker import running_worker

_log = structlog.get_logger()

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


async def serve_until_signal(settings: Settings, say: Callable[[str], None]) -> None:
    """Run the service; the first SIGINT or SIGTERM ends it in order, also in the middle of its start."""
    loop = asyncio.get_running_loop()
    service = asyncio.create_task(_run(settings, say), name="service")

    def stop(number: signal.Signals) -> None:
        if not service.cancelling():  # a second signal does not interrupt the ending of calls
            _log.info("service_stopping", signal=number.name)
            service.cancel()

    for each in _STOP_SIGNALS:
        loop.add_signal_handler(each, stop, each)
    await asyncio.wait({service})
    if not service.cancelled():
        service.result()
    _log.info("service_stopped")


async def _run(settings: Settings, say: Callable[[str], None]) -> None:
    """Start everything, say so in one line, and wait to be cancelled."""
    count = await _enabled_accounts(settings)
    link = MemoryLink()
    async with running_worker(settings, link), running_hub(settings, link) as hub:
        mention = await hub.account.mention()
        lines = "1 account" if count == 1 else f"{count} accounts"
        say(f"linegram is ready: bot @{hub.bot_username}, calling account {mention}, {lines}")
        await asyncio.Event().wait()


async def _enabled_accounts(settings: Settings) -> int:
    """Count the accounts that will be registered. Proves key and database before anything is started."""
    vault = open_vault(settings.key.get_secret_value(), settings.key_path)
    async with await Database.open(settings.database_url, vault) as database:
        return sum(account.is_enabled for account in await AccountRepository(database).all())
