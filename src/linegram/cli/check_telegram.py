"""What Telegram must give: the bot with inline mode and feedback, the calling account, the time."""

from datetime import UTC, datetime
from typing import Final

from linegram.cli.bot_dialog import INLINE_OFF, bot_of
from linegram.cli.calling_account import calling_account, telegram_time
from linegram.cli.findings import NotCheckedError
from linegram.cli.inline_probe import probe_inline
from linegram.config import Settings
from linegram.errors import RefusedError
from linegram.storage.database import Database
from linegram.storage.sessions import SessionStore
from linegram.telegram.connection import telegram_settings

CLOCK_LIMIT_S: Final = 20.0
"""What employees text is ignored when it looks a minute old: a clock that is wrong costs calls."""


async def bot_token(settings: Settings) -> str:
    """Say which bot the token is for."""
    async with bot_of(settings) as (_, me):
        return f"@{me.username}"


async def inline_mode(settings: Settings) -> str:
    """Say that the bot may be asked inline."""
    async with bot_of(settings) as (_, me):
        if not me.supports_inline_queries:
            raise RefusedError(INLINE_OFF.format(username=me.username))
        return "on"


async def clock(settings: Settings) -> str:
    """Compare this machine's clock with Telegram's."""
    asked_at = datetime.now(UTC)
    date = await telegram_time(telegram_settings(settings))
    # The answer is of some moment between question and answer, and in whole seconds.
    ahead_s = (asked_at - date).total_seconds()
    behind_s = (date - datetime.now(UTC)).total_seconds()
    off_s, word = max((ahead_s - 1, "ahead of"), (behind_s, "behind"))
    if off_s > CLOCK_LIMIT_S:
        raise RefusedError(
            f"This machine's clock is {off_s:.0f} s {word} Telegram's. Switch on time synchronization."
        )
    return "agrees with Telegram's"


async def signed_in(settings: Settings, database: Database, service: str | None) -> str:
    """Say who the calling account is. Not while a service uses it: its session is for one at a time."""
    if service is not None:
        raise NotCheckedError(f"In use by the running service (process {service}).")
    async with calling_account(telegram_settings(settings), SessionStore(database)) as (_, me):
        name = " ".join(filter(None, (me.first_name, me.last_name)))
        return name if me.username is None else f"{name} (@{me.username})"


async def inline_feedback(settings: Settings, database: Database, service: str | None) -> str:
    """Post cards and hear of them. Not while a service reads what the bot hears."""
    if service is not None:
        raise NotCheckedError("Is tried only while no service runs.")
    async with (
        bot_of(settings) as (bot, me),
        calling_account(telegram_settings(settings), SessionStore(database)) as (client, _),
    ):
        await probe_inline(bot, client, me.username or "")
    return "the bot hears of its cards"
