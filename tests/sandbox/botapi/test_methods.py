"""aiogram's real client gets from the sandbox what it gets from Telegram."""

from aiogram import Bot
from aiogram.types import BotCommand, BufferedInputFile

from linegram.sandbox.botapi import SandboxBotApi
from linegram.sandbox.world.messages import Content
from tests.sandbox.conftest import Cast


async def test_a_bot_learns_who_it_is_and_sets_its_commands(cast: Cast, bot: Bot) -> None:
    me = await bot.get_me()
    assert (me.username, me.supports_inline_queries) == ("linegram_bot", True)
    await bot.set_my_commands([BotCommand(command="softphone", description="Lines")])
    assert [c.command for c in await bot.get_my_commands()] == ["softphone"]


async def test_a_message_to_the_bot_comes_by_long_poll_once(cast: Cast, bot: Bot) -> None:
    cast.world.chats.send(cast.anna.user_id, cast.bot.user_id, Content("/start now"))
    first = await bot.get_updates(timeout=5)
    message = first[0].message
    assert message is not None
    assert (message.text, message.chat.id) == ("/start now", cast.anna.user_id)
    assert message.entities is not None
    assert message.entities[0].length == len("/start")
    assert await bot.get_updates(offset=first[0].update_id + 1, timeout=0) == []


async def test_a_file_arrives_and_can_be_fetched_again(cast: Cast, api: SandboxBotApi, bot: Bot) -> None:
    cast.world.chats.send(cast.anna.user_id, cast.bot.user_id, Content("/start"))
    sent = await bot.send_document(
        cast.anna.user_id, BufferedInputFile(b"voice", "call.ogg"), caption="A call"
    )
    assert sent.document is not None
    fetched = await bot.download(sent.document.file_id)
    assert fetched is not None
    assert fetched.read() == b"voice"


async def test_a_bots_own_messages_are_no_updates(cast: Cast, bot: Bot) -> None:
    cast.world.chats.send(cast.anna.user_id, cast.bot.user_id, Content("/start"))
    sent = await bot.send_message(cast.anna.user_id, "hello")
    await sent.edit_text("hello again")
    await sent.delete()
    assert [update.message is not None for update in await bot.get_updates()] == [True]
