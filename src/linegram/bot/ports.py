"""What the bot needs of the hub, declared here and implemented there."""

from typing import Protocol

from linegram.calls.card import Card, CardButton
from linegram.units import TelegramUserId


class CallDesk(Protocol):
    """Running and past calls, as buttons and inline queries reach them."""

    def card(self, card_id: str) -> Card | None:
        """Return what the card of a running call says now."""

    async def press(self, user_id: TelegramUserId, card_id: str, button: CardButton) -> bool:
        """Carry out a press; False when it is not this person's call, or there is no such call."""
