"""What the sandbox refuses in chats because Telegram does. Each test names where that can be read."""

import pytest

from linegram.sandbox.world import TelegramRefusalError
from linegram.sandbox.world.chats import Origin
from linegram.sandbox.world.messages import CallbackButton, Content, FileMedia, InlineKeyboard
from tests.sandbox.conftest import Cast
from tests.sandbox.test_world_bots import KEYS, post_card


def test_an_access_hash_is_worth_nothing_to_another_viewer(cast: Cast) -> None:
    """core.telegram.org/api/peers#access-hash: hashes differ per account, one cannot use another's."""
    people = cast.world.people
    annas_hash = people.meet(cast.anna.user_id, cast.stranger.user_id)
    assert people.named(cast.anna.user_id, cast.stranger.user_id, annas_hash) is cast.stranger
    with pytest.raises(TelegramRefusalError, match="400 USER_ID_INVALID"):
        people.named(cast.caller.user_id, cast.stranger.user_id, annas_hash)


def test_somebody_never_met_cannot_be_named_even_with_a_right_guess(cast: Cast) -> None:
    """core.telegram.org/api/peers#access-hash: a peer must have been seen in an answer or update first."""
    people = cast.world.people
    guess = people.access_hash(cast.caller.user_id, cast.stranger.user_id)
    with pytest.raises(TelegramRefusalError, match="400 USER_ID_INVALID"):
        people.named(cast.caller.user_id, cast.stranger.user_id, guess)


def test_a_wrong_hash_of_somebody_known_is_refused(cast: Cast) -> None:
    """core.telegram.org/method/users.getFullUser, error 400 USER_ID_INVALID."""
    people = cast.world.people
    right = people.meet(cast.caller.user_id, cast.anna.user_id)
    with pytest.raises(TelegramRefusalError, match="400 USER_ID_INVALID"):
        people.named(cast.caller.user_id, cast.anna.user_id, right ^ 2)


def test_an_unknown_username_and_an_unknown_number_are_not_occupied(cast: Cast) -> None:
    """core.telegram.org/method/contacts.resolveUsername and contacts.resolvePhone, their 400 errors."""
    with pytest.raises(TelegramRefusalError, match="400 USERNAME_NOT_OCCUPIED"):
        cast.world.people.look_up_username(cast.anna.user_id, "nobody")
    with pytest.raises(TelegramRefusalError, match="400 PHONE_NOT_OCCUPIED"):
        cast.world.people.look_up_phone(cast.anna.user_id, "+70000000000")


def test_4096_characters_are_sent_and_one_more_is_too_long(cast: Cast) -> None:
    """core.telegram.org/method/messages.sendMessage, 400 MESSAGE_TOO_LONG; config message_length_max."""
    cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("x" * 4096))
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_TOO_LONG"):
        cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("x" * 4097))


def test_an_empty_message_is_refused(cast: Cast) -> None:
    """core.telegram.org/method/messages.sendMessage, 400 MESSAGE_EMPTY."""
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_EMPTY"):
        cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("  \n"))


def test_a_caption_has_1024_characters_at_most(cast: Cast) -> None:
    """core.telegram.org/method/messages.sendMedia, 400 MEDIA_CAPTION_TOO_LONG; config caption_length_max."""
    media = FileMedia(cast.world.files.add(b"x", name="a.txt"))
    cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("x" * 1024, media=media))
    with pytest.raises(TelegramRefusalError, match="400 MEDIA_CAPTION_TOO_LONG"):
        cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("x" * 1025, media=media))


def test_the_same_random_id_twice_is_refused(cast: Cast) -> None:
    """core.telegram.org/method/messages.sendMessage, 500 RANDOM_ID_DUPLICATE."""
    origin = Origin(random_id=42)
    cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("once"), origin=origin)
    with pytest.raises(TelegramRefusalError, match="500 RANDOM_ID_DUPLICATE"):
        cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("twice"), origin=origin)


def test_a_deleted_account_gets_no_message(cast: Cast) -> None:
    """core.telegram.org/method/messages.sendMessage, 400 INPUT_USER_DEACTIVATED."""
    cast.anna.is_deleted = True
    with pytest.raises(TelegramRefusalError, match="400 INPUT_USER_DEACTIVATED"):
        cast.world.chats.send(cast.caller.user_id, cast.anna.user_id, Content("hello"))


def test_who_was_blocked_cannot_write_and_the_blocker_neither(cast: Cast) -> None:
    """core.telegram.org/method/messages.sendMessage, 403 USER_IS_BLOCKED and 400 YOU_BLOCKED_USER."""
    cast.anna.blocked_ids.add(cast.caller.user_id)
    with pytest.raises(TelegramRefusalError, match="403 USER_IS_BLOCKED"):
        cast.world.chats.send(cast.caller.user_id, cast.anna.user_id, Content("hello"))
    with pytest.raises(TelegramRefusalError, match="400 YOU_BLOCKED_USER"):
        cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("hello"))


def test_somebody_elses_message_cannot_be_edited(cast: Cast) -> None:
    """core.telegram.org/method/messages.editMessage, 403 MESSAGE_AUTHOR_REQUIRED."""
    message = cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("mine"))
    with pytest.raises(TelegramRefusalError, match="403 MESSAGE_AUTHOR_REQUIRED"):
        cast.world.chats.edit(cast.caller.user_id, message.ids[cast.caller.user_id], Content("yours"))


def test_an_edit_that_changes_nothing_is_refused(cast: Cast) -> None:
    """core.telegram.org/method/messages.editMessage, 400 MESSAGE_NOT_MODIFIED."""
    message = cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("same"))
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_NOT_MODIFIED"):
        cast.world.chats.edit(cast.anna.user_id, message.ids[cast.anna.user_id], Content("same"))


def test_a_person_may_edit_for_48_hours_and_no_longer(cast: Cast) -> None:
    """core.telegram.org/method/messages.editMessage, MESSAGE_EDIT_TIME_EXPIRED; config edit_time_limit."""
    message = cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("one"))
    cast.clock.now_s += 48 * 3600
    cast.world.chats.edit(cast.anna.user_id, message.ids[cast.anna.user_id], Content("two"))
    cast.clock.now_s += 1
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_EDIT_TIME_EXPIRED"):
        cast.world.chats.edit(cast.anna.user_id, message.ids[cast.anna.user_id], Content("three"))


def test_a_deleted_message_cannot_be_edited(cast: Cast) -> None:
    """core.telegram.org/method/messages.editMessage, 400 MESSAGE_ID_INVALID."""
    message = cast.world.chats.send(cast.anna.user_id, cast.caller.user_id, Content("one"))
    cast.world.chats.delete(cast.anna.user_id, [message.ids[cast.anna.user_id]])
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_ID_INVALID"):
        cast.world.chats.edit(cast.anna.user_id, message.ids[cast.anna.user_id], Content("two"))


def test_a_message_sent_via_a_bot_is_edited_by_that_bot_only(cast: Cast) -> None:
    """core.telegram.org/method/messages.editMessage, INLINE_BOT_REQUIRED; messages.editInlineBotMessage."""
    message = post_card(cast)
    with pytest.raises(TelegramRefusalError, match="403 INLINE_BOT_REQUIRED"):
        cast.world.chats.edit(cast.caller.user_id, message.ids[cast.caller.user_id], Content("mine"))
    other_bot = cast.world.people.add_bot("Other", username="other_bot")
    assert message.inline_id is not None
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_ID_INVALID"):
        cast.world.chats.edit_inline(other_bot.user_id, message.inline_id, Content("theirs"))


def test_an_inline_message_that_was_deleted_cannot_be_edited_any_more(cast: Cast) -> None:
    """core.telegram.org/method/messages.editInlineBotMessage, 400 MESSAGE_ID_INVALID."""
    message = post_card(cast)
    cast.world.chats.delete(cast.caller.user_id, [message.ids[cast.caller.user_id]])
    assert message.inline_id is not None
    with pytest.raises(TelegramRefusalError, match="400 MESSAGE_ID_INVALID"):
        cast.world.chats.edit_inline(cast.bot.user_id, message.inline_id, Content("late"))


def test_a_bot_cannot_delete_the_inline_message_it_did_not_send(cast: Cast) -> None:
    """core.telegram.org/bots/api#deletemessage takes a chat and message id: a bot has none here."""
    message = post_card(cast)
    assert cast.world.chats.delete(cast.bot.user_id, list(message.ids.values())) == 0
    assert cast.world.chats.find(cast.anna.user_id, message.ids[cast.anna.user_id]) is message


def test_inline_buttons_of_a_person_are_dropped(cast: Cast) -> None:
    """core.telegram.org/api/bots/buttons: keyboards are attached by bots; a user account has no way."""
    message = cast.world.chats.send(cast.caller.user_id, cast.anna.user_id, Content("card", markup=KEYS))
    assert message.content.markup is None


@pytest.mark.parametrize("length_bytes", [0, 65])
def test_callback_data_has_1_to_64_bytes(cast: Cast, length_bytes: int) -> None:
    """core.telegram.org/bots/api#inlinekeyboardbutton, callback_data; 400 BUTTON_DATA_INVALID."""
    cast.world.chats.send(cast.anna.user_id, cast.bot.user_id, Content("/start"))
    keys = InlineKeyboard(((CallbackButton("x", b"x" * length_bytes),),))
    with pytest.raises(TelegramRefusalError, match="400 BUTTON_DATA_INVALID"):
        cast.world.chats.send(cast.bot.user_id, cast.anna.user_id, Content("keys", markup=keys))
    fine = InlineKeyboard(((CallbackButton("x", b"x" * 64),),))
    cast.world.chats.send(cast.bot.user_id, cast.anna.user_id, Content("keys", markup=fine))


def test_a_bot_deletes_messages_of_the_last_48_hours_only(cast: Cast) -> None:
    """core.telegram.org/bots/api#deletemessage: sent less than 48 hours ago; 403 MESSAGE_DELETE_FORBIDDEN."""
    bot_id, anna_id = cast.bot.user_id, cast.anna.user_id
    cast.world.chats.send(anna_id, bot_id, Content("/start"))
    old, new = (cast.world.chats.send(bot_id, anna_id, Content(text)) for text in ("old", "new"))
    assert cast.world.chats.delete(bot_id, [new.ids[bot_id]]) == 1
    cast.clock.now_s += 48 * 3600 + 1
    with pytest.raises(TelegramRefusalError, match="403 MESSAGE_DELETE_FORBIDDEN"):
        cast.world.chats.delete(bot_id, [old.ids[bot_id]])
    assert cast.world.chats.delete(anna_id, [old.ids[anna_id]]) == 1
