"""The running bot: commands, cards as inline results, presses, edits."""

import asyncio

from linegram.calls.card import Card, CardButton, CardState
from linegram.link.accounts import RegistrationState
from linegram.office.account import AccountStatus, SipAccount
from linegram.office.ports import OPERATOR
from linegram.outcomes import EndReason
from linegram.sandbox.world.messages import CallbackButton, Content, InlineKeyboard, Message
from linegram.units import TelegramUserId
from tests.bot.conftest import Stage

CARD_ID = "c" * 32
RINGING = Card(
    state=CardState.INCOMING, number="4711", name="Ann", is_incoming=True, buttons=(CardButton.HANG_UP,)
)
MISSED = Card(
    state=CardState.ENDED,
    number="4711",
    name="Ann",
    is_incoming=True,
    end_reason=EndReason.CANCELLED,
    buttons=(CardButton.CALL_BACK,),
)
PATIENCE_S = 10


async def reply_to(stage: Stage, text: str) -> str:
    """Write to the bot as Anna and return its answer."""
    feed = stage.world.feed_of(stage.anna.user_id)
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def look(_: object) -> None:
        newest = stage.world.chats.history(stage.anna.user_id, stage.bot.user_id)[0]
        if newest.sender_id == stage.bot.user_id and not answered.done():
            answered.set_result(newest.content.text)

    stop = feed.listen(look)
    stage.world.chats.send(stage.anna.user_id, stage.bot.user_id, Content(text))
    try:
        return await asyncio.wait_for(answered, PATIENCE_S)
    finally:
        stop()


async def post_card(stage: Stage, asker_id: int) -> Message | None:
    """Do what the calling account does: ask for the card and send the result."""
    asked = stage.world.inline.ask(asker_id, stage.bot.user_id, query=f"card:{CARD_ID}", chat_type="private")
    answer = await asked.pending.wait(PATIENCE_S)
    if not answer.results:
        return None
    return stage.world.inline.send_result(asker_id, stage.anna.user_id, asked.query_id, CARD_ID)


async def test_start_says_whom_to_text(stage: Stage) -> None:
    answer = await reply_to(stage, "/start")
    assert "@office_calls" in answer
    assert answer.endswith(str(stage.anna.user_id))


async def test_softphone_lists_the_lines_of_the_asker(stage: Stage) -> None:
    owner_id = TelegramUserId(1)
    stored = await stage.accounts.add(
        SipAccount(
            login="1001",
            password="secret",
            server="pbx.example",
            owner_id=owner_id,
            user_id=TelegramUserId(stage.anna.user_id),
            name="Desk",
        ),
        OPERATOR,
    )
    await stage.accounts.set_status(
        AccountStatus(
            account_id=stored.account_id, state=RegistrationState.ERROR, sip_status=403, text="Forbidden"
        )
    )
    listed = await reply_to(stage, "/softphone")
    assert listed == "Lines:\n🔴 Desk — 1001@pbx.example · Anna · 403 Forbidden"


async def test_softphone_shows_nobody_the_lines_of_others(stage: Stage) -> None:
    await stage.accounts.add(
        SipAccount(login="1001", password="secret", server="pbx.example", owner_id=TelegramUserId(1)),
        OPERATOR,
    )
    assert (await reply_to(stage, "/softphone")).startswith("You have no lines")


async def test_the_calling_account_posts_a_card_and_the_bot_edits_it(stage: Stage) -> None:
    stage.desk.cards[CARD_ID] = RINGING
    message = await post_card(stage, stage.caller.user_id)
    assert message is not None
    assert message.content.text == "📞 Incoming call\nAnn · 4711"
    await stage.service.editor.edit(CARD_ID, MISSED)
    assert message.content.text.startswith("❌ Missed call")
    keys = message.content.markup
    assert isinstance(keys, InlineKeyboard)
    assert [button.text for button in keys.rows[0]] == ["Call back"]


async def test_a_press_reaches_the_desk_with_the_presser(stage: Stage) -> None:
    stage.desk.cards[CARD_ID] = RINGING
    message = await post_card(stage, stage.caller.user_id)
    assert message is not None
    keys = message.content.markup
    assert isinstance(keys, InlineKeyboard)
    button = keys.rows[0][0]
    assert isinstance(button, CallbackButton)
    press = stage.world.presses.press(stage.anna.user_id, message.ids[stage.anna.user_id], button.payload)
    answer = await press.pending.wait(PATIENCE_S)
    assert answer.text == ""
    assert stage.desk.presses == [(TelegramUserId(stage.anna.user_id), CARD_ID, CardButton.HANG_UP)]


async def test_nobody_but_the_calling_account_is_told_what_a_card_says(stage: Stage) -> None:
    stage.desk.cards[CARD_ID] = RINGING
    asked = stage.world.inline.ask(
        stage.anna.user_id, stage.bot.user_id, query=f"card:{CARD_ID}", chat_type="private"
    )
    assert await reply_to(stage, "/start")  # the bot has handled everything before this
    assert asked.pending.answer is None


async def test_a_card_of_a_call_that_is_over_is_not_posted(stage: Stage) -> None:
    assert await post_card(stage, stage.caller.user_id) is None


async def test_an_edit_outlives_a_flood(stage: Stage) -> None:
    stage.desk.cards[CARD_ID] = RINGING
    message = await post_card(stage, stage.caller.user_id)
    assert message is not None
    stage.api.faults.flood("editmessagetext", 1)
    await stage.service.editor.edit(CARD_ID, MISSED)
    assert message.content.text.startswith("❌ Missed call")


async def test_a_card_that_was_deleted_is_edited_in_vain_but_in_peace(stage: Stage) -> None:
    stage.desk.cards[CARD_ID] = RINGING
    message = await post_card(stage, stage.caller.user_id)
    assert message is not None
    stage.world.chats.delete(stage.caller.user_id, [message.ids[stage.caller.user_id]])
    await stage.service.editor.edit(CARD_ID, MISSED)
    assert message.content.text == "📞 Incoming call\nAnn · 4711"
