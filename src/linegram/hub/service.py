"""The whole of a hub, from the database to the last gate that opens."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from linegram.calls.card_desk import CardDesk
from linegram.calls.cards import CardKeeper
from linegram.calls.engine_choice import EngineDesk
from linegram.calls.recovery import Recovery
from linegram.calls.runner import CallPorts, CallRunner, CallTimes
from linegram.calls.switchboard import Switchboard
from linegram.config import Settings
from linegram.hub.background import keep_looking, keep_noting
from linegram.hub.notes import Notes
from linegram.hub.telegram_side import Telegram, connect
from linegram.link.carrier import MemoryLink
from linegram.link.commands import DescribeWorker
from linegram.office.line_list import LineList
from linegram.office.watch import OfficeWatch
from linegram.outcomes import EndReason
from linegram.storage.database import Database
from linegram.storage.engines import EngineRepository
from linegram.storage.journal import DatabaseJournal
from linegram.storage.vault import open_vault
from linegram.telegram.account import CallingAccount
from linegram.units import LegId

_RELEASE_WITHIN_S = 6.0


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A running hub: what a command line or a test may ask of it."""

    account: CallingAccount
    bot_username: str
    runner: CallRunner
    watch: OfficeWatch


@asynccontextmanager
async def running_hub(
    settings: Settings, link: MemoryLink, *, clock: Callable[[], float] = time.time
) -> AsyncIterator[Hub]:
    """Run a hub: connect, end what an earlier process left behind, take calls; release all at the end.

    `clock` gives UTC epoch seconds. Raises RefusedError or UnavailableError with a sentence for the
    operator if it cannot start.
    """
    async with AsyncExitStack() as stack:
        vault = open_vault(settings.key.get_secret_value(), settings.key_path)
        database = await stack.enter_async_context(await Database.open(settings.database_url, vault))
        telegram = await connect(settings, database, stack)
        phone = telegram.account.phone
        notes = Notes(database, telegram.cards, telegram.bot)
        stack.push_async_callback(notes.close)
        ports = await _call_ports(settings, database, telegram, link=link, clock=clock)
        journal, keeper = ports.journal, ports.cards
        runner = CallRunner(ports, _call_times(settings))
        stack.push_async_callback(_release, runner)
        switchboard = Switchboard(runner, notes.switchboard_ports(link, phone), new_id=_new_id, clock=clock)
        link.connect_hub(switchboard.take_report)
        link.send(DescribeWorker())
        watch = OfficeWatch(notes.accounts, link.send, notes.routes.renew, token_of=vault.contact_token)
        await watch.look()
        recovery = Recovery(
            journal, phone, link, settings_of=watch.settings_of, announce=notes.announce, clock=clock
        )
        await recovery.run()
        stack.callback(asyncio.create_task(keep_looking(watch), name="office watch").cancel)
        stack.callback(asyncio.create_task(keep_noting(runner, journal), name="sign of life").cancel)
        telegram.bot.start(
            CardDesk(switchboard, runner.desk, keeper, journal), LineList(notes.accounts, notes.people)
        )
        telegram.states.open(notes.account_changed)
        telegram.phone_events.open(switchboard.take_phone_event)
        telegram.texts.open(lambda text: notes.pass_on(text, switchboard))
        yield Hub(account=telegram.account, bot_username=telegram.bot_username, runner=runner, watch=watch)


async def _call_ports(
    settings: Settings,
    database: Database,
    telegram: Telegram,
    *,
    link: MemoryLink,
    clock: Callable[[], float],
) -> CallPorts:
    """Join calls to what is outside of them."""
    engine_store = EngineRepository(database)
    wait_s = settings.calls.card_wait_ms / 1000
    return CallPorts(
        worker=link,
        phone=telegram.account.phone,
        cards=CardKeeper(telegram.cards, telegram.bot.editor, wait_s=wait_s),
        journal=DatabaseJournal(database),
        engines=EngineDesk(settings.media.engine, await engine_store.kept_engines()),
        engine_store=engine_store,
        new_leg_id=_new_leg,
        clock=clock,
    )


def _call_times(settings: Settings) -> CallTimes:
    return CallTimes(ring_s=settings.calls.ring_employee_s, direct_window_s=settings.calls.direct_window_s)


def _new_id() -> str:
    return uuid.uuid4().hex


def _new_leg() -> LegId:
    return LegId(_new_id())


async def _release(runner: CallRunner) -> None:
    """End every call. What the far sides do not confirm in time is ended by the next start."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_RELEASE_WITHIN_S):
            await runner.close(EndReason.SERVICE_STOPPED)
