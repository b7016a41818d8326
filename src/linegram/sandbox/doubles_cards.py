"""A chat for tests of calls: the cards that stand in it, and everything that they ever said."""

import asyncio

from linegram.calls.card import Card
from linegram.calls.ports import PostedCard
from linegram.units import TelegramUserId


class ChatDouble:
    """Implements `CardPoster` and `CardEditor` over one chat.

    While `hurdle` is not set, posts and edits do not come through. A chat that
    `refuses` takes no post; in a `plain` one the bot does not answer.
    """

    def __init__(self, *, refuses: bool = False, is_plain: bool = False) -> None:
        self.refuses = refuses
        self.is_plain = is_plain
        self.hurdle = asyncio.Event()
        self.hurdle.set()
        self.history: dict[str, list[Card]] = {}
        self.owners: dict[str, TelegramUserId] = {}
        self.edited_plain: list[str] = []
        self.said: list[tuple[TelegramUserId, str]] = []

    def card(self, card_id: str) -> Card:
        """Return what a card says now."""
        return self.history[card_id][-1]

    async def post(self, user_id: TelegramUserId, card_id: str, card: Card) -> PostedCard | None:
        """Post a card."""
        await self.hurdle.wait()
        if self.refuses:
            return None
        self.owners[card_id] = user_id
        self.history[card_id] = [card]
        return PostedCard(
            card_id=card_id, user_id=user_id, message_id=len(self.history), is_plain=self.is_plain
        )

    async def edit_plain(self, posted: PostedCard, card: Card) -> None:
        """Edit a card that was posted as plain text."""
        self.edited_plain.append(posted.card_id)
        await self.edit(posted.card_id, card)

    async def say(self, user_id: TelegramUserId, text: str) -> None:
        """Send a sentence to the employee."""
        self.said.append((user_id, text))

    async def edit(self, card_id: str, card: Card) -> None:
        """Edit a card."""
        await self.hurdle.wait()
        self.history[card_id].append(card)
