"""What an account sets for itself, and the odd requests that clients make around calls and bots."""

import pytest
from telethon import Button, errors, functions
from telethon.tl import types

from linegram.sandbox.employee import new_client
from linegram.sandbox.mtproto.entities import from_tl, markup_from_tl, markup_to_tl, to_tl
from linegram.sandbox.world.messages import (
    CallbackButton,
    ContactMedia,
    Content,
    CopyTextButton,
    Entity,
    InlineKeyboard,
    InvoiceMedia,
    Markup,
    PayButton,
    RemoveKeyboard,
    ReplyKeyboard,
    RequestContactButton,
    RequestUsersButton,
    SwitchInlineButton,
    TextButton,
    UrlButton,
)
from linegram.sandbox.world.people import Audience
from tests.sandbox.mtproto.conftest import Office
from tests.sandbox.mtproto.raw_calls import name_of, request


async def test_privacy_rules_are_set_and_shown(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        boris = await anna.client.get_input_entity("boris")
        user = types.InputUser(boris.user_id, boris.access_hash)
        key = types.InputPrivacyKeyPhoneP2P()
        rules = [types.InputPrivacyValueAllowAll(), types.InputPrivacyValueDisallowUsers([user])]
        await anna.client(functions.account.SetPrivacyRequest(key, rules))
        assert office.anna.phone_p2p_privacy.audience is Audience.EVERYBODY
        assert not office.anna.lets(office.anna.phone_p2p_privacy, office.boris.user_id)
        shown = await anna.client(functions.account.GetPrivacyRequest(key))
        assert isinstance(shown.rules[0], types.PrivacyValueAllowAll)
        call_key = types.InputPrivacyKeyPhoneCall()
        rules = [types.InputPrivacyValueDisallowAll(), types.InputPrivacyValueAllowUsers([user])]
        await anna.client(functions.account.SetPrivacyRequest(call_key, rules))
        assert office.anna.lets(office.anna.phone_call_privacy, office.boris.user_id)
        shown = await anna.client(functions.account.GetPrivacyRequest(call_key))
        assert isinstance(shown.rules[0], types.PrivacyValueDisallowAll)


async def test_a_privacy_key_that_the_sandbox_does_not_keep_is_refused(office: Office) -> None:
    """core.telegram.org/method/account.setPrivacy, 400 PRIVACY_KEY_INVALID."""
    async with office.at_device(office.anna) as anna:
        key = types.InputPrivacyKeyBirthday()
        for question in (
            functions.account.SetPrivacyRequest(key, []),
            functions.account.GetPrivacyRequest(key),
        ):
            with pytest.raises(errors.PrivacyKeyInvalidError):
                await anna.client(question)


async def test_devices_are_listed_and_another_one_is_kept_from_ringing(office: Office) -> None:
    async with office.at_device(office.anna) as phone, office.at_device(office.anna) as desktop:
        listed = await phone.client(functions.account.GetAuthorizationsRequest())
        (other,) = (one for one in listed.authorizations if not one.current)
        change = functions.account.ChangeAuthorizationSettingsRequest
        await phone.client(change(other.hash, call_requests_disabled=True))
        again = await desktop.client(functions.account.GetAuthorizationsRequest())
        assert [one.call_requests_disabled for one in again.authorizations if one.current] == [True]
        with pytest.raises(errors.HashInvalidError):
            await phone.client(change(12345, call_requests_disabled=True))


async def test_key_parameters_are_sent_once_and_then_only_randomness(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        first = await anna.client(functions.messages.GetDhConfigRequest(0, 256))
        assert (first.g, len(first.p), len(first.random)) == (3, 256, 256)
        second = await anna.client(functions.messages.GetDhConfigRequest(first.version, 256))
        assert isinstance(second, types.messages.DhConfigNotModified)


async def test_the_requests_around_a_call_are_answered(office: Office) -> None:
    office.telegram.settings.call_config_json = '{"audio_frame_size": 60}'
    async with office.at_device(office.anna) as anna:
        config = await anna.client(functions.phone.GetCallConfigRequest())
        assert config.data == '{"audio_frame_size": 60}'
        name = name_of(await request(anna, office.boris))
        await anna.client(functions.phone.SetCallRatingRequest(name, 5, "good"))
        assert await anna.client(functions.phone.SaveCallDebugRequest(name, types.DataJSON("{}")))


async def test_a_bot_sets_its_commands(office: Office) -> None:
    client = new_client(office.telegram)
    await client.connect()
    assert office.bot.bot is not None
    await client.sign_in(bot_token=office.bot.bot.token)
    commands = [types.BotCommand("start", "Begin")]
    scope = types.BotCommandScopeDefault()
    await client(functions.bots.SetBotCommandsRequest(scope, "", commands))
    assert office.bot.bot.commands == (("start", "Begin"),)
    await client.disconnect()


async def test_contacts_come_and_go_and_blocks_are_lifted(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        boris = await anna.peer(office.boris)
        await anna.client(functions.contacts.AddContactRequest(boris, "B", "", ""))
        await anna.client(functions.contacts.DeleteContactsRequest([boris]))
        assert office.anna.contact_ids == set()
        await anna.client(functions.contacts.BlockRequest(boris))
        await anna.client(functions.contacts.UnblockRequest(boris))
        assert office.anna.blocked_ids == set()


async def test_a_shared_contact_and_an_invoice_are_shown(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        contact = types.InputMediaContact("+79990000002", "Boris", "", "")
        await anna.client.send_message(await anna.peer(office.bot), file=contact)
        (sent,) = office.world.chats.history(office.bot.user_id, office.anna.user_id)
        assert sent.content.media == ContactMedia("+79990000002", "Boris", "", office.boris.user_id)
        invoice = Content("", media=InvoiceMedia("Line", "One month", "p1", "XTR", 50))
        office.world.chats.send(office.bot.user_id, office.anna.user_id, invoice)
        got = await anna.wait_for_message(lambda m: isinstance(m.media, types.MessageMediaInvoice))
        assert (got.media.currency, got.media.total_amount) == ("XTR", 50)


async def test_a_file_with_a_missing_part_is_refused(office: Office) -> None:
    """core.telegram.org/method/messages.sendMedia, 400 FILE_PARTS_INVALID."""
    async with office.at_device(office.anna) as anna:
        lost = types.InputFile(1, 2, "a.txt", "")
        media = types.InputMediaUploadedDocument(lost, "text/plain", [])
        with pytest.raises(errors.FilePartsInvalidError):
            await anna.client(
                functions.messages.SendMediaRequest(await anna.peer(office.boris), media, "look")
            )


async def test_messages_are_read_marked_and_found_by_id(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        sent = await anna.send(office.boris, "find me")
        peer = await anna.peer(office.boris)
        assert (await anna.client.get_messages(None, ids=sent.id)).message == "find me"
        assert await anna.client(functions.messages.ReadHistoryRequest(peer, sent.id))
        assert await anna.client(functions.messages.SetTypingRequest(peer, types.SendMessageTypingAction()))


@pytest.mark.parametrize(
    "markup",
    [
        InlineKeyboard(
            (
                (CallbackButton("a", b"a"), UrlButton("b", "https://example.org")),
                (SwitchInlineButton("c", "q", is_same_chat=True), CopyTextButton("d", "text")),
            )
        ),
        ReplyKeyboard(((TextButton("a"), RequestContactButton("b"), RequestUsersButton("c", 4, 2)),)),
        ReplyKeyboard(((TextButton("a"),),), is_one_time=True, is_resized=True),
        RemoveKeyboard(),
        None,
    ],
)
def test_keyboards_survive_the_way_through_tl(markup: Markup | None) -> None:
    assert markup_from_tl(markup_to_tl(markup)) == markup


def test_a_pay_button_has_its_own_kind() -> None:
    tl = markup_to_tl(InlineKeyboard(((PayButton("Pay"),),)))
    assert isinstance(tl.rows[0].buttons[0].type, types.InlineButtonTypeBuy)


def test_entities_survive_the_way_through_tl() -> None:
    entities = (
        Entity("bold", 0, 3),
        Entity("text_link", 1, 2, url="https://example.org"),
        Entity("pre", 0, 9, language="python"),
        Entity("text_mention", 0, 4, user_id=5),
        Entity("spoiler", 2, 2),
    )
    assert from_tl(to_tl(entities)) == entities
    assert from_tl([types.MessageEntityUnknown(0, 1)]) == ()


async def test_buttons_of_a_bot_on_telethon_reach_the_world(office: Office) -> None:
    client = new_client(office.telegram)
    await client.connect()
    assert office.bot.bot is not None
    await client.sign_in(bot_token=office.bot.bot.token)
    office.world.chats.send(office.anna.user_id, office.bot.user_id, Content("/start"))
    await client.send_message(office.anna.user_id, "menu", buttons=[Button.inline("A", b"a")])
    (menu, _start) = office.world.chats.history(office.anna.user_id, office.bot.user_id)
    assert menu.content.markup == InlineKeyboard(((CallbackButton("A", b"a"),),))
    await client.disconnect()
