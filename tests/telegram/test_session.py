"""The session of a calling account: everything that must survive a restart, in one text."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.crypto import AuthKey
from telethon.sessions import StringSession
from telethon.tl import types

from linegram.errors import RemoteProtocolError
from linegram.telegram.session import AccountSession

KEY = bytes(range(256))
LONGS = st.integers(-(2**63), 2**63 - 1)
SECONDS = st.integers(0, 4_000_000_000)


def person(user_id: int, access_hash: int, username: str | None = None, *, is_min: bool = False) -> Any:
    return types.User(user_id, access_hash=access_hash, username=username, first_name="A", min=is_min)


def users(*people: Any) -> Any:
    return types.contacts.ResolvedPeer(None, list(people), [])


def signed_in() -> AccountSession:
    session = AccountSession()
    session.set_dc(2, "192.0.2.1", 443)
    session.auth_key = AuthKey(KEY)
    return session


def copy_of(session: AccountSession) -> AccountSession:
    copy = AccountSession()
    copy.load(session.export())
    return copy


def test_key_and_server_survive() -> None:
    copy = copy_of(signed_in())
    assert (copy.dc_id, copy.server_address, copy.port) == (2, "192.0.2.1", 443)
    assert copy.auth_key.key == KEY
    assert copy.has_key


def test_an_empty_session_survives_without_a_key() -> None:
    copy = copy_of(AccountSession())
    assert not copy.has_key
    assert copy.dc_id == 0


@given(st.dictionaries(st.integers(1, 2**53), LONGS.filter(bool), max_size=20))
def test_access_hashes_survive(people: dict[int, int]) -> None:
    session = signed_in()
    session.process_entities(users(*(person(user_id, access) for user_id, access in people.items())))
    copy = copy_of(session)
    for user_id, access_hash in people.items():
        peer = copy.get_input_entity(user_id)
        assert (peer.user_id, peer.access_hash) == (user_id, access_hash)


@given(LONGS, LONGS, SECONDS, LONGS)
def test_update_states_survive(pts: int, qts: int, date_s: int, seq: int) -> None:
    session = signed_in()
    date = datetime.fromtimestamp(date_s, UTC)
    session.set_update_state(0, types.updates.State(pts, qts, date, seq, unread_count=0))
    state = copy_of(session).get_update_state(0)
    assert (state.pts, state.qts, state.date, state.seq) == (pts, qts, date, seq)


def test_a_newer_access_hash_takes_the_place_of_the_older() -> None:
    session = signed_in()
    session.process_entities(users(person(5, 50, "anna")))
    session.process_entities(users(person(5, 51)))
    assert session.get_input_entity(5).access_hash == 51
    with pytest.raises(ValueError, match="anna"):
        session.get_input_entity("anna")


def test_a_bot_is_found_by_name_in_any_case() -> None:
    session = signed_in()
    session.process_entities(users(person(7, 70, "Linegram_Bot")))
    assert session.get_input_entity("@LINEGRAM_bot").user_id == 7


@pytest.mark.parametrize("key", [12345, "nobody", "+79990000001"])
def test_who_was_never_seen_is_not_found(key: int | str) -> None:
    with pytest.raises(ValueError, match="Could not find"):
        signed_in().get_input_entity(key)


def test_the_half_known_people_of_a_min_update_cannot_be_addressed() -> None:
    session = signed_in()
    session.process_entities(users(person(5, 50, is_min=True)))
    with pytest.raises(ValueError, match="Could not find"):
        session.get_input_entity(5)


def test_what_is_worth_saving_is_told_and_the_rest_is_not() -> None:
    changes = []
    session = AccountSession(lambda: changes.append(1))
    session.process_entities(users(person(5, 50)))
    assert len(changes) == 1
    session.process_entities(users(person(5, 50)))
    assert len(changes) == 1
    session.save()
    assert len(changes) == 2


def test_names_and_numbers_of_people_are_not_kept() -> None:
    session = signed_in()
    known = types.User(5, access_hash=50, first_name="Ottokar", phone="436601234567")
    session.process_entities(users(known))
    assert "Ottokar" not in session.export()
    assert "436601234567" not in session.export()


def test_a_string_session_of_telethon_is_taken_over() -> None:
    text = StringSession.save(signed_in())
    copy = AccountSession()
    copy.load(text)
    assert copy.auth_key.key == KEY
    assert copy.server_address == "192.0.2.1"


@given(
    st.text(max_size=60) | st.text(min_size=1, max_size=400, alphabet="1Aa0-_=").map(lambda text: "1" + text)
)
def test_garbage_raises_one_error_type(text: str) -> None:
    session = AccountSession()
    try:
        session.load(text)
    except RemoteProtocolError:
        assert not session.has_key
