"""Edits cards in the chat. Only the bot may: the calling account posted them as the bot's inline results."""

import asyncio
from collections import OrderedDict

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramRetryAfter

from linegram.bot.card_text import card_keyboard, card_text
from linegram.bot.language import texts
from linegram.calls.card import Card
from linegram.errors import UnavailableError
from linegram.storage.cards import CardRepository

_log = structlog.get_logger()

_REMEMBERED_CARDS = 10_000
_PATIENCE_S = 10.0


class InlineCardEditor:
    """Implements `calls.ports.CardEditor` over the Bot API.

    A card can be edited once its chosen inline result has told us the
    inline_message_id; an edit that comes earlier waits for it.
    """

    def __init__(self, bot: Bot, places: CardRepository) -> None:
        self._bot = bot
        self._places = places
        self._message_ids: OrderedDict[str, asyncio.Future[str]] = OrderedDict()

    async def learn(self, card_id: str, inline_message_id: str) -> None:
        """Remember which inline message carries a card, also over a restart."""
        known = self._message_id(card_id)
        if not known.done():
            known.set_result(inline_message_id)
        try:
            await self._places.chosen(card_id, inline_message_id)
        except UnavailableError as failure:
            _log.warning("card_place_not_noted", card_id=card_id, reason=str(failure))

    async def edit(self, card_id: str, card: Card) -> None:
        """Let the message say what the card says. Failures are logged: a call goes on without its card."""
        try:
            message_id = await self._find_message(card_id)
        except TimeoutError:
            _log.warning("card_without_message", card_id=card_id, hint="is inline feedback at 100 %?")
            return
        await self._edit(message_id, card_id, card)

    async def _find_message(self, card_id: str) -> str:
        """Return the inline message of a card; it may be known from before a restart, or be told soon."""
        told = self._message_id(card_id)
        if not told.done():
            stored = await self._places.find(card_id)
            if stored is not None and stored.inline_message_id is not None:
                return stored.inline_message_id
        return await asyncio.wait_for(asyncio.shield(told), _PATIENCE_S)

    async def _edit(self, message_id: str, card_id: str, card: Card) -> None:
        words = texts()
        try:
            await self._bot.edit_message_text(
                inline_message_id=message_id,
                text=card_text(card, words),
                reply_markup=card_keyboard(card_id, card, words),
            )
        except TelegramRetryAfter as limit:
            await asyncio.sleep(limit.retry_after)
            await self._edit(message_id, card_id, card)
        except TelegramBadRequest as refusal:
            _log.info("card_edit_refused", card_id=card_id, reason=refusal.message)
        except TelegramAPIError as failure:
            _log.warning("card_edit_failed", card_id=card_id, reason=str(failure))

    def _message_id(self, card_id: str) -> asyncio.Future[str]:
        known = self._message_ids.get(card_id)
        if known is None:
            known = self._message_ids[card_id] = asyncio.get_running_loop().create_future()
            while len(self._message_ids) > _REMEMBERED_CARDS:
                self._message_ids.popitem(last=False)
        return known
