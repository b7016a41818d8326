"""The sandbox's Bot API refuses what Telegram's refuses; each test names where that is public."""

import pytest
from aiogram import Bot
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputTextMessageContent,
)

from linegram.bot.service import make_bot
from linegram.sandbox.botapi import SandboxBotApi
from linegram.sandbox.world.messages import Content
from tests.sandbox.conftest import Cast


def article(result_id: str = "r") -> InlineQueryResultArticle:
    content = InputTextMessageContent(message_text="text")
    return InlineQueryResultArticle(id=result_id, title="t", input_message_content=content)


def keyboard(callback_data: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        inline_keyboard=[[InlineKeyboardButton(text="b", callback_data=callback_data)]]
    )


def start_chat(cast: Cast) -> int:
    cast.world.chats.send(cast.anna.user_id, cast.bot.user_id, Content("/start"))
    return cast.anna.user_id


async def test_a_bot_may_not_write_first(cast: Cast, bot: Bot) -> None:
    """core.telegram.org/bots/features: bots can't start conversations with users."""
    cast.world.people.meet(cast.bot.user_id, cast.stranger.user_id)
    with pytest.raises(TelegramForbiddenError, match="can't initiate conversation"):
        await bot.send_message(cast.stranger.user_id, "hello")


async def test_a_chat_that_the_bot_never_met_is_unknown(cast: Cast, bot: Bot) -> None:
    """core.telegram.org/bots/api#sendmessage: chat not found."""
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(cast.stranger.user_id, "hello")


async def test_a_bot_that_was_blocked_is_told_so(cast: Cast, bot: Bot) -> None:
    """core.telegram.org/bots/faq: a user can block a bot at any time."""
    chat_id = start_chat(cast)
    cast.anna.blocked_ids.add(cast.bot.user_id)
    with pytest.raises(TelegramForbiddenError, match="blocked"):
        await bot.send_message(chat_id, "hello")


async def test_callback_data_has_at_most_64_bytes(cast: Cast, bot: Bot) -> None:
    """core.telegram.org/bots/api#inlinekeyboardbutton: callback_data, 1-64 bytes."""
    chat_id = start_chat(cast)
    await bot.send_message(chat_id, "fits", reply_markup=keyboard("x" * 64))
    with pytest.raises(TelegramBadRequest, match="BUTTON_DATA_INVALID"):
        await bot.send_message(chat_id, "too long", reply_markup=keyboard("ж" * 33))


async def test_a_text_has_at_most_4096_characters(cast: Cast, bot: Bot) -> None:
    """core.telegram.org/bots/api#sendmessage: text, 1-4096 characters."""
    chat_id = start_chat(cast)
    with pytest.raises(TelegramBadRequest, match="too long"):
        await bot.send_message(chat_id, "x" * 4097)


async def test_an_edit_must_change_something(cast: Cast, bot: Bot) -> None:
    """core.telegram.org/method/messages.editMessage: MESSAGE_NOT_MODIFIED."""
    sent = await bot.send_message(start_chat(cast), "same")
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await sent.edit_text("same")


async def test_an_inline_query_is_answered_in_time_or_not_at_all(cast: Cast, bot: Bot) -> None:
    """core.telegram.org/bots/api#answerinlinequery: the query ID becomes invalid."""
    asked = cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="q")
    cast.clock.now_s += 11
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await bot.answer_inline_query(str(asked.query_id), [article()])


async def test_an_inline_answer_has_each_result_id_once(cast: Cast, bot: Bot) -> None:
    """core.telegram.org/method/messages.setInlineBotResults: RESULT_ID_DUPLICATE."""
    asked = cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="q")
    with pytest.raises(TelegramBadRequest, match="RESULT_ID_DUPLICATE"):
        await bot.answer_inline_query(str(asked.query_id), [article(), article()])


async def test_a_callback_query_is_answered_once(cast: Cast, bot: Bot) -> None:
    """core.telegram.org/method/messages.setBotCallbackAnswer: QUERY_ID_INVALID."""
    sent = await bot.send_message(start_chat(cast), "press", reply_markup=keyboard("go"))
    press = cast.world.presses.press(cast.anna.user_id, sent.message_id, b"go")
    await bot.answer_callback_query(str(press.query_id), text="ok")
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await bot.answer_callback_query(str(press.query_id), text="again")


async def test_an_unknown_inline_message_cannot_be_edited(bot: Bot) -> None:
    """core.telegram.org/method/messages.editInlineBotMessage: MESSAGE_ID_INVALID."""
    with pytest.raises(TelegramBadRequest, match="not found"):
        await bot.edit_message_text("text", inline_message_id="AAAA")


async def test_a_wrong_token_is_unauthorized(api: SandboxBotApi) -> None:
    """core.telegram.org/bots/api#authorizing-your-bot."""
    stranger = make_bot("1:wrong", api.url)
    with pytest.raises(TelegramUnauthorizedError):
        await stranger.get_me()
    await stranger.session.close()


async def test_floods_and_outages_can_be_injected(cast: Cast, api: SandboxBotApi, bot: Bot) -> None:
    """core.telegram.org/bots/api#making-requests: parameters.retry_after."""
    chat_id = start_chat(cast)
    api.faults.flood("sendmessage", 7)
    with pytest.raises(TelegramRetryAfter) as flood:
        await bot.send_message(chat_id, "one")
    assert flood.value.retry_after == 7
    api.faults.outage()
    with pytest.raises(TelegramServerError):
        await bot.send_message(chat_id, "two")
    assert (await bot.send_message(chat_id, "three")).text == "three"
