"""Proves that call cards get their buttons: inline mode, and inline feedback for every chosen result.

The calling account posts cards of the bot to itself, the bot must hear of each,
and the cards are deleted. Only while no service polls the bot.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from uuid import uuid4

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramConflictError
from aiogram.types import InlineQueryResultArticle, InputTextMessageContent, Update
from telethon import TelegramClient

from linegram.bot.card_router import CARD_QUERY_PREFIX
from linegram.bot.card_text import card_keyboard
from linegram.bot.language import texts
from linegram.calls.card import Card, CardButton, CardState
from linegram.calls.ports import PostedCard
from linegram.errors import RefusedError, UnavailableError
from linegram.telegram.cards import AccountCards
from linegram.units import TelegramUserId

CARDS: Final = 3
"""With feedback at 10 %, the least that BotFather offers, one in a thousand probes would be fooled."""

_PREFIX: Final = "probe-"
_POST_WITHIN_S: Final = 3.0
_HEAR_WITHIN_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.2
_UPDATES: Final = ["message", "inline_query", "chosen_inline_result", "callback_query"]
"""What the service asks for: a poll with less would make Telegram drop the rest until the next start."""
_TEXT: Final = "Linegram tries its cards; this one goes away."
_CARD: Final = Card(state=CardState.DIALLING, number="0", buttons=(CardButton.HANG_UP,))


async def probe_inline(bot: Bot, client: TelegramClient, bot_username: str) -> None:
    """Post cards and hear of them. Raises RefusedError with what is not as it must be."""
    me = await client.get_me(input_peer=True)
    listener = _Listener(bot)
    cards = AccountCards(client, bot_username, lambda _: _TEXT, post_within_s=_POST_WITHIN_S)
    posted: list[PostedCard] = []
    listening = asyncio.create_task(listener.run(), name="inline_probe")
    try:
        await _post(cards, TelegramUserId(me.user_id), listener, posted)
        if not any(card.is_plain for card in posted):
            await listener.until_heard([card.card_id for card in posted], within_s=_HEAR_WITHIN_S)
    finally:
        listening.cancel()
        (end,) = await asyncio.gather(listening, return_exceptions=True)
        for card in posted:
            await cards.delete_card(card)
        await cards.close()
    _raise_if_failed(end)
    await listener.forget_own()
    _judge(posted, len(listener.heard))


def _raise_if_failed(end: BaseException | None) -> None:
    """Say why the bot's updates could not be read."""
    if isinstance(end, TelegramConflictError):
        raise RefusedError(
            f"Another program reads the bot's messages, does Linegram run elsewhere? Telegram: {end.message}"
        ) from end
    if isinstance(end, TelegramAPIError):
        raise UnavailableError(f"The Bot API does not answer: {end}.") from end


async def _post(
    cards: AccountCards, to: TelegramUserId, listener: "_Listener", posted: list[PostedCard]
) -> None:
    """Post the cards, no more after one that fell back to plain text; `posted` is filled on the way."""
    for _ in range(CARDS):
        card = await cards.post(to, listener.new_card_id(), _CARD)
        if card is not None:
            posted.append(card)
        if card is None or card.is_plain:
            return


def _judge(posted: Sequence[PostedCard], heard: int) -> None:
    if len(posted) < CARDS or any(card.is_plain for card in posted):
        raise RefusedError("The calling account got no card from the bot. Is inline mode on (/setinline)?")
    if heard < CARDS:
        raise RefusedError(
            f"The bot heard of {heard} of {CARDS} cards: write /setinlinefeedback to @BotFather, press 100 %."
        )


class _Listener:
    """Answers our own queries and notes our own chosen results; all other updates stay unread."""

    def __init__(self, bot: Bot) -> None:
        self.heard: set[str] = set()
        self._bot = bot
        self._card_ids: set[str] = set()
        self._answered: set[str] = set()
        self._changed = asyncio.Event()

    def new_card_id(self) -> str:
        """Return a card id that this listener will answer for."""
        card_id = f"{_PREFIX}{uuid4().hex}"
        self._card_ids.add(card_id)
        return card_id

    async def run(self) -> None:
        """Look for updates until cancelled. Nothing is confirmed, so looks must be short and frequent."""
        while True:
            for update in await self._look():
                await self._take(update)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def until_heard(self, card_ids: Sequence[str], *, within_s: float) -> None:
        """Wait until every card was heard of, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not self.heard.issuperset(card_ids):
                    self._changed.clear()
                    await self._changed.wait()

    async def forget_own(self) -> None:
        """Confirm what is waiting if all of it is ours; the service will skip it otherwise."""
        with suppress(TelegramAPIError):
            waiting = await self._look()
            if waiting and all(_is_probe(update) for update in waiting):
                await self._bot.get_updates(offset=waiting[-1].update_id + 1, allowed_updates=_UPDATES)

    async def _look(self) -> list[Update]:
        return await self._bot.get_updates(timeout=0, allowed_updates=_UPDATES)

    async def _take(self, update: Update) -> None:
        query, chosen = update.inline_query, update.chosen_inline_result
        if query is not None and query.id not in self._answered:
            card_id = query.query.removeprefix(CARD_QUERY_PREFIX)
            if card_id in self._card_ids:
                self._answered.add(query.id)
                await self._bot.answer_inline_query(query.id, [_article(card_id)], cache_time=0)
        if chosen is not None and chosen.result_id in self._card_ids and chosen.inline_message_id:
            self.heard.add(chosen.result_id)
            self._changed.set()


def _article(card_id: str) -> InlineQueryResultArticle:
    return InlineQueryResultArticle(
        id=card_id,
        title=_TEXT,
        input_message_content=InputTextMessageContent(message_text=_TEXT),
        reply_markup=card_keyboard(card_id, _CARD, texts()),
    )


def _is_probe(update: Update) -> bool:
    """Say whether an update came from a probe, this one or an earlier one."""
    query, chosen = update.inline_query, update.chosen_inline_result
    if query is not None:
        return query.query.startswith(f"{CARD_QUERY_PREFIX}{_PREFIX}")
    return chosen is not None and chosen.result_id.startswith(_PREFIX)
