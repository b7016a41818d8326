"""Everything that a field test needs, opened and closed: database, calling account, media hosts."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from linegram.agent.hosts import HostPool, PoolEvent
from linegram.calls.ports import PhoneEvent
from linegram.cli.check_machine import open_database
from linegram.cli.fieldtest.ear import LOOPBACK
from linegram.cli.fieldtest.guide import Guide
from linegram.cli.fieldtest.line import FieldLine
from linegram.cli.fieldtest.programme import Programme
from linegram.cli.fieldtest.results import Record
from linegram.cli.terminal import Terminal
from linegram.config import Settings
from linegram.errors import UnavailableError
from linegram.link.gate import Gate
from linegram.storage.sessions import SessionStore
from linegram.telegram.account import AccountSinks, CallingAccount, EmployeeText
from linegram.telegram.connection import telegram_settings
from linegram.units import TelegramUserId
from linegram.worker import pool_settings

_TEXT_WITHIN_S = 300.0


@dataclass(frozen=True, kw_only=True)
class FieldOffice:
    """The line of a field test, and what people write to the calling account."""

    line: FieldLine
    mention: str
    texts: "asyncio.Queue[EmployeeText]"


async def hold(
    settings: Settings, terminal: Terminal, folder: Path, record: Record, *, programme: Programme
) -> None:
    """Hold a field test; whatever ends it, record and report are written."""
    guide = Guide(terminal, folder, record, programme=programme, clock=time.time)
    async with open_office(settings, {trial.engine for trial in record.plan}) as office:
        guide.introduce(office.mention)
        try:
            user_id = await _meet(office, terminal)
            await guide.run(office.line, user_id, office.mention)
        finally:
            guide.finish()


@asynccontextmanager
async def open_office(settings: Settings, engines: Collection[str]) -> AsyncIterator[FieldOffice]:
    """Connect the calling account and start the media hosts of each engine.

    Raises RefusedError or UnavailableError with a sentence.
    """
    texts: asyncio.Queue[EmployeeText] = asyncio.Queue()
    phone_events, media_events = Gate[PhoneEvent](), Gate[PoolEvent]()
    sinks = AccountSinks(phone=phone_events, text=texts.put_nowait, state=lambda _: None)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(await open_database(settings))
        account = CallingAccount(telegram_settings(settings), SessionStore(database), sinks)
        await account.start()
        stack.push_async_callback(account.stop)
        pools = {engine: _pool(settings, engine, media_events) for engine in engines}
        for pool in pools.values():
            stack.push_async_callback(pool.close)
            await pool.start()
        line = FieldLine(account.phone, pools)
        phone_events.open(line.take)
        media_events.open(line.take)
        yield FieldOffice(line=line, mention=await account.mention(), texts=texts)


async def _meet(office: FieldOffice, terminal: Terminal) -> TelegramUserId:
    """Wait until the person writes to the calling account: only then it may call him."""
    terminal.say(f"\nWith this telephone, write any message to {office.mention} now.")
    try:
        with terminal.busy("Waiting for your message ..."):
            async with asyncio.timeout(_TEXT_WITHIN_S):
                return (await office.texts.get()).user_id
    except TimeoutError:
        raise UnavailableError(f"No message came to {office.mention} within five minutes.") from None


def _pool(settings: Settings, engine: str, take: Callable[[PoolEvent], None]) -> HostPool:
    """Make the media hosts of one engine, with their RTP on loopback."""
    rtp = settings.rtp.model_copy(update={"bind_ip": LOOPBACK, "advertised_ip": LOOPBACK})
    media = settings.media.model_copy(update={"engine": engine, "spare_hosts": 1})
    return HostPool(pool_settings(settings.model_copy(update={"rtp": rtp, "media": media})), take)
