"""Inline mode and buttons over MTProto: people on Telethon, the bot on Telethon too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from telethon import Button, TelegramClient, errors, events, functions
from telethon.tl import types

from linegram.sandbox.employee import new_client
from tests.sandbox.mtproto.conftest import Office


@asynccontextmanager
async def running_bot(office: Office) -> AsyncIterator[TelegramClient]:
    """Sign the bot in and let it offer one card with a button, and answer presses by editing the card."""
    client = new_client(office.telegram)
    await client.connect()
    assert office.bot.bot is not None
    await client.sign_in(bot_token=office.bot.bot.token)

    async def offer(event: events.InlineQuery.Event) -> None:
        card = event.builder.article(
            "Card", text=f"card {event.text}", buttons=[Button.inline("End", b"end")]
        )
        await event.answer([card], cache_time=0)

    async def react(event: events.CallbackQuery.Event) -> None:
        await event.answer("ended")
        await event.edit("over")

    client.add_event_handler(offer, events.InlineQuery())
    client.add_event_handler(react, events.CallbackQuery())
    try:
        yield client
    finally:
        await client.disconnect()


async def test_a_card_is_posted_via_the_bot_pressed_and_edited(office: Office) -> None:
    async with (
        running_bot(office),
        office.at_device(office.anna) as anna,
        office.at_device(office.boris) as boris,
    ):
        offered = await anna.ask_inline(office.bot, office.boris, "100")
        await anna.send_result(office.boris, offered)
        card = await boris.wait_for_message("card 100")
        assert card.via_bot_id == office.bot.user_id
        answer = await boris.press(card, "End")
        assert answer.message == "ended"
        for person in (anna, boris):
            await person.wait_for_message("over")


async def test_the_bot_hears_which_result_was_chosen(office: Office) -> None:
    chosen: list[types.UpdateBotInlineSend] = []

    async def note(update: types.UpdateBotInlineSend) -> None:
        chosen.append(update)

    async with running_bot(office) as bot, office.at_device(office.anna) as anna:
        bot.add_event_handler(note, events.Raw(types.UpdateBotInlineSend))
        offered = await anna.ask_inline(office.bot, office.boris, "7")
        card = await anna.send_result(office.boris, offered)
        await anna.press(card, "End")
    (send,) = chosen
    assert (send.query, send.id, send.user_id) == ("7", offered.results[0].id, office.anna.user_id)
    assert send.msg_id is not None


async def test_a_message_to_the_bot_and_its_own_buttons(office: Office) -> None:
    async with running_bot(office) as bot, office.at_device(office.anna) as anna:

        async def greet(event: events.NewMessage.Event) -> None:
            await event.respond("menu", buttons=[[Button.inline("End", b"end")]])

        bot.add_event_handler(greet, events.NewMessage(incoming=True))
        await anna.start_bot(office.bot)
        menu = await anna.wait_for_message("menu")
        assert (await anna.press(menu, "End")).message == "ended"
        await anna.wait_for_message("over")


async def test_a_silent_bot_is_a_timeout(office: Office) -> None:
    """core.telegram.org/method/messages.getInlineBotResults, 400 BOT_RESPONSE_TIMEOUT."""
    office.world.inline.answer_within_s = 0.05
    async with office.at_device(office.anna) as anna:
        with pytest.raises(errors.BotResponseTimeoutError):
            await anna.ask_inline(office.bot, office.boris, "100")


async def test_people_and_bots_have_their_own_methods(office: Office) -> None:
    """core.telegram.org/api/errors: 400 USER_BOT_REQUIRED and BOT_METHOD_INVALID."""
    async with running_bot(office) as bot, office.at_device(office.anna) as anna:
        with pytest.raises(errors.UserBotRequiredError):
            await anna.client(functions.messages.SetBotCallbackAnswerRequest(1, 0))
        with pytest.raises(errors.BotMethodInvalidError):
            await bot(functions.contacts.ResolvePhoneRequest("79990000001"))


@pytest.mark.parametrize("parameter", ["x" * 65, "with space", "umläut", "a=b"])
async def test_a_start_parameter_is_64_plain_characters_at_most(office: Office, parameter: str) -> None:
    """core.telegram.org/bots/features#deep-linking; messages.startBot, 400 START_PARAM_INVALID."""
    async with office.at_device(office.anna) as anna:
        with pytest.raises(errors.StartParamInvalidError):
            await anna.start_bot(office.bot, parameter)
        await anna.start_bot(office.bot, "Az09_-" * 10)
