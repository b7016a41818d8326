"""What the bot needs of the hub, declared here and implemented there."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from linegram.calls.card import Card, CardButton
from linegram.units import TelegramUserId


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line as a list shows it. `status` is empty while all is well."""

    name: str
    login: str
    person: str
    mark: str
    status: str


class CallDesk(Protocol):
    """Running and past calls, as buttons and inline queries reach them."""

    def card(self, card_id: str) -> Card | None:
        """Return what the card of a running call says now."""

    async def press(self, user_id: TelegramUserId, card_id: str, button: CardButton) -> bool:
        """Carry out a press; False when it is not this person's call, or there is no such call."""


class LineList(Protocol):
    """The lines that a person owns or uses."""

    async def lines(self, user_id: TelegramUserId) -> Sequence[LineRow]:
        """Return the lines this person may see, in the order of their names."""
