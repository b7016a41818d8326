"""What a bot lives through: messages, inline queries, chosen results, presses."""

import pytest

from linegram.sandbox.world import TelegramRefusalError
from linegram.sandbox.world.events import (
    ButtonPressed,
    InlineQueryAsked,
    InlineResultChosen,
    MessageArrived,
    MessageEdited,
)
from linegram.sandbox.world.inline import InlineAnswer, InlineResult
from linegram.sandbox.world.messages import CallbackButton, Content, InlineKeyboard, InlineMessageId, Message
from linegram.sandbox.world.presses import PressAnswer
from tests.sandbox.conftest import Cast

KEYS = InlineKeyboard(((CallbackButton("Hang up", b"end"),),))


def post_card(cast: Cast, text: str = "Call from 100") -> Message:
    """Let the calling account post a card with a button via the bot, into its chat with Anna."""
    asked = cast.world.inline.ask(cast.caller.user_id, cast.bot.user_id, query="card 1", chat_type="private")
    result = InlineResult("r1", "Card", Content(text, markup=KEYS))
    cast.world.inline.answer(cast.bot.user_id, asked.query_id, InlineAnswer((result,), cache_time_s=0))
    return cast.world.inline.send_result(cast.caller.user_id, cast.anna.user_id, asked.query_id, "r1")


def bot_events(cast: Cast) -> list[object]:
    """Return all that the bot was told so far."""
    return [item.event for item in cast.world.feed_of(cast.bot.user_id).after(0)]


def test_a_message_to_the_bot_is_an_event_and_the_bot_may_answer_then(cast: Cast) -> None:
    cast.world.chats.send(cast.anna.user_id, cast.bot.user_id, Content("/start"))
    reply = cast.world.chats.send(cast.bot.user_id, cast.anna.user_id, Content("Hello", markup=KEYS))
    arrived = [e for e in bot_events(cast) if isinstance(e, MessageArrived)]
    assert [e.message.content.text for e in arrived] == ["/start", "Hello"]
    assert reply.content.markup == KEYS


def test_a_chosen_result_with_buttons_brings_the_inline_message_id(cast: Cast) -> None:
    message = post_card(cast)
    asked, chosen = bot_events(cast)
    assert isinstance(asked, InlineQueryAsked)
    assert asked.chat_type == "private"
    assert isinstance(chosen, InlineResultChosen)
    assert chosen.inline_id == message.inline_id
    assert message.via_bot_id == cast.bot.user_id


def test_a_chosen_result_without_buttons_has_no_inline_message_id(cast: Cast) -> None:
    asked = cast.world.inline.ask(cast.caller.user_id, cast.bot.user_id, query="plain")
    answer = InlineAnswer((InlineResult("r", "T", Content("text")),))
    cast.world.inline.answer(cast.bot.user_id, asked.query_id, answer)
    cast.world.inline.send_result(cast.caller.user_id, cast.anna.user_id, asked.query_id, "r")
    chosen = bot_events(cast)[-1]
    assert isinstance(chosen, InlineResultChosen)
    assert chosen.inline_id is None


def test_the_bot_edits_an_inline_message_by_its_id_and_both_people_are_told(cast: Cast) -> None:
    message = post_card(cast)
    assert message.inline_id is not None
    inline_id = InlineMessageId.from_text(message.inline_id.to_text())
    cast.world.chats.edit_inline(cast.bot.user_id, inline_id, Content("Ended"))
    for person in (cast.anna, cast.caller):
        last = cast.world.feed_of(person.user_id).after(0)[-1].event
        assert isinstance(last, MessageEdited)
        assert last.message.content.text == "Ended"


def test_a_press_under_an_inline_message_names_presser_and_chat_but_not_the_message(cast: Cast) -> None:
    message = post_card(cast)
    press = cast.world.presses.press(cast.anna.user_id, message.ids[cast.anna.user_id], b"end")
    event = bot_events(cast)[-1]
    assert isinstance(event, ButtonPressed)
    assert (event.from_id, event.payload, event.message) == (cast.anna.user_id, b"end", None)
    assert event.inline_id == message.inline_id
    cast.world.presses.answer(cast.bot.user_id, press.query_id, PressAnswer("Done"))
    assert press.pending.answer == PressAnswer("Done")


def test_presses_from_one_chat_share_a_chat_instance_and_other_chats_differ(cast: Cast) -> None:
    message = post_card(cast)
    for person in (cast.anna, cast.caller):
        cast.world.presses.press(person.user_id, message.ids[person.user_id], b"end")
    asked = cast.world.inline.ask(cast.stranger.user_id, cast.bot.user_id, query="x")
    answer = InlineAnswer((InlineResult("r", "T", Content("text", markup=KEYS)),))
    cast.world.inline.answer(cast.bot.user_id, asked.query_id, answer)
    sent = cast.world.inline.send_result(cast.stranger.user_id, cast.anna.user_id, asked.query_id, "r")
    cast.world.presses.press(cast.anna.user_id, sent.ids[cast.anna.user_id], b"end")
    one, same, other = [e.chat_instance for e in bot_events(cast) if isinstance(e, ButtonPressed)]
    assert one == same != other


def test_a_cached_answer_serves_without_asking_the_bot_again(cast: Cast) -> None:
    asked = cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="q")
    answer = InlineAnswer((InlineResult("r", "T", Content("text")),), cache_time_s=60)
    cast.world.inline.answer(cast.bot.user_id, asked.query_id, answer)
    again = cast.world.inline.ask(cast.caller.user_id, cast.bot.user_id, query="q")
    assert again.pending.answer == answer
    assert len(bot_events(cast)) == 1
    cast.clock.now_s += 61
    cast.world.inline.ask(cast.caller.user_id, cast.bot.user_id, query="q")
    assert len(bot_events(cast)) == 2


def test_a_personal_answer_is_cached_for_its_asker_only(cast: Cast) -> None:
    asked = cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="q")
    answer = InlineAnswer((InlineResult("r", "T", Content("text")),), is_personal=True)
    cast.world.inline.answer(cast.bot.user_id, asked.query_id, answer)
    assert cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="q").pending.answer == answer
    assert cast.world.inline.ask(cast.caller.user_id, cast.bot.user_id, query="q").pending.answer is None


def test_confirmed_bot_events_are_forgotten(cast: Cast) -> None:
    for text in ("one", "two"):
        cast.world.chats.send(cast.anna.user_id, cast.bot.user_id, Content(text))
    feed = cast.world.feed_of(cast.bot.user_id)
    first, second = feed.after(0)
    assert second.number == first.number + 1
    feed.forget_before(second.number)
    assert feed.after(0) == [second]
    assert feed.last(5) == [second]


async def test_a_silent_bot_is_a_timeout_for_the_asker(cast: Cast) -> None:
    asked = cast.world.inline.ask(cast.anna.user_id, cast.bot.user_id, query="q")
    with pytest.raises(TelegramRefusalError, match="BOT_RESPONSE_TIMEOUT"):
        await asked.pending.wait(0.01)
