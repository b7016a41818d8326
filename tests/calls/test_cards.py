"""A card says the truth in the end, with as few edits as it takes."""

import pytest
from structlog.testing import capture_logs

from linegram.calls.card import Card, CardState
from linegram.calls.cards import CardKeeper
from linegram.sandbox.doubles_cards import ChatDouble
from linegram.sandbox.doubles_clock import HandClock, settle
from linegram.units import CallId
from tests.calls.call_office import ANN

CALL = CallId("call")


def card(state: CardState) -> Card:
    return Card(state=state, number="4711")


class Board:
    """A keeper over a chat, with one card posted."""

    def __init__(self, chat: ChatDouble | None = None) -> None:
        self.chat = chat or ChatDouble()
        self.keeper = CardKeeper(self.chat, self.chat)
        self.shown = 0

    async def post(self) -> None:
        self.keeper.post(CALL, ANN, card(CardState.INCOMING), self._show)
        await settle()

    def _show(self) -> None:
        self.shown += 1

    async def update(self, state: CardState, *, is_last: bool = False) -> None:
        self.keeper.update(CALL, card(state), is_last=is_last)
        await settle()

    @property
    def states(self) -> list[CardState]:
        return [card.state for card in self.chat.history[str(CALL)]]


async def test_a_card_is_posted_edited_and_let_go_after_its_last_change() -> None:
    board = Board()
    await board.post()
    await board.update(CardState.TALKING)
    await board.update(CardState.ENDED, is_last=True)
    await board.update(CardState.TALKING)
    assert board.states == [CardState.INCOMING, CardState.TALKING, CardState.ENDED]
    assert (board.shown, board.keeper.wanted(CALL)) == (1, None)


async def test_changes_faster_than_the_chat_are_skipped_but_never_the_last() -> None:
    board = Board()
    await board.post()
    board.chat.hurdle.clear()
    for state in (CardState.DIALLING, CardState.FAR_RINGING, CardState.TALKING):
        await board.update(state)
    await board.update(CardState.ENDED, is_last=True)
    board.chat.hurdle.set()
    await settle()
    assert board.states == [CardState.INCOMING, CardState.DIALLING, CardState.ENDED]


async def test_a_change_back_to_what_stands_is_no_edit() -> None:
    board = Board()
    await board.post()
    board.keeper.update(CALL, card(CardState.TALKING))
    board.keeper.update(CALL, card(CardState.INCOMING))
    await settle()
    assert board.states == [CardState.INCOMING]


async def test_a_call_that_ends_before_its_card_stands_has_a_true_card() -> None:
    board = Board()
    board.chat.hurdle.clear()
    await board.post()
    await board.update(CardState.ENDED, is_last=True)
    wanted = board.keeper.wanted(CALL)
    assert wanted is not None
    assert wanted.state is CardState.ENDED
    board.chat.hurdle.set()
    await settle()
    assert board.states[-1] is CardState.ENDED


async def test_a_plain_card_is_edited_by_the_calling_account() -> None:
    board = Board(ChatDouble(is_plain=True))
    await board.post()
    await board.update(CardState.TALKING)
    assert board.chat.edited_plain == [str(CALL)]


async def test_a_refused_card_counts_as_shown_and_its_changes_are_dropped() -> None:
    board = Board(ChatDouble(refuses=True))
    await board.post()
    await board.update(CardState.TALKING)
    assert (board.shown, board.chat.history) == (1, {})


@pytest.mark.parametrize("method", ["post", "edit"])
async def test_a_chat_that_fails_is_logged_and_harms_no_call(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board()

    async def fail(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(board.chat, method, fail)
    with capture_logs() as logs:
        await board.post()
        await board.update(CardState.TALKING)
    assert [entry["event"] for entry in logs] == ["card_failed"]
    assert (board.shown, board.keeper.wanted(CALL)) == (1, None)


async def test_closing_makes_the_cards_true_first() -> None:
    board = Board()
    await board.post()
    board.keeper.update(CALL, card(CardState.ENDED))
    await board.keeper.close()
    assert board.states == [CardState.INCOMING, CardState.ENDED]
    assert board.keeper.wanted(CALL) is None


async def test_a_card_that_takes_too_long_counts_as_shown_once() -> None:
    clock, board = HandClock(), Board()
    board.chat.hurdle.clear()
    await board.post()
    assert board.shown == 0
    await clock.advance(0.8)
    assert board.shown == 1
    board.chat.hurdle.set()
    await settle()
    assert (board.shown, board.states) == (1, [CardState.INCOMING])
