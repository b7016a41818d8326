"""What a hub does again and again beside its calls."""

import asyncio
from typing import Final

import structlog

from linegram.calls.ports import CallJournal
from linegram.calls.runner import CallRunner
from linegram.errors import UnavailableError
from linegram.office.watch import OfficeWatch

_log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
ALIVE_EVERY_S: Final = 5.0


async def keep_looking(watch: OfficeWatch) -> None:
    """Look at the office again and again: the command line changes it beside us."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await watch.look()
        except UnavailableError as failure:
            _log.warning("office_not_read", reason=str(failure))


async def keep_noting(runner: CallRunner, journal: CallJournal) -> None:
    """Note that the service lives while it has calls: a kill then ends them when they really ended."""
    while True:
        await asyncio.sleep(ALIVE_EVERY_S)
        if len(runner.desk):
            try:
                await journal.note_alive()
            except UnavailableError as failure:
                _log.warning("sign_of_life_not_noted", reason=str(failure))
