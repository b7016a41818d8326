"""The calling account as a whole: start, chat, loss of the connection, restart, stop."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from telethon.tl.functions.account import GetAuthorizationsRequest

from linegram.calls.ports import PhoneCallOpened
from linegram.errors import RefusedError, UnavailableError
from linegram.sandbox.world.messages import Content
from linegram.telegram.account import AccountState, CallingAccount, EmployeeText
from linegram.telegram.phone_call_table import CallTimeouts
from linegram.telegram.rpc import ask
from linegram.telegram.session import AccountSession
from linegram.units import LegId
from tests.telegram.office import Heard, Office


async def test_a_start_connects_and_tells_so(office: Office, heard: Heard) -> None:
    account = office.account()
    await account.start()
    assert account.user_id == office.caller.user_id
    assert heard.states == [AccountState.CONNECTED]
    await account.stop()
    assert heard.states == [AccountState.CONNECTED, AccountState.DISCONNECTED]


async def test_without_a_session_the_start_says_what_to_do(empty_office: Office) -> None:
    with pytest.raises(RefusedError, match="linegram init"):
        await empty_office.account().start()


async def test_a_session_that_telegram_has_ended_says_what_to_do(office: Office) -> None:
    office.telegram.terminate(office.caller.user_id)
    account = office.account()
    with pytest.raises(RefusedError, match="ended the session"):
        await account.start()
    await account.stop()


async def test_a_telegram_that_is_away_at_the_start_is_unavailable(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linegram.telegram.account.START_WITHIN_S", 0.5)
    await office.telegram.stop()
    account = office.account()
    with pytest.raises(UnavailableError, match="does not answer"):
        await account.start()
    await account.stop()


async def test_a_refusal_at_the_start_is_named(office: Office, heard: Heard) -> None:
    office.telegram.faults.refuse("messages.getDhConfig", 420, "FLOOD_WAIT_30")
    with pytest.raises(UnavailableError, match="refused the start: FLOOD_WAIT"):
        await office.account().start()
    assert heard.states == []


async def test_before_the_start_there_is_nothing_to_use(office: Office) -> None:
    account = office.account()
    for name in ("client", "phone", "user_id"):
        with pytest.raises(UnavailableError):
            getattr(account, name)
    await account.stop()


async def test_the_timers_come_from_the_servers_config(office: Office) -> None:
    timeouts = office.telegram.settings.call_timeouts
    timeouts.receive_ms, timeouts.ring_ms, timeouts.connect_ms = 1500, 45_000, 7000
    account = office.account()
    await account.start()
    assert account.phone._timeouts == CallTimeouts(receive_s=1.5, ring_s=45.0, connect_s=7.0)
    await account.stop()


@pytest.mark.parametrize(("username", "mention"), [("office_calls", "@office_calls"), ("", "Office calls")])
async def test_people_find_the_account_by_username_or_name(
    office: Office, username: str, mention: str
) -> None:
    office.caller.username = username
    account = office.account()
    await account.start()
    assert await account.mention() == mention
    await account.stop()


@pytest.mark.parametrize("is_refused", [False, True])
async def test_who_wrote_before_the_first_start_is_known_if_telegram_lists_the_chats(
    office: Office, is_refused: bool
) -> None:
    office.writes(office.anna, "long ago")
    if is_refused:
        office.telegram.faults.flood("messages.getDialogs", 30)
    account = office.account()
    await account.start()
    assert account.has_seen(office.anna_id) or is_refused
    await account.stop()


# ---- the chat


async def test_texts_of_people_are_heard_with_what_they_reply_to(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        first = await device.send(office.caller, "+43 1 234567")
        await heard.until(lambda: len(heard.texts) == 3 or None)
        peer = await device.peer(office.caller)
        await device.client.send_message(peer, "**12#**", reply_to=first.id, parse_mode=None)
        await heard.until(lambda: len(heard.texts) == 4 or None)
    number, digits = heard.texts[2:]
    assert number == EmployeeText(
        office.anna_id,
        "+43 1 234567",
        number.message_id,
        name=office.anna.first_name,
        username=office.anna.username,
    )
    assert (digits.text, digits.reply_to_message_id) == ("**12#**", number.message_id)


async def test_the_accounts_own_messages_and_those_of_bots_are_not_texts(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    known = len(heard.texts)
    async with office.at_device(office.caller) as other_device:
        await other_device.send(office.anna, "from another device")
        await other_device.start_bot(office.bot)
        office.world.chats.send(office.bot.user_id, office.caller.user_id, Content("I am a bot"))
    office.writes(office.anna, "last")
    await heard.until(lambda: heard.texts[-1].text == "last" or None)
    assert [text.text for text in heard.texts[known:]] == ["last"]


async def test_who_has_written_is_known_and_others_are_not(office: Office, account: CallingAccount) -> None:
    assert account.has_seen(office.anna_id)
    stranger = office.world.people.add_person("Stranger", phone="79990000077")
    assert not account.has_seen(type(office.anna_id)(stranger.user_id))


async def test_a_text_that_came_while_we_were_away_is_heard_if_it_is_fresh(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    await account.stop()
    office.writes(office.anna, "are you there?")
    successor = office.account()
    await successor.start()
    await heard.until(lambda: heard.texts[-1].text == "are you there?" or None)
    await successor.stop()


async def test_a_text_that_waited_too_long_is_not_dialled_any_more(
    office: Office, account: CallingAccount, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    await account.stop()
    office.writes(office.anna, "stale")
    monkeypatch.setattr("linegram.telegram.account.OLD_TEXT", timedelta(seconds=-1))
    successor = office.account()
    await successor.start()
    await asyncio.gather(successor.client.catch_up())
    monkeypatch.setattr("linegram.telegram.account.OLD_TEXT", timedelta(seconds=60))
    await successor.stop()
    assert "stale" not in [text.text for text in heard.texts]


# ---- what survives


async def test_an_employee_can_be_called_after_a_restart_without_writing_again(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    await account.stop()
    successor = office.account()
    await successor.start()
    assert successor.has_seen(office.anna_id)
    successor.phone.request(LegId("leg-1"), office.anna_id)
    await heard.event(PhoneCallOpened, LegId("leg-1"))
    await successor.stop()


async def test_the_session_in_the_store_is_whole_and_recent(office: Office, account: CallingAccount) -> None:
    saves = office.store.saves
    await account.stop()
    assert office.store.saves > saves
    session = AccountSession()
    assert office.store.session is not None
    session.load(office.store.session)
    assert session.has_key
    state = session.get_update_state(0)
    assert abs(state.date - datetime.now(UTC)) < timedelta(hours=1)


# ---- the connection


async def test_a_lost_connection_is_told_and_comes_back_with_what_was_missed(
    office: Office, watchful_account: CallingAccount, heard: Heard
) -> None:
    await office.telegram.stop()
    await heard.until(lambda: heard.states[-1] is AccountState.DISCONNECTED or None)
    office.writes(office.anna, "while you were away")
    await office.telegram.start(*office.telegram.address)
    await heard.until(lambda: heard.states[-1] is AccountState.CONNECTED or None)
    await heard.until(lambda: heard.texts[-1].text == "while you were away" or None)


async def test_a_client_that_gave_up_is_connected_anew_and_can_call(
    office: Office, watchful_account: CallingAccount, heard: Heard
) -> None:
    await watchful_account.client.disconnect()
    await heard.until(lambda: heard.states[-1] is AccountState.DISCONNECTED or None)
    await heard.until(lambda: heard.states[-1] is AccountState.CONNECTED or None)
    watchful_account.phone.request(LegId("leg-1"), office.anna_id)
    await heard.event(PhoneCallOpened, LegId("leg-1"))
    office.writes(office.anna, "back again")
    await heard.until(lambda: heard.texts[-1].text == "back again" or None)


@pytest.mark.parametrize("is_connection_lost", [False, True])
async def test_a_session_ended_from_outside_is_told(
    office: Office, watchful_account: CallingAccount, heard: Heard, is_connection_lost: bool
) -> None:
    office.telegram.terminate(office.caller.user_id)
    if is_connection_lost:
        await watchful_account.client.disconnect()
    await heard.until(lambda: heard.states[-1] is AccountState.SIGNED_OUT or None)


async def test_a_start_silences_the_accounts_other_devices(office: Office) -> None:
    async with office.at_device(office.caller):
        account = office.account()
        await account.start()
        listed = await ask(account.client, GetAuthorizationsRequest())
        assert [one.call_requests_disabled for one in listed.authorizations if not one.current] == [True]
        await account.stop()
