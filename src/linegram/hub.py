"""The hub as a running service: office, calls, calling account and bot, joined to a link. Wiring only."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from linegram.bot.language import texts
from linegram.bot.plain import render_plain
from linegram.bot.service import BotService, make_bot, who_is
from linegram.calls.card_desk import CardDesk
from linegram.calls.cards import CardKeeper
from linegram.calls.chain import Chain
from linegram.calls.ports import PhoneEvent
from linegram.calls.recovery import Recovery
from linegram.calls.routes import OfficeRoutes
from linegram.calls.runner import CallPorts, CallRunner, CallTimes
from linegram.calls.switchboard import Switchboard, SwitchboardPorts
from linegram.config import Settings
from linegram.errors import UnavailableError
from linegram.link.carrier import MemoryLink
from linegram.link.gate import Gate
from linegram.office.line_list import LineList
from linegram.office.watch import OfficeWatch, registration_status
from linegram.outcomes import EndReason
from linegram.storage.accounts import AccountRepository
from linegram.storage.database import Database
from linegram.storage.journal import DatabaseJournal
from linegram.storage.people import PeopleRepository
from linegram.storage.sessions import SessionStore
from linegram.storage.vault import open_vault
from linegram.telegram.account import AccountSinks, CallingAccount, EmployeeText
from linegram.telegram.cards import AccountCards
from linegram.telegram.connection import TelegramServer, TelegramSettings
from linegram.units import LegId

_log = structlog.get_logger()

_LOOK_EVERY_S = 1.0
_RELEASE_WITHIN_S = 6.0


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A running hub: what a command line or a test may ask of it."""

    account: CallingAccount
    bot_username: str
    runner: CallRunner
    watch: OfficeWatch


@asynccontextmanager
async def running_hub(settings: Settings, link: MemoryLink) -> AsyncIterator[Hub]:
    """Run a hub: connect, end what an earlier process left behind, take calls; release all at the end.

    Raises RefusedError or UnavailableError with a sentence for the operator if it cannot start.
    """
    async with AsyncExitStack() as stack:
        vault = open_vault(settings.key.get_secret_value(), settings.key_path)
        database = await stack.enter_async_context(await Database.open(settings.database_url, vault))
        accounts, people = AccountRepository(database), PeopleRepository(database)
        journal = DatabaseJournal(database)
        phone_gate, text_gate = Gate[PhoneEvent](), Gate[EmployeeText]()
        sinks = AccountSinks(phone=phone_gate, text=text_gate, state=lambda _: None)
        account = CallingAccount(telegram_settings(settings), SessionStore(database), sinks)
        await account.start()
        stack.push_async_callback(account.stop)
        client = make_bot(settings.telegram.bot_token.get_secret_value(), settings.telegram.bot_api_url)
        stack.push_async_callback(client.session.close)
        me = await who_is(client)
        bot = BotService(client, calling_account_id=account.user_id, calling_account=await account.mention())
        stack.push_async_callback(bot.close)
        wait_s = settings.calls.card_wait_ms / 1000
        poster = AccountCards(account.client, me.username or "", render_plain, post_within_s=wait_s)
        stack.push_async_callback(poster.close)
        await poster.prepare()
        notes = Chain("hub notes")
        stack.push_async_callback(notes.close)
        keeper, routes = CardKeeper(poster, bot.editor), OfficeRoutes()
        runner = CallRunner(
            CallPorts(
                worker=link,
                phone=account.phone,
                cards=keeper,
                journal=journal,
                new_leg_id=lambda: LegId(_new_id()),
                clock=time.time,
            ),
            CallTimes(direct_window_s=settings.calls.direct_window_s),
        )
        stack.push_async_callback(_release, runner)
        switchboard = Switchboard(
            runner,
            SwitchboardPorts(
                worker=link,
                phone=account.phone,
                routes=routes,
                registration_changed=lambda change: notes.submit(
                    lambda: accounts.set_status(registration_status(change))
                ),
                heard_from=lambda user_id: notes.submit(lambda: people.mark_written(user_id)),
                line_used=lambda account_id: notes.submit(lambda: accounts.mark_used(account_id)),
                say=lambda user_id, text: notes.submit(lambda: poster.say(user_id, text)),
            ),
            new_id=_new_id,
            clock=time.time,
        )
        link.connect_hub(switchboard.take_report)
        watch = OfficeWatch(accounts, link.send, routes.renew)
        await watch.look()
        recovery = Recovery(
            journal,
            account.phone,
            link,
            settings_of=watch.settings_of,
            tell=lambda user_id, reason: notes.submit(
                lambda: poster.say(user_id, texts().say(f"end-{reason.value}"))
            ),
            clock=time.time,
        )
        await recovery.run()
        watching = asyncio.create_task(_keep_looking(watch), name="office watch")
        stack.callback(watching.cancel)
        bot.start(CardDesk(switchboard, runner.desk, keeper, journal), LineList(accounts, people))
        phone_gate.open(switchboard.take_phone_event)
        text_gate.open(lambda text: switchboard.take_text(text.user_id, text.text))
        yield Hub(account=account, bot_username=me.username or "", runner=runner, watch=watch)


def _new_id() -> str:
    return uuid.uuid4().hex


async def _release(runner: CallRunner) -> None:
    """End every call. What the far sides do not confirm in time is ended by the next start."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_RELEASE_WITHIN_S):
            await runner.close(EndReason.SERVICE_STOPPED)


async def _keep_looking(watch: OfficeWatch) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        try:
            await watch.look()
        except UnavailableError as failure:
            _log.warning("office_not_read", reason=str(failure))


def telegram_settings(settings: Settings) -> TelegramSettings:
    """Return how the calling account reaches Telegram."""
    telegram = settings.telegram
    server = None
    if telegram.server_host:
        key = telegram.public_key_file.read_text("ascii") if telegram.public_key_file else ""
        server = TelegramServer(
            host=telegram.server_host,
            port=telegram.server_port,
            dc_id=telegram.server_dc_id,
            public_key_pem=key,
        )
    return TelegramSettings(
        api_id=telegram.api_id, api_hash=telegram.api_hash.get_secret_value(), server=server
    )
