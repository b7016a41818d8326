"""The hub's way to Telegram: the calling account, its cards, and the bot."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from linegram.bot.plain import render_plain
from linegram.bot.service import BotService, make_bot, who_is
from linegram.calls.ports import PhoneEvent
from linegram.config import Settings
from linegram.link.gate import Gate
from linegram.storage.database import Database
from linegram.storage.sessions import SessionStore
from linegram.telegram.account import AccountSinks, AccountState, CallingAccount, EmployeeText
from linegram.telegram.cards import AccountCards
from linegram.telegram.connection import telegram_settings
from linegram.telegram.phone_wire import PhoneProtocol


@dataclass(frozen=True, kw_only=True)
class Telegram:
    """The calling account and the bot, connected; the gates hold what they hear until they are opened."""

    account: CallingAccount
    cards: AccountCards
    bot: BotService
    bot_username: str
    phone_events: Gate[PhoneEvent]
    texts: Gate[EmployeeText]
    states: Gate[AccountState]


async def connect(settings: Settings, database: Database, stack: AsyncExitStack) -> Telegram:
    """Connect the calling account and the bot; what they hear before the calls are ready is kept."""
    phone_events, arrived, states = Gate[PhoneEvent](), Gate[EmployeeText](), Gate[AccountState]()
    sinks = AccountSinks(phone=phone_events, text=arrived, state=states)
    protocol = PhoneProtocol(versions=settings.telegram.offered_versions)
    account = CallingAccount(telegram_settings(settings), SessionStore(database), sinks, protocol=protocol)
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
    return Telegram(
        account=account,
        cards=cards,
        bot=bot,
        bot_username=username,
        phone_events=phone_events,
        texts=arrived,
        states=states,
    )
