"""What the sandbox refuses of bots and their askers because Telegram does, with the public source."""

import pytest

from linegram.sandbox.world import TelegramRefusalError
from linegram.sandbox.world.inline import InlineAnswer, InlineResult
from linegram.sandbox.world.messages import CallbackButton, Content, InlineKeyboard, InlineMessageId
from linegram.sandbox.world.presses import PressAnswer
from tests.sandbox.conftest import Cast
from tests.sandbox.test_world_bots import post_card

RESULT = InlineResult("r", "Title", Content("text"))


def test_a_bot_cannot_write_first(cast: Cast) -> None:
    """Bot API: "Forbidden: bot can't initiate conversation with a user" (TelegramBotAPI/errors, issue 2)."""
    with pytest.raises(TelegramRefusalError, match="403 BOT_CANNOT_INITIATE_CONVERSATION"):
        cast.world.chats.send(cast.bot.user_id, cast.anna.user_id, Content("hello"))
    cast.world.chats.send(cast.anna.user_id, cast.bot.user_id, Content("/start"))
    cast.world.chats.send(cast.bot.user_id, cast.anna.user_id, Content("hello"))


def test_pressing_under_an_inline_message_does_not_let_the_bot_write(cast: Cast) -> None:
    """Bot API, as above: only the person's own message to the bot opens the chat."""
    message = post_card(cast)
    cast.world.presses.press(cast.anna.user_id, message.ids[cast.anna.user_id], b"end")
    with pytest.raises(TelegramRefusalError, match="403 BOT_CANNOT_INITIATE_CONVERSATION"):
        cast.world.chats.send(cast.bot.user_id, cast.anna.user_id, Content("hello"))


def test_a_bot_that_was_blocked_cannot_write(cast: Cast) -> None:
    """Bot API: "Forbidden: bot was blocked by the user" (TelegramBotAPI/errors)."""
    cast.world.chats.send(cast.anna.user_id, cast.bot.user_id, Content("/start"))
    cast.anna.blocked_ids.add(cast.bot.user_id)
    with pytest.raises(TelegramRefusalError, match="403 USER_IS_BLOCKED"):
        cast.world.chats.send(cast.bot.user_id, cast.anna.user_id, Content("hello"))


def test_a_bot_cannot_write_to_a_bot(cast: Cast) -> None:
    """Bot API: "Forbidden: bot can't send messages to bots"; method messages.sendMessage, USER_IS_BOT."""
    other = cast.world.people.add_bot("Other", username="other_bot")
    with pytest.raises(TelegramRefusalError, match="400 USER_IS_BOT"):
        cast.world.chats.send(cast.bot.user_id, other.user_id, Content("hello"))


def test_an_inline_query_has_256_characters_at_most(cast: Cast) -> None:
    """core.telegram.org/bots/api#inlinequery, field query: up to 256 characters. The error's name is ours."""
    cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="x" * 256)
    with pytest.raises(TelegramRefusalError, match="400 QUERY_TOO_LONG"):
        cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="x" * 257)


def test_a_bot_without_inline_mode_cannot_be_asked(cast: Cast) -> None:
    """core.telegram.org/method/messages.getInlineBotResults, 400 BOT_INLINE_DISABLED and BOT_INVALID."""
    assert cast.bot.bot is not None
    cast.bot.bot.is_inline = False
    with pytest.raises(TelegramRefusalError, match="400 BOT_INLINE_DISABLED"):
        cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="x")
    with pytest.raises(TelegramRefusalError, match="400 BOT_INVALID"):
        cast.world.inline.ask(cast.anna.user_id, cast.caller.user_id, query="x")


def test_an_inline_answer_that_comes_too_late_or_twice_is_refused(cast: Cast) -> None:
    """core.telegram.org/method/messages.setInlineBotResults, QUERY_ID_INVALID; Bot API "query is too old"."""
    late = cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="late")
    cast.clock.now_s += cast.world.inline.answer_within_s + 1
    with pytest.raises(TelegramRefusalError, match="400 QUERY_ID_INVALID"):
        cast.world.inline.answer(cast.bot.user_id, late.query_id, InlineAnswer((RESULT,)))
    twice = cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="twice")
    cast.world.inline.answer(cast.bot.user_id, twice.query_id, InlineAnswer((RESULT,)))
    with pytest.raises(TelegramRefusalError, match="400 QUERY_ID_INVALID"):
        cast.world.inline.answer(cast.bot.user_id, twice.query_id, InlineAnswer((RESULT,)))


def test_another_bot_cannot_answer_the_query(cast: Cast) -> None:
    """core.telegram.org/method/messages.setInlineBotResults, 400 QUERY_ID_INVALID."""
    other = cast.world.people.add_bot("Other", username="other_bot")
    asked = cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="x")
    with pytest.raises(TelegramRefusalError, match="400 QUERY_ID_INVALID"):
        cast.world.inline.answer(other.user_id, asked.query_id, InlineAnswer((RESULT,)))


@pytest.mark.parametrize(
    ("results", "name"),
    [
        (tuple(InlineResult(str(n), "t", Content("x")) for n in range(51)), "RESULTS_TOO_MUCH"),
        ((RESULT, RESULT), "RESULT_ID_DUPLICATE"),
        ((InlineResult("x" * 65, "t", Content("x")),), "RESULT_ID_INVALID"),
        ((InlineResult("", "t", Content("x")),), "RESULT_ID_INVALID"),
        ((InlineResult("r", "", Content("x")),), "ARTICLE_TITLE_EMPTY"),
        ((InlineResult("r", "t", Content("")),), "MESSAGE_EMPTY"),
        (
            (
                InlineResult(
                    "r", "t", Content("x", markup=InlineKeyboard(((CallbackButton("b", b"x" * 65),),)))
                ),
            ),
            "BUTTON_DATA_INVALID",
        ),
    ],
)
def test_malformed_inline_results_are_refused(
    cast: Cast, results: tuple[InlineResult, ...], name: str
) -> None:
    """core.telegram.org/method/messages.setInlineBotResults, and bots/api#answerinlinequery: 50 results."""
    asked = cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="x")
    with pytest.raises(TelegramRefusalError, match=f"400 {name}"):
        cast.world.inline.answer(cast.bot.user_id, asked.query_id, InlineAnswer(results))


def test_a_result_of_an_unknown_query_or_with_an_unknown_id_cannot_be_sent(cast: Cast) -> None:
    """core.telegram.org/method/messages.sendInlineBotResult: QUERY_ID and RESULT_ID_INVALID."""
    inline, caller_id, anna_id = cast.world.inline, cast.caller.user_id, cast.anna.user_id
    with pytest.raises(TelegramRefusalError, match="400 QUERY_ID_INVALID"):
        inline.send_result(caller_id, anna_id, 12345, "r")
    asked = inline.ask(caller_id, cast.bot.user_id, query="x")
    with pytest.raises(TelegramRefusalError, match="400 QUERY_ID_INVALID"):
        inline.send_result(caller_id, anna_id, asked.query_id, "r")
    inline.answer(cast.bot.user_id, asked.query_id, InlineAnswer((RESULT,)))
    with pytest.raises(TelegramRefusalError, match="400 RESULT_ID_INVALID"):
        inline.send_result(caller_id, anna_id, asked.query_id, "other")
    with pytest.raises(TelegramRefusalError, match="400 QUERY_ID_INVALID"):
        inline.send_result(cast.stranger.user_id, anna_id, asked.query_id, "r")


def test_a_button_that_is_not_there_cannot_be_pressed(cast: Cast) -> None:
    """core.telegram.org/method/messages.getBotCallbackAnswer, 400 DATA_INVALID and MESSAGE_ID_INVALID."""
    message = post_card(cast)
    with pytest.raises(TelegramRefusalError, match="400 DATA_INVALID"):
        cast.world.presses.press(cast.anna.user_id, message.ids[cast.anna.user_id], b"other")
    plain = cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("no buttons"))
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_ID_INVALID"):
        cast.world.presses.press(cast.anna.user_id, plain.ids[cast.anna.user_id], b"end")


def test_a_button_that_was_edited_away_cannot_be_pressed(cast: Cast) -> None:
    """core.telegram.org/method/messages.getBotCallbackAnswer, 400 MESSAGE_ID_INVALID."""
    message = post_card(cast)
    assert message.inline_id is not None
    cast.world.chats.edit_inline(cast.bot.user_id, message.inline_id, Content("over"))
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_ID_INVALID"):
        cast.world.presses.press(cast.anna.user_id, message.ids[cast.anna.user_id], b"end")


def test_a_press_is_answered_once_in_time_and_by_its_bot(cast: Cast) -> None:
    """core.telegram.org/method/messages.setBotCallbackAnswer: QUERY_ID_INVALID, in the Bot API "too old"."""
    message = post_card(cast)
    presses, anna_id = cast.world.presses, cast.anna.user_id
    other = cast.world.people.add_bot("Other", username="other_bot")
    press = presses.press(anna_id, message.ids[anna_id], b"end")
    with pytest.raises(TelegramRefusalError, match="400 QUERY_ID_INVALID"):
        presses.answer(other.user_id, press.query_id, PressAnswer())
    presses.answer(cast.bot.user_id, press.query_id, PressAnswer())
    with pytest.raises(TelegramRefusalError, match="400 QUERY_ID_INVALID"):
        presses.answer(cast.bot.user_id, press.query_id, PressAnswer())
    late = presses.press(anna_id, message.ids[anna_id], b"end")
    cast.clock.now_s += presses.answer_within_s + 1
    with pytest.raises(TelegramRefusalError, match="400 QUERY_ID_INVALID"):
        presses.answer(cast.bot.user_id, late.query_id, PressAnswer())


def test_the_notice_of_a_press_has_200_characters_at_most(cast: Cast) -> None:
    """core.telegram.org/bots/api#answercallbackquery: text, 0-200 characters; 400 MESSAGE_TOO_LONG."""
    message = post_card(cast)
    press = cast.world.presses.press(cast.anna.user_id, message.ids[cast.anna.user_id], b"end")
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_TOO_LONG"):
        cast.world.presses.answer(cast.bot.user_id, press.query_id, PressAnswer("x" * 201))
    cast.world.presses.answer(cast.bot.user_id, press.query_id, PressAnswer("x" * 200))


@pytest.mark.parametrize("text", ["", "!", "x", "AAAA", "ключ"])
def test_a_malformed_inline_message_id_is_refused(text: str) -> None:
    """core.telegram.org/method/messages.editInlineBotMessage, 400 MESSAGE_ID_INVALID."""
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_ID_INVALID"):
        InlineMessageId.from_text(text)


def test_login_codes_and_tokens_expire_and_numbers_are_checked(cast: Cast) -> None:
    """core.telegram.org/method/auth.sendCode, auth.signIn and auth.acceptLoginToken, their 400 errors."""
    sign_in = cast.world.sign_in
    with pytest.raises(TelegramRefusalError, match="400 PHONE_NUMBER_INVALID"):
        sign_in.send_code("office")
    sent = sign_in.send_code("79990000001")
    cast.clock.now_s += 301
    with pytest.raises(TelegramRefusalError, match="400 PHONE_CODE_EXPIRED"):
        sign_in.check_code("79990000001", sent.code_hash, sent.code)
    with pytest.raises(TelegramRefusalError, match="400 AUTH_TOKEN_INVALIDX"):
        sign_in.accept_token(cast.anna.user_id, b"unknown")
