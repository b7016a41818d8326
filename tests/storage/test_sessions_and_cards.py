"""Sessions are kept sealed; the places of cards are kept in whatever order they become known."""

from pathlib import Path

from linegram.calls.ports import PostedCard
from linegram.storage.cards import CardRepository, StoredCard
from linegram.storage.database import Database
from linegram.storage.sessions import SessionStore
from tests.office.accounts import ANNA
from tests.storage.conftest import Clock, bytes_on_disk


async def test_a_session_is_kept_replaced_and_forgotten(database: Database, path: Path) -> None:
    store = SessionStore(database)
    assert await store.load() is None
    await store.save("first session")
    await store.save("second session")
    assert await store.load() == "second session"
    assert b"second session" not in bytes_on_disk(path)
    await store.forget()
    await store.forget()
    assert await store.load() is None


async def test_calling_accounts_do_not_share_a_session(database: Database) -> None:
    await SessionStore(database, "one").save("1")
    assert await SessionStore(database, "two").load() is None


async def test_a_card_is_known_from_both_sides_in_any_order(database: Database) -> None:
    cards = CardRepository(database)
    posted = PostedCard(card_id="c", user_id=ANNA, message_id=7, is_plain=False)
    whole = StoredCard(card_id="c", user_id=ANNA, message_id=7, inline_message_id="i", is_plain=False)
    await cards.posted(posted)
    await cards.chosen("c", "i")
    assert await cards.find("c") == whole
    await cards.chosen("d", "i")
    await cards.posted(PostedCard(card_id="d", user_id=ANNA, message_id=7, is_plain=True))
    assert await cards.find("d") == StoredCard(
        card_id="d", user_id=ANNA, message_id=7, inline_message_id="i", is_plain=True
    )
    assert await cards.find("e") is None


async def test_old_cards_are_forgotten(database: Database, clock: Clock) -> None:
    cards = CardRepository(database)
    await cards.chosen("old", "1")
    border = clock()
    await cards.chosen("new", "2")
    assert await cards.forget_before(border) == 1
    assert await cards.find("old") is None
    assert await cards.find("new") is not None
