"""What a card says and which buttons stand under it. Pure."""

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from linegram.bot.language import Texts
from linegram.calls.card import Card, CardButton, CardState
from linegram.outcomes import EndReason

SEPARATOR = " · "


class CardPress(CallbackData, prefix="c"):
    """A press under a card. With a 32-character call id this is 40 bytes of the 64 that Telegram allows."""

    button: CardButton
    card_id: str


def card_text(card: Card, texts: Texts) -> str:
    """Return the card's text: what happens, who, on which line, and how it ended."""
    who = SEPARATOR.join(filter(None, (card.name, card.number))) or texts.say("card-withheld")
    lines = [_headline(card, texts), who]
    if card.diverted_by:
        lines.append(texts.say("card-diverted", {"by": card.diverted_by}))
    if card.line:
        lines.append(texts.say("card-line", {"line": card.line}))
    lines.extend(_ending(card, texts))
    return "\n".join(lines)


def card_keyboard(card_id: str, card: Card, texts: Texts) -> InlineKeyboardMarkup:
    """Return the buttons under a card. There is always one: only then has an inline message an id to edit."""
    row = [
        InlineKeyboardButton(
            text=texts.say(f"button-{button.value}"),
            callback_data=CardPress(button=button, card_id=card_id).pack(),
        )
        for button in card.buttons
    ]
    return InlineKeyboardMarkup(inline_keyboard=[row])


def _headline(card: Card, texts: Texts) -> str:
    if card.state is CardState.ENDED:
        is_missed = card.is_incoming and card.duration_s is None
        return texts.say("card-missed" if is_missed else "card-ended")
    return texts.say(f"card-{card.state.value}")


def _ending(card: Card, texts: Texts) -> list[str]:
    if card.state is not CardState.ENDED:
        return []
    lines = []
    if card.duration_s is not None:
        minutes, seconds = divmod(card.duration_s, 60)
        lines.append(texts.say("card-duration", {"minutes": minutes, "seconds": f"{seconds:02}"}))
    if card.end_reason not in {None, EndReason.COMPLETED}:
        lines.append(texts.say(f"end-{card.end_reason.value}"))
    if card.retry_after_s is not None:
        lines.append(texts.say("card-retry", {"seconds": card.retry_after_s}))
    return lines
