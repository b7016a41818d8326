"""Cards say in words what happened, and every ending has its sentence."""

import pytest
from aiogram.types import InlineKeyboardMarkup

from linegram.bot.card_text import CardPress, card_keyboard, card_text
from linegram.bot.language import texts
from linegram.calls.card import Card, CardButton, CardState
from linegram.outcomes import EndReason

CARD_ID = "0" * 32


def buttons(keyboard: InlineKeyboardMarkup) -> list[str]:
    return [button.text for row in keyboard.inline_keyboard for button in row]


@pytest.mark.parametrize("reason", list(EndReason))
def test_every_ending_has_a_sentence(reason: EndReason) -> None:
    assert texts().say(f"end-{reason.value}").endswith(".")


@pytest.mark.parametrize("state", list(CardState))
def test_every_state_of_a_card_can_be_read(state: CardState) -> None:
    text = card_text(Card(state=state, number="4711", name="Ann"), texts())
    assert "Ann · 4711" in text


def test_a_missed_call_says_so_and_an_answered_one_says_how_long() -> None:
    missed = Card(state=CardState.ENDED, number="4711", is_incoming=True, end_reason=EndReason.CANCELLED)
    talked = Card(state=CardState.ENDED, number="4711", end_reason=EndReason.COMPLETED, duration_s=61)
    assert card_text(missed, texts()).startswith("❌ Missed call\n4711")
    assert "lasted 1:01" in card_text(talked, texts())


@pytest.mark.parametrize("button", list(CardButton))
def test_a_press_fits_telegrams_64_bytes(button: CardButton) -> None:
    assert len(CardPress(button=button, card_id=CARD_ID).pack().encode()) <= 64


def test_the_buttons_are_those_of_the_card() -> None:
    card = Card(state=CardState.TALKING, number="1", buttons=(CardButton.HANG_UP,))
    assert buttons(card_keyboard(CARD_ID, card, texts())) == ["Hang up"]


def test_an_unknown_language_speaks_english() -> None:
    assert texts("xx").say("button-hang") == "Hang up"


def test_a_caller_who_is_not_to_be_shown_is_called_so() -> None:
    card = Card(state=CardState.INCOMING, number="", is_incoming=True)
    assert card_text(card, texts()).splitlines()[1] == "number withheld"
