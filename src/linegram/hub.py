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
from linegram.calls.card import Card
from linegram.calls.card_desk import CardDesk
from linegram.calls.cards import CardKeeper
from linegram.calls.chain import Chain
from linegram.calls.ports import CallRecord, CardEditor, PhoneEvent
from linegram.calls.recovery import Recovery
from linegram.calls.routes import OfficeRoutes
from linegram.calls.runner import CallPorts, CallRunner, CallTimes
from linegram.calls.switchboard import Switchboard, SwitchboardPorts
from linegram.config import Settings
from linegram.errors import UnavailableError
from linegram.link.carrier import MemoryLink
from linegram.link.events import RegistrationChanged
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
from linegram.telegram.connection import telegram_settings
from linegram.telegram.phone import CallingAccountPhone
from linegram.units import AccountId, LegId, TelegramUserId

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
        telegram = await _connect(settings, database, stack)
        notes = _Notes(database, telegram.cards, telegram.bot.editor)
        stack.push_async_callback(notes.chain.close)
        journal, keeper = (
            DatabaseJournal(database),
            CardKeeper(telegram.cards, telegram.bot.editor, wait_s=settings.calls.card_wait_ms / 1000),
        )
        phone = telegram.account.phone
        runner = CallRunner(
            CallPorts(
                worker=link, phone=phone, cards=keeper, journal=journal, new_leg_id=_new_leg, clock=time.time
            ),
            _times(settings),
        )
        stack.push_async_callback(_release, runner)
        outside = notes.switchboard_ports(link, phone)
        switchboard = Switchboard(runner, outside, new_id=_new_id, clock=time.time)
        link.connect_hub(switchboard.take_report)
        watch = OfficeWatch(
            notes.accounts,
            link.send,
            notes.routes.renew,
            token_of=lambda account_id: vault.token(f"contact {account_id}"),
        )
        await watch.look()
        recovery = Recovery(
            journal,
            phone,
            link,
            settings_of=watch.settings_of,
            announce=notes.announce,
            clock=time.time,
        )
        await recovery.run()
        stack.callback(asyncio.create_task(_keep_looking(watch), name="office watch").cancel)
        telegram.bot.start(
            CardDesk(switchboard, runner.desk, keeper, journal), LineList(notes.accounts, notes.people)
        )
        telegram.phone_events.open(switchboard.take_phone_event)
        telegram.texts.open(lambda text: notes.pass_on(text, switchboard))
        yield Hub(account=telegram.account, bot_username=telegram.bot_username, runner=runner, watch=watch)


@dataclass(frozen=True, kw_only=True)
class _Telegram:
    account: CallingAccount
    cards: AccountCards
    bot: BotService
    bot_username: str
    phone_events: Gate[PhoneEvent]
    texts: Gate[EmployeeText]


async def _connect(settings: Settings, database: Database, stack: AsyncExitStack) -> _Telegram:
    """Connect the calling account and the bot; what they hear before the calls are ready is kept."""
    phone_events, arrived = Gate[PhoneEvent](), Gate[EmployeeText]()
    sinks = AccountSinks(phone=phone_events, text=arrived, state=lambda _: None)
    account = CallingAccount(telegram_settings(settings), SessionStore(database), sinks)
    await account.start()
    stack.push_async_callback(account.stop)
    client = make_bot(settings.telegram.bot_token.get_secret_value(), settings.telegram.bot_api_url)
    stack.push_async_callback(client.session.close)
    username = (await who_is(client)).username or ""
    mention = await account.mention()
    bot = BotService(client, database, calling_account_id=account.user_id, calling_account=mention)
    stack.push_async_callback(bot.close)
    wait_s = settings.calls.card_wait_ms / 1000
    cards = AccountCards(account.client, username, render_plain, post_within_s=wait_s)
    stack.push_async_callback(cards.close)
    await cards.prepare()
    return _Telegram(
        account=account,
        cards=cards,
        bot=bot,
        bot_username=username,
        phone_events=phone_events,
        texts=arrived,
    )


class _Notes:
    """What calls let the office remember and people read: written in the background, in order."""

    def __init__(self, database: Database, cards: AccountCards, editor: CardEditor) -> None:
        self.accounts, self.people = AccountRepository(database), PeopleRepository(database)
        self.routes = OfficeRoutes()
        self.chain = Chain("hub notes")
        self._cards, self._editor = cards, editor

    def switchboard_ports(self, link: MemoryLink, phone: CallingAccountPhone) -> SwitchboardPorts:
        return SwitchboardPorts(
            worker=link,
            phone=phone,
            routes=self.routes,
            registration_changed=self.registration_changed,
            heard_from=self.heard_from,
            line_used=self.line_used,
            say=self.say,
        )

    def pass_on(self, text: EmployeeText, switchboard: Switchboard) -> None:
        self.chain.submit(
            lambda: self.people.meet(text.user_id, name=text.name, username=text.username, language="")
        )
        switchboard.take_text(text.user_id, text.text)

    def registration_changed(self, change: RegistrationChanged) -> None:
        self.chain.submit(lambda: self.accounts.set_status(registration_status(change)))

    def heard_from(self, user_id: TelegramUserId) -> None:
        self.chain.submit(lambda: self.people.mark_written(user_id))

    def line_used(self, account_id: AccountId) -> None:
        self.routes.used(account_id, time.time())
        self.chain.submit(lambda: self.accounts.mark_used(account_id))

    def say(self, user_id: TelegramUserId, text: str) -> None:
        self.chain.submit(lambda: self._cards.say(user_id, text))

    def announce(self, record: CallRecord, card: Card) -> None:
        self.say(record.user_id, texts().say(f"end-{record.end_reason.value}"))
        self.chain.submit(lambda: self._editor.edit(record.call_id, card))


def _times(settings: Settings) -> CallTimes:
    calls = settings.calls
    return CallTimes(ring_s=calls.ring_employee_s, direct_window_s=calls.direct_window_s)


def _new_id() -> str:
    return uuid.uuid4().hex


def _new_leg() -> LegId:
    return LegId(_new_id())


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
