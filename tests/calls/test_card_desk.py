"""Presses reach the call of the card, or the record of it, and only for its owner."""

from linegram.calls.card import CardButton, CardState
from linegram.calls.card_desk import CardDesk
from linegram.sandbox.doubles_clock import settle
from linegram.units import TelegramUserId
from tests.calls.call_office import ANN, ANNS_LINE, BOB, CallOffice


class Press:
    """An office with a card desk, and presses of its one card."""

    def __init__(self) -> None:
        self.office = CallOffice()
        self.desk = CardDesk(
            self.office.switchboard, self.office.runner.desk, self.office.keeper, self.office.journal
        )

    async def arrive(self) -> str:
        """Let the PBX call Ann; returns the card."""
        self.office.worker.call(ANNS_LINE, "4711")
        await settle()
        return str(self.office.call_id)

    async def press(self, card_id: str, button: CardButton, user_id: TelegramUserId = ANN) -> bool:
        is_done = await self.desk.press(user_id, card_id, button)
        await settle()
        return is_done


async def test_the_bot_learns_what_the_card_of_a_running_call_says() -> None:
    press = Press()
    card_id = await press.arrive()
    card = press.desk.card(card_id)
    assert card is not None
    assert card.state is CardState.INCOMING
    assert press.desk.card("never was") is None


async def test_a_press_ends_the_own_call_only() -> None:
    press = Press()
    card_id = await press.arrive()
    assert not await press.press(card_id, CardButton.HANG_UP, BOB)
    assert press.office.card().state is CardState.INCOMING
    assert await press.press(card_id, CardButton.HANG_UP)
    assert press.office.card().state is CardState.ENDED


async def test_the_card_of_a_finished_call_calls_back() -> None:
    press = Press()
    card_id = await press.arrive()
    await press.press(card_id, CardButton.HANG_UP)
    assert not await press.press(card_id, CardButton.CALL_BACK, BOB)
    assert await press.press(card_id, CardButton.CALL_BACK)
    (call,) = press.office.runner.desk
    assert (call.number, call.is_incoming) == ("4711", False)


async def test_a_finished_call_cannot_be_hung_up() -> None:
    press = Press()
    card_id = await press.arrive()
    await press.press(card_id, CardButton.HANG_UP)
    assert not await press.press(card_id, CardButton.HANG_UP)
    assert len(press.office.records) == 1


async def test_a_card_that_never_was_belongs_to_nobody() -> None:
    assert not await Press().press("never was", CardButton.CALL_BACK)
