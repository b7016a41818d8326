"""Keeps one card per call in the chat and its text true, without edit storms.

Each card has one task: it posts the card, then edits it until what stands in
the chat is what was asked for last. Changes that come faster than Telegram
takes them are skipped over, never queued.
"""

import asyncio
from collections.abc import Callable

import structlog

from linegram.calls.card import Card
from linegram.calls.ports import CardEditor, CardPoster, PostedCard
from linegram.units import CallId, TelegramUserId

_log = structlog.get_logger()


class _Once:
    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def __call__(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()


class _LiveCard:
    def __init__(self, card: Card) -> None:
        self.wanted = card
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.is_last = False


class CardKeeper:
    """Posts and edits the cards of running calls. The card's id is its call's id."""

    def __init__(self, poster: CardPoster, editor: CardEditor, *, wait_s: float = 0.7) -> None:
        self._poster = poster
        self._editor = editor
        self._wait_s = wait_s
        self._cards: dict[CallId, _LiveCard] = {}

    def wanted(self, call_id: CallId) -> Card | None:
        """Return what the card of a running call should say now: the bot's inline answer."""
        live = self._cards.get(call_id)
        return None if live is None else live.wanted

    def post(self, call_id: CallId, user_id: TelegramUserId, card: Card, shown: Callable[[], None]) -> None:
        """Post the card.

        `shown` is called once: when the card stands in the chat, could not be posted, or takes longer
        than a call should wait for it.
        """
        live = self._cards[call_id] = _LiveCard(card)
        once = _Once(shown)
        asyncio.get_running_loop().call_later(self._wait_s, once)
        live.task = asyncio.create_task(self._keep(call_id, user_id, live, once), name=f"card {call_id}")

    def update(self, call_id: CallId, card: Card, *, is_last: bool = False) -> None:
        """Let the card say this soon; after the last change it is let go."""
        live = self._cards.get(call_id)
        if live is None:
            return
        live.wanted = card
        live.is_last = live.is_last or is_last
        live.changed.set()

    async def close(self) -> None:
        """Wait for the cards that are being let go and drop the others."""
        tasks = [live.task for live in self._cards.values() if live.task is not None]
        for live in self._cards.values():
            live.is_last = True
            live.changed.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(
        self, call_id: CallId, user_id: TelegramUserId, live: _LiveCard, shown: Callable[[], None]
    ) -> None:
        try:
            stands = live.wanted
            try:
                posted = await self._poster.post(user_id, str(call_id), stands)
            finally:
                shown()
            if posted is not None:
                await self._keep_true(posted, stands, live)
        except Exception:  # a call goes on without its card
            _log.exception("card_failed", call_id=call_id)
        finally:
            self._cards.pop(call_id, None)

    async def _keep_true(self, posted: PostedCard, stands: Card, live: _LiveCard) -> None:
        while True:
            if live.wanted != stands:
                stands = live.wanted
                await self._edit(posted, stands)
            elif live.is_last:
                return
            else:
                live.changed.clear()
                await live.changed.wait()

    async def _edit(self, posted: PostedCard, card: Card) -> None:
        if posted.is_plain:
            await self._poster.edit_plain(posted, card)
        else:
            await self._editor.edit(posted.card_id, card)
