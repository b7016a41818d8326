"""The bot's commands."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from aiogram import Router
from aiogram.filters import Command, CommandStart
from aiogram.types import Message, TelegramObject

from linegram.bot.card_text import SEPARATOR
from linegram.bot.language import Texts, texts
from linegram.link.accounts import RegistrationState
from linegram.office.line_list import LineList, ListedLine
from linegram.storage.people import PeopleRepository
from linegram.units import TelegramUserId

_OFF: Final = "⚪"
_TROUBLED: Final = frozenset({RegistrationState.ERROR, RegistrationState.RESTRICTED})
_MARKS: Final[Mapping[RegistrationState, str]] = MappingProxyType(
    {
        RegistrationState.ONLINE: "🟢",
        RegistrationState.REGISTERING: "🟡",
        RegistrationState.UNVERIFIED: "🟡",
        RegistrationState.RESTRICTED: "🔴",
        RegistrationState.ERROR: "🔴",
        RegistrationState.OFFLINE: _OFF,
    }
)


def menu_router() -> Router:
    """Make the router of commands."""
    router = Router(name="menu")
    router.message.outer_middleware(meet_writer)
    router.message.register(greet, CommandStart())
    router.message.register(list_lines, Command("softphone"))
    return router


async def meet_writer(
    handle: Callable[[Message, dict[str, Any]], Awaitable[Any]],
    message: TelegramObject,
    gifts: dict[str, Any],
) -> Any:
    """Remember how whoever writes to the bot is called, so that lists show names."""
    people: PeopleRepository = gifts["people"]
    writer = message.from_user if isinstance(message, Message) else None
    if writer is not None:
        await people.meet(
            TelegramUserId(writer.id),
            name=writer.full_name,
            username=writer.username or "",
            language=writer.language_code or "",
        )
    return await handle(message, gifts)  # type: ignore[arg-type]


async def greet(message: Message, calling_account: str) -> None:
    """Say what the bot is, whom to text, and the number by which an administrator assigns a line."""
    words = texts()
    lines = [words.say("start", {"calling_account": calling_account})]
    if message.from_user is not None:
        lines.append(words.say("start-number", {"user_id": str(message.from_user.id)}))
    await message.answer("\n".join(lines))


async def list_lines(message: Message, line_list: LineList) -> None:
    """List the lines that this person owns or uses, with their states."""
    if message.from_user is None:
        return
    listed = await line_list.lines(TelegramUserId(message.from_user.id))
    await message.answer(lines_text(listed, texts()))


def lines_text(listed: Sequence[ListedLine], words: Texts) -> str:
    """Return the list of lines as one message."""
    if not listed:
        return words.say("softphone-none")
    return "\n".join([words.say("softphone-head"), *(_row_text(line, words) for line in listed)])


def _row_text(line: ListedLine, words: Texts) -> str:
    account = line.account
    values = {"mark": _mark(line), "name": account.title, "login": account.address}
    return SEPARATOR.join(filter(None, (words.say("softphone-row", values), line.person, _trouble(line))))


def _mark(line: ListedLine) -> str:
    return _MARKS[line.status.state] if line.account.is_enabled else _OFF


def _trouble(line: ListedLine) -> str:
    """Return what the PBX said against an account that should be online."""
    if not line.account.is_enabled or line.status.state not in _TROUBLED:
        return ""
    return f"{line.status.sip_status or ''} {line.status.text}".strip()
