"""Where the cards of calls stand, so that they can be edited after a restart."""

from typing import Any

import msgspec
from sqlalchemy import delete

from linegram.calls.ports import PostedCard
from linegram.storage.database import Database
from linegram.storage.tables import CardRow
from linegram.storage.upsert import upsert
from linegram.units import TelegramUserId


class StoredCard(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a card: posting and chosen result come on two ways, in any order."""

    card_id: str
    user_id: TelegramUserId | None
    message_id: int | None
    inline_message_id: str | None
    is_plain: bool


class CardRepository:
    """Reads and writes the places of cards."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def posted(self, card: PostedCard) -> None:
        """Remember the message that carries a card, as the calling account sees it."""
        await self._put(
            card.card_id, user_id=card.user_id, message_id=card.message_id, is_plain=card.is_plain
        )

    async def chosen(self, card_id: str, inline_message_id: str) -> None:
        """Remember the inline message that carries a card, as the bot sees it."""
        await self._put(card_id, inline_message_id=inline_message_id)

    async def find(self, card_id: str) -> StoredCard | None:
        """What is known of a card."""
        async with self._database.reading() as session:
            row = await session.get(CardRow, card_id)
            return None if row is None else _card(row)

    async def forget_before(self, at: float) -> int:
        """Erase the cards that did not change since `at` (UTC epoch seconds); returns how many."""
        async with self._database.writing() as session:
            gone = await session.scalars(
                delete(CardRow).where(CardRow.changed_at < at).returning(CardRow.card_id)
            )
            return len(gone.all())

    async def _put(self, card_id: str, **values: Any) -> None:
        known = {"card_id": card_id, "changed_at": self._database.clock()}
        async with self._database.writing() as session:
            await session.execute(
                upsert(self._database, CardRow, known | values, key="card_id", blank={"is_plain": False})
            )


def _card(row: CardRow) -> StoredCard:
    return StoredCard(
        card_id=row.card_id,
        user_id=None if row.user_id is None else TelegramUserId(row.user_id),
        message_id=row.message_id,
        inline_message_id=row.inline_message_id,
        is_plain=row.is_plain,
    )
