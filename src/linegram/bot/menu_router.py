"""The bot's commands."""

from collections.abc import Sequence

from aiogram import Router
from aiogram.filters import Command, CommandStart
from aiogram.types import Message

from linegram.bot.ports import LineList, LineRow
from linegram.bot.language import Texts, texts
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
    listed = [
        words.say("softphone-row", {field: getattr(row, field) for field in row.__struct_fields__})
        for row in rows
    ]
    return "\n".join([words.say("softphone-head"), *listed])
