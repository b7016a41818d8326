"""Cards of calls: the inline answer that the calling account posts, and the presses under it."""

from aiogram import Router
from aiogram.types import (
    CallbackQuery,
    ChosenInlineResult,
    InlineQuery,
    InlineQueryResultArticle,
    InputTextMessageContent,
)

from linegram.bot.card_text import CardPress, card_keyboard, card_text
from linegram.bot.editor import InlineCardEditor
from linegram.bot.language import texts
from linegram.bot.ports import CallDesk
from linegram.units import TelegramUserId

CARD_QUERY_PREFIX = "card:"


def card_router(calling_account_id: TelegramUserId) -> Router:
    """Make the router of cards. Only the calling account is told what a card says."""
    router = Router(name="cards")
    router.inline_query.register(
        answer_card_query,
        lambda query: query.from_user.id == calling_account_id and query.query.startswith(CARD_QUERY_PREFIX),
    )
    router.chosen_inline_result.register(
        learn_card_message, lambda result: result.from_user.id == calling_account_id
    )
    router.callback_query.register(press_button, CardPress.filter())
    return router


async def answer_card_query(query: InlineQuery, desk: CallDesk) -> None:
    """Answer the calling account with the card it asks for; with nothing if the call is over."""
    card_id = query.query.removeprefix(CARD_QUERY_PREFIX)
    card = desk.card(card_id)
    if card is None:
        await query.answer([], cache_time=0, is_personal=True)
        return
    words = texts()
    text = card_text(card, words)
    article = InlineQueryResultArticle(
        id=card_id,
        title=text.splitlines()[0],
        input_message_content=InputTextMessageContent(message_text=text),
        reply_markup=card_keyboard(card_id, card, words),
    )
    await query.answer([article], cache_time=0, is_personal=True)


async def learn_card_message(result: ChosenInlineResult, editor: InlineCardEditor) -> None:
    """Remember which inline message carries the card."""
    if result.inline_message_id is not None:
        await editor.learn(result.result_id, result.inline_message_id)


async def press_button(press: CallbackQuery, callback_data: CardPress, desk: CallDesk) -> None:
    """Carry out a press and tell the employee if it came too late."""
    is_done = await desk.press(
        TelegramUserId(press.from_user.id), callback_data.card_id, callback_data.button
    )
    await press.answer(None if is_done else texts().say("card-gone"))
