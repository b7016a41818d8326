"""The bot's commands."""

from collections.abc import Sequence

from aiogram import Router
from aiogram.filters import Command, CommandStart
from aiogram.types import Message

from linegram.bot.card_text import SEPARATOR
from linegram.bot.language import Texts, texts
from linegram.bot.ports import LineList, LineRow
from linegram.units import TelegramUserId


def menu_router() -> Router:
    """Make the router of commands."""
    router = Router(name="menu")
    router.message.register(greet, CommandStart())
    router.message.register(list_lines, Command("softphone"))
    return router


async def greet(message: Message, calling_account: str) -> None:
    """Say what the bot is and whom to text."""
    await message.answer(texts().say("start", {"calling_account": calling_account}))


async def list_lines(message: Message, line_list: LineList) -> None:
    """List the lines that this person owns or uses, with their states."""
    if message.from_user is None:
        return
    rows = await line_list.lines(TelegramUserId(message.from_user.id))
    await message.answer(lines_text(rows, texts()))


def lines_text(rows: Sequence[LineRow], words: Texts) -> str:
    """Return the list of lines as one message."""
    if not rows:
        return words.say("softphone-none")
    return "\n".join([words.say("softphone-head"), *(_row_text(row, words) for row in rows)])


def _row_text(row: LineRow, words: Texts) -> str:
    line = words.say("softphone-row", {"mark": row.mark, "name": row.name, "login": row.login})
    return SEPARATOR.join(filter(None, (line, row.person, row.status)))
