"""Private chats between real Telethon clients, and what a client missed while it was away."""

import pytest
from telethon import errors, functions
from telethon.tl import types

from linegram.sandbox.employee import new_client
from linegram.sandbox.world.messages import (
    Content,
    FileMedia,
    ReplyKeyboard,
    RequestUsersButton,
    TextButton,
    UsersSharedNote,
)
from tests.sandbox.mtproto.conftest import Office


async def test_a_message_reaches_the_other_person_and_his_answer_comes_back(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        await anna.send(office.boris, "hello")
        got = await boris.wait_for_message("hello")
        assert (got.out, got.sender_id) == (False, office.anna.user_id)
        await boris.client.send_message(got.peer_id, "hi", reply_to=got.id)
        answer = await anna.wait_for_message("hi")
        assert answer.reply_to.reply_to_msg_id in {m.id for m in anna.messages() if m.out}


async def test_all_devices_of_both_people_see_a_message(office: Office) -> None:
    async with (
        office.at_device(office.anna) as phone,
        office.at_device(office.anna) as desktop,
        office.at_device(office.boris) as boris,
    ):
        await phone.send(office.boris, "from the phone")
        assert (await desktop.wait_for_message("from the phone")).out
        await boris.wait_for_message("from the phone")


async def test_formatting_survives_the_way(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        text = "<b>bold</b> <i>it</i> <code>c</code> <a href='https://x.org/'>l</a> <pre>p</pre>"
        await anna.client.send_message(await anna.peer(office.boris), text, parse_mode="html")
        got = await boris.wait_for_message("bold")
        assert [type(entity).__name__.removeprefix("MessageEntity") for entity in got.entities] == [
            "Bold",
            "Italic",
            "Code",
            "TextUrl",
            "Pre",
        ]


async def test_edits_and_deletions_are_told(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        sent = await anna.send(office.boris, "one")
        got = await boris.wait_for_message("one")
        await anna.edit(sent, "two")
        assert (await boris.wait_for_message("two")).edit_date is not None
        await anna.delete(sent)
        await boris.wait_until_deleted(got)


async def test_history_and_dialogs_show_the_chat(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        for text in ("one", "two", "three"):
            await anna.send(office.boris, text)
        history = await anna.client.get_messages(await anna.peer(office.boris), limit=2)
        assert [message.message for message in history] == ["three", "two"]
        assert [dialog.name for dialog in await anna.client.get_dialogs()] == ["Boris"]


async def test_a_message_missed_while_the_connection_was_down_is_caught_up(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        await office.telegram.stop()
        office.world.chats.send(office.boris.user_id, office.anna.user_id, Content("while you were away"))
        await office.telegram.start(*office.telegram.address)
        await anna.client.get_me()
        await anna.client.catch_up()
        await anna.wait_for_message("while you were away")


async def test_a_gap_in_the_updates_is_filled_by_the_client(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        office.telegram.faults.lose_answer("push.UpdateNewMessage", user_id=office.anna.user_id)
        for text in ("lost", "seen"):
            office.world.chats.send(office.boris.user_id, office.anna.user_id, Content(text))
        await anna.wait_for_message("seen")
        assert [message.message for message in anna.messages()] == ["lost", "seen"]


async def test_a_file_is_uploaded_and_downloaded_again(office: Office) -> None:
    body = bytes(range(256)) * 600
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        upload = await anna.client.upload_file(body, file_name="settings.txt")
        await anna.client.send_file(await anna.peer(office.boris), upload, force_document=True)
        got = await boris.wait_for_message(lambda m: m.media is not None)
        assert got.file.name == "settings.txt"
        assert await boris.client.download_media(got, bytes) == body


async def test_people_are_picked_for_a_bot_that_asks(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        await anna.start_bot(office.bot, "hello")
        keyboard = ReplyKeyboard(((RequestUsersButton("Pick", 5, 2), TextButton("Cancel")),))
        bot_id, anna_id = office.bot.user_id, office.anna.user_id
        office.world.chats.send(bot_id, anna_id, Content("Who?", markup=keyboard))
        asked = await anna.wait_for_message("Who?")
        assert isinstance(asked.reply_markup.rows[0].buttons[0].type, types.ButtonTypeRequestPeer)
        await anna.share_people(office.bot, asked, button_id=5, people=[office.boris])
        newest = office.world.chats.history(bot_id, anna_id)[0]
        assert newest.note == UsersSharedNote(5, (office.boris.user_id,))
        texts = [m.content.text for m in office.world.chats.history(bot_id, anna_id)]
        assert texts[-1] == "/start hello"


async def test_contacts_blocks_and_privacy_are_kept(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        boris = await anna.peer(office.boris)
        await anna.client(functions.contacts.AddContactRequest(boris, "Boris", "", ""))
        contacts = await anna.client(functions.contacts.GetContactsRequest(0))
        assert [user.id for user in contacts.users] == [office.boris.user_id]
        await anna.client(functions.contacts.BlockRequest(boris))
        assert office.boris.user_id in office.anna.blocked_ids
        full = await anna.client(functions.users.GetFullUserRequest(boris))
        assert full.full_user.blocked
        key = types.InputPrivacyKeyPhoneCall()
        rules = [types.InputPrivacyValueAllowContacts()]
        await anna.client(functions.account.SetPrivacyRequest(key, rules))
        assert not office.anna.lets(office.anna.phone_call_privacy, office.bot.user_id)
        assert office.anna.lets(office.anna.phone_call_privacy, office.boris.user_id)


async def test_imported_numbers_become_contacts_that_can_be_named(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        given = [
            types.InputPhoneContact(1, "+79990000002", "B", ""),
            types.InputPhoneContact(2, "1", "N", ""),
        ]
        found = await anna.client(functions.contacts.ImportContactsRequest(given))
        assert [one.user_id for one in found.imported] == [office.boris.user_id]
        await anna.client.send_message(found.users[0], "hello")


async def test_an_unknown_method_is_refused_at_once(office: Office) -> None:
    client = new_client(office.telegram)
    await client.connect()
    with pytest.raises(errors.MethodInvalidError):
        await client(functions.help.GetSupportRequest())
    await client.disconnect()


async def test_a_document_of_a_message_is_media_in_the_world(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        upload = await anna.client.upload_file(b"x", file_name="a.txt")
        await anna.client.send_file(await anna.peer(office.boris), upload, caption="look")
        message = office.world.chats.history(office.anna.user_id, office.boris.user_id)[0]
        assert isinstance(message.content.media, FileMedia)
        assert (message.content.text, message.content.media.file.body) == ("look", b"x")
