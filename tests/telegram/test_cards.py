"""Cards in the chat: the inline result of a quick bot, plain text for a slow one, and never an exception."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from linegram.calls.card import Card, CardState
from linegram.calls.ports import CardPoster, PostedCard
from linegram.sandbox.employee import Employee
from linegram.sandbox.world.events import FeedItem, InlineQueryAsked
from linegram.sandbox.world.inline import InlineAnswer, InlineResult
from linegram.sandbox.world.messages import CallbackButton, Content, InlineKeyboard
from linegram.telegram.account import CallingAccount
from linegram.telegram.cards import AccountCards
from linegram.units import TelegramUserId
from tests.telegram.office import Office

CARD = Card(state=CardState.INCOMING, number="+43 1 234567", name="Ottokar")
ENDED = Card(state=CardState.ENDED, number="+43 1 234567", name="Ottokar")
KEYBOARD = InlineKeyboard(((CallbackButton("Hang up", b"hang"),),))


def plain(card: Card) -> str:
    return f"{card.name} {card.number} {card.state.value}"


class HandBot:
    """The bot, as far as cards need it: offers one result, or none, or nothing at all."""

    def __init__(self, office: Office) -> None:
        self.queries: list[str] = []
        self.has_result = True
        self.is_silent = False
        self._office = office
        office.world.feed_of(office.bot.user_id).listen(self._take)

    def _take(self, item: FeedItem) -> None:
        event = item.event
        if not isinstance(event, InlineQueryAsked):
            return
        self.queries.append(event.query)
        if not self.is_silent:
            result = InlineResult("1", "Card", Content(f"card of {event.query}", (), KEYBOARD))
            answer = InlineAnswer((result,) if self.has_result else (), cache_time_s=0)
            self._office.world.inline.answer(self._office.bot.user_id, event.query_id, answer)


@pytest.fixture
def bot(office: Office) -> HandBot:
    return HandBot(office)


@pytest.fixture
async def cards(account: CallingAccount, bot: HandBot) -> AsyncIterator[AccountCards]:
    cards = AccountCards(account.client, "@linegram_bot", plain)
    assert await cards.prepare()
    yield cards
    await cards.close()


async def shown_to(device: Employee, text: str) -> Any:
    return await device.wait_for_message(text)


async def test_a_card_is_the_bots_inline_result_with_its_buttons(
    office: Office, cards: AccountCards, bot: HandBot
) -> None:
    poster: CardPoster = cards
    async with office.at_device(office.anna) as device:
        posted = await poster.post(office.anna_id, "c1", CARD)
        assert posted is not None
        assert (posted.card_id, posted.user_id, posted.is_plain) == ("c1", office.anna_id, False)
        message = await shown_to(device, "card of card:c1")
        assert message.via_bot_id == office.bot.user_id
        assert device.payload(message, "Hang up") == b"hang"
        assert bot.queries == ["card:c1"]
        own = office.world.chats.find(office.caller.user_id, posted.message_id)
        assert own.content.text == "card of card:c1"


async def test_a_bot_that_is_silent_is_replaced_by_plain_text_within_700_ms(
    office: Office, cards: AccountCards, bot: HandBot
) -> None:
    bot.is_silent = True
    async with office.at_device(office.anna) as device:
        async with asyncio.timeout(5):
            posted = await cards.post(office.anna_id, "c1", CARD)
        assert posted is not None
        assert posted.is_plain
        message = await shown_to(device, "Ottokar +43 1 234567 incoming")
        await cards.edit_plain(posted, ENDED)
        await shown_to(device, "Ottokar +43 1 234567 ended")
        await cards.edit_plain(posted, ENDED)
        await cards.delete_card(posted)
        await device.wait_until_deleted(message)


async def test_a_bot_that_offers_nothing_is_replaced_by_plain_text(
    office: Office, cards: AccountCards, bot: HandBot
) -> None:
    bot.has_result = False
    posted = await cards.post(office.anna_id, "c1", CARD)
    assert posted is not None
    assert posted.is_plain


@pytest.mark.parametrize("method", ["messages.getInlineBotResults", "messages.sendInlineBotResult"])
async def test_a_refused_inline_result_is_replaced_by_plain_text(
    office: Office, cards: AccountCards, method: str
) -> None:
    office.telegram.faults.flood(method, 30)
    posted = await cards.post(office.anna_id, "c1", CARD)
    assert posted is not None
    assert posted.is_plain


async def test_a_card_that_stands_after_all_is_taken_back_when_plain_text_has_replaced_it(
    office: Office, cards: AccountCards
) -> None:
    office.telegram.faults.delay("messages.sendInlineBotResult", 1.5)
    async with office.at_device(office.anna) as device:
        posted = await cards.post(office.anna_id, "c1", CARD)
        assert posted is not None
        assert posted.is_plain
        late = await shown_to(device, "card of card:c1")
        await device.wait_until_deleted(late)
        assert [message.message for message in device.messages()] == ["Ottokar +43 1 234567 incoming"]


async def test_when_telegram_refuses_both_there_is_no_card_and_no_exception(
    office: Office, cards: AccountCards
) -> None:
    office.telegram.faults.flood("messages.getInlineBotResults", 30)
    office.telegram.faults.flood("messages.sendMessage", 30)
    assert await cards.post(office.anna_id, "c1", CARD) is None


async def test_an_employee_whom_the_account_has_never_seen_gets_no_card(
    office: Office, cards: AccountCards
) -> None:
    stranger = TelegramUserId(
        office.world.people.add_person("Stranger", phone="79990000066", username="stranger").user_id
    )
    assert await cards.post(stranger, "c1", CARD) is None
    await cards.say(stranger, "hello")
    await cards.edit_plain(PostedCard("c1", stranger, 1, is_plain=True), CARD)
    await cards.delete_card(PostedCard("c1", stranger, 1, is_plain=True))
    assert office.world.chats.history(office.caller.user_id, stranger) == []


async def test_a_sentence_is_sent_as_it_is(office: Office, cards: AccountCards) -> None:
    async with office.at_device(office.anna) as device:
        await cards.say(office.anna_id, "Press *72# to **hold**.")
        message = await shown_to(device, "Press")
        assert message.message == "Press *72# to **hold**."
        assert not message.entities


@pytest.mark.parametrize("method", ["sendMessage", "editMessage", "deleteMessages"])
async def test_refusals_of_what_is_written_are_logged_and_not_raised(
    office: Office, cards: AccountCards, bot: HandBot, method: str
) -> None:
    bot.has_result = False
    posted = await cards.post(office.anna_id, "c1", CARD)
    assert posted is not None
    office.telegram.faults.flood(f"messages.{method}", 30)
    await cards.say(office.anna_id, "hello")
    await cards.edit_plain(posted, ENDED)
    await cards.delete_card(posted)


async def test_a_bot_that_does_not_exist_means_plain_text(office: Office, account: CallingAccount) -> None:
    cards = AccountCards(account.client, "no_such_bot", plain)
    assert not await cards.prepare()
    posted = await cards.post(office.anna_id, "c1", CARD)
    assert posted is not None
    assert posted.is_plain


async def test_the_bot_is_looked_up_once_and_known_after_a_restart(
    office: Office, account: CallingAccount, cards: AccountCards
) -> None:
    await account.stop()
    successor = office.account()
    await successor.start()
    office.telegram.faults.flood("contacts.resolveUsername", 30)
    again = AccountCards(successor.client, "linegram_bot", plain)
    assert await again.prepare()
    await successor.stop()


async def test_two_cards_at_once_go_to_two_employees(office: Office, cards: AccountCards) -> None:
    posted = await asyncio.gather(
        cards.post(office.anna_id, "c1", CARD), cards.post(office.boris_id, "c2", CARD)
    )
    assert [card.user_id for card in posted if card is not None] == [office.anna_id, office.boris_id]
    assert not any(card.is_plain for card in posted if card is not None)
