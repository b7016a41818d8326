"""Cards as buttons and inline queries reach them: of running calls, and of those long over."""

from linegram.calls.card import Card, CardButton
from linegram.calls.cards import CardKeeper
from linegram.calls.desk import Desk
from linegram.calls.ports import CallJournal
from linegram.calls.switchboard import Switchboard
from linegram.units import CallId, TelegramUserId


class CardDesk:
    """Answers for every card that was ever posted; the id of a card is its call's."""

    def __init__(
        self, switchboard: Switchboard, desk: Desk, keeper: CardKeeper, journal: CallJournal
    ) -> None:
        self._switchboard = switchboard
        self._desk = desk
        self._keeper = keeper
        self._journal = journal

    def card(self, card_id: str) -> Card | None:
        """Return what the card of a running call says now."""
        return self._keeper.wanted(CallId(card_id))

    async def press(self, user_id: TelegramUserId, card_id: str, button: CardButton) -> bool:
        """Carry out a press; False when it is not this person's call, or there is no such call."""
        call_id = CallId(card_id)
        call = self._desk.get(call_id)
        if call is not None:
            owner, number = call.user_id, call.number
        else:
            record = await self._journal.find_call(call_id)
            if record is None or button is not CardButton.CALL_BACK:
                return False
            owner, number = record.user_id, record.number
        if owner != user_id:
            return False
        self._switchboard.take_button(user_id, call_id, button, number)
        return True
