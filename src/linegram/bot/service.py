"""The bot as a running service: routers, what they are given, and long polling."""

import asyncio
import contextlib
from collections.abc import Iterable

import structlog
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError, TelegramNotFound, TelegramUnauthorizedError
from aiogram.types import BotCommand, User

from linegram.bot.card_router import card_router
from linegram.bot.editor import InlineCardEditor
from linegram.bot.language import texts
from linegram.bot.menu_router import menu_router
from linegram.bot.ports import CallDesk
from linegram.errors import RefusedError, UnavailableError
from linegram.office.line_list import LineList
from linegram.storage.cards import CardRepository
from linegram.storage.database import Database
from linegram.storage.people import PeopleRepository
from linegram.units import TelegramUserId

_log = structlog.get_logger()

_COMMANDS = [BotCommand(command="softphone", description="Your lines")]


def make_bot(token: str, api_url: str = "") -> Bot:
    """Make the Bot API client; `api_url` names a server of one's own."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(api_url)) if api_url else AiohttpSession()
    return Bot(token, session=session)


async def who_is(bot: Bot) -> User:
    """Return the bot's own account. Raises RefusedError or UnavailableError with a sentence."""
    try:
        return await bot.get_me()
    except (TelegramUnauthorizedError, TelegramNotFound) as error:
        raise RefusedError(
            "Telegram does not know telegram.bot_token. Copy it again from @BotFather."
        ) from error
    except TelegramAPIError as error:
        raise UnavailableError(f"The Bot API does not answer: {error}.") from error


class BotService:
    """Polls for what people do with the bot and hands it to the routers."""

    def __init__(
        self, bot: Bot, database: Database, *, calling_account_id: TelegramUserId, calling_account: str
    ) -> None:
        self.bot = bot
        self.editor = InlineCardEditor(bot, CardRepository(database))
        self._dispatcher = Dispatcher(
            editor=self.editor, people=PeopleRepository(database), calling_account=calling_account
        )
        self._dispatcher.include_routers(card_router(calling_account_id), menu_router())
        self._polling: asyncio.Task[None] | None = None

    def start(self, desk: CallDesk, line_list: LineList) -> None:
        """Start polling in the background. An unreachable Bot API is retried by aiogram, with a log line."""
        self._polling = asyncio.create_task(self._poll(desk, line_list), name="bot polling")

    async def tell(self, user_ids: Iterable[TelegramUserId], text_name: str) -> None:
        """Send a text to people who have started the bot; others cannot be written to, which is logged."""
        for user_id in user_ids:
            try:
                await self.bot.send_message(user_id, texts().say(text_name))
            except TelegramAPIError as failure:
                _log.warning("person_not_told", text_name=text_name, reason=str(failure))

    async def close(self) -> None:
        """Stop polling and close the connection."""
        if self._polling is not None:
            with contextlib.suppress(RuntimeError):  # it has not begun to poll yet
                await self._dispatcher.stop_polling()
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        await self.bot.session.close()

    async def _poll(self, desk: CallDesk, line_list: LineList) -> None:
        try:
            await self.bot.set_my_commands(_COMMANDS)
        except TelegramAPIError as failure:
            _log.warning("bot_commands_not_set", reason=str(failure))
        await self._dispatcher.start_polling(
            self.bot,
            handle_signals=False,
            close_bot_session=False,
            allowed_updates=self._dispatcher.resolve_used_update_types(),
            desk=desk,
            line_list=line_list,
        )
