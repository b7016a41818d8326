"""Asks for the bot, and sees to it that BotFather has switched on what Linegram needs of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiogram import Bot
from aiogram.types import User
from aiogram.utils.token import TokenValidationError

from linegram.bot.service import make_bot, who_is
from linegram.cli.configuration_file import ConfigurationFile
from linegram.cli.terminal import Terminal
from linegram.config import Settings
from linegram.errors import RefusedError, UnavailableError

NEW_BOT = (
    "The bot. Write /newbot to @BotFather in Telegram, choose a name and a username, "
    "and copy the token that it answers with."
)
INLINE_OFF = (
    "Inline mode is off: call cards would have no buttons. Write /setinline to @BotFather, "
    "choose the bot @{username}, and send any short text."
)
FEEDBACK = "Write /setinlinefeedback to @BotFather, choose the bot @{username}, and press 100 %."


@asynccontextmanager
async def bot_of(settings: Settings) -> AsyncIterator[tuple[Bot, User]]:
    """The bot and who it is. Raises RefusedError or UnavailableError with a sentence."""
    telegram = settings.telegram
    try:
        bot = make_bot(telegram.bot_token.get_secret_value(), telegram.bot_api_url)
    except TokenValidationError:
        raise RefusedError(
            "This is no bot token: one looks like 123456789:AAbbCCddEEffGG, and @BotFather shows it."
        ) from None
    try:
        yield bot, await who_is(bot)
    finally:
        await bot.session.close()


async def set_up_bot(file: ConfigurationFile, terminal: Terminal) -> User:
    """Ask for the token until Telegram knows it, then for inline mode until it is on or declined."""
    if not file.settings().telegram.bot_token.get_secret_value():
        terminal.say(f"\n{NEW_BOT}")
        _ask_token(file, terminal)
    while True:
        me = await _known_bot(file, terminal)
        if me.supports_inline_queries:
            terminal.say(f"The bot is @{me.username}. Inline mode is on.")
            return me
        terminal.say(INLINE_OFF.format(username=me.username))
        if terminal.ask("Press Enter when it is on, or type skip") == "skip":
            return me


async def _known_bot(file: ConfigurationFile, terminal: Terminal) -> User:
    while True:
        try:
            with terminal.busy("Asking Telegram for the bot ..."):
                async with bot_of(file.settings()) as (_, me):
                    return me
        except RefusedError as refused:
            terminal.say(str(refused))
            _ask_token(file, terminal)
        except UnavailableError as failure:
            terminal.say(str(failure))
            terminal.ask("Press Enter to try again")


def _ask_token(file: ConfigurationFile, terminal: Terminal) -> None:
    token = ""
    while not token:
        token = terminal.ask("Token of the bot")
    file.remember({"telegram.bot_token": token})
