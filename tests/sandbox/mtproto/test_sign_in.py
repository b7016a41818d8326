"""Signing in with a real Telethon client: code, two-step password, QR, bot token, and what comes after."""

import asyncio

import pytest
from telethon import errors, functions
from telethon.network import ConnectionTcpAbridged, ConnectionTcpFull
from telethon.sessions import StringSession
from telethon.tl import types

from linegram.sandbox.employee import API_HASH, API_ID, new_client, sign_in
from tests.sandbox.mtproto.conftest import Office


@pytest.mark.parametrize("transport", [ConnectionTcpAbridged, ConnectionTcpFull])
async def test_a_client_signs_in_by_code_on_both_transports(office: Office, transport: type) -> None:
    client = new_client(office.telegram)
    client._connection = transport
    await client.connect()
    await sign_in(office.telegram, client, office.anna)
    me = await client.get_me()
    assert (me.id, me.first_name, me.phone) == (office.anna.user_id, "Anna", "79990000001")
    await client.disconnect()


async def test_a_wrong_code_is_refused_and_the_right_one_still_works(office: Office) -> None:
    client = new_client(office.telegram)
    await client.connect()
    sent = await client.send_code_request("+79990000001")
    code = office.world.sign_in.code_for("79990000001")
    wrong = "00000" if code != "00000" else "00001"
    with pytest.raises(errors.PhoneCodeInvalidError):
        await client.sign_in("+79990000001", wrong, phone_code_hash=sent.phone_code_hash)
    me = await client.sign_in("+79990000001", code, phone_code_hash=sent.phone_code_hash)
    assert me.id == office.anna.user_id
    await client.disconnect()


async def test_a_two_step_password_is_asked_for_and_checked(office: Office) -> None:
    office.anna.password = "correct horse"
    client = new_client(office.telegram)
    await client.connect()
    await client.send_code_request("+79990000001")
    with pytest.raises(errors.SessionPasswordNeededError):
        await client.sign_in("+79990000001", office.world.sign_in.code_for("79990000001"))
    with pytest.raises(errors.PasswordHashInvalidError):
        await client.sign_in(password="battery staple")
    me = await client.sign_in(password="correct horse")
    assert me.id == office.anna.user_id
    await client.disconnect()


@pytest.mark.parametrize("password", ["", "correct horse"])
async def test_a_device_is_let_in_by_a_scanned_qr_code(office: Office, password: str) -> None:
    async with office.at_device(office.anna) as phone:
        office.anna.password = password
        desktop = new_client(office.telegram)
        await desktop.connect()
        shown = await desktop.qr_login()
        waiting = asyncio.create_task(shown.wait(10))
        await asyncio.sleep(0)
        await phone.client(functions.auth.AcceptLoginTokenRequest(shown.token))
        if password:
            with pytest.raises(errors.SessionPasswordNeededError):
                await waiting
            await desktop.sign_in(password=password)
        else:
            await waiting
        assert (await desktop.get_me()).id == office.anna.user_id
        await desktop.disconnect()


async def test_a_number_without_account_may_sign_up(office: Office) -> None:
    client = new_client(office.telegram)
    await client.connect()
    phone = "+79995554433"
    sent = await client(functions.auth.SendCodeRequest(phone, API_ID, API_HASH, types.CodeSettings()))
    code = office.world.sign_in.code_for(phone)
    answer = await client(functions.auth.SignInRequest(phone, sent.phone_code_hash, code))
    assert isinstance(answer, types.auth.AuthorizationSignUpRequired)
    made = await client(functions.auth.SignUpRequest(phone, sent.phone_code_hash, "New", "Person"))
    assert (made.user.first_name, made.user.last_name) == ("New", "Person")
    await client.disconnect()


async def test_a_bot_signs_in_by_its_token(office: Office) -> None:
    client = new_client(office.telegram)
    await client.connect()
    assert office.bot.bot is not None
    await client.sign_in(bot_token=office.bot.bot.token)
    assert (await client.get_me()).bot
    await client.disconnect()


async def test_a_stored_session_is_still_signed_in_after_a_restart(office: Office) -> None:
    session = StringSession()
    client = new_client(office.telegram, session=session)
    await client.connect()
    await sign_in(office.telegram, client, office.anna)
    stored = session.save()
    await client.disconnect()
    await office.telegram.restart()
    again = new_client(office.telegram, session=StringSession(stored))
    await again.connect()
    assert (await again.get_me()).id == office.anna.user_id
    await again.disconnect()


async def test_a_connected_client_comes_back_by_itself_after_a_restart(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        await office.telegram.restart()
        assert (await anna.client.get_me()).id == office.anna.user_id


async def test_a_signed_out_or_terminated_device_is_nobody(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        office.telegram.terminate(office.anna.user_id)
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await anna.client(functions.updates.GetStateRequest())


async def test_the_timers_of_calls_come_from_the_configuration(office: Office) -> None:
    office.telegram.settings.call_timeouts.ring_ms = 1_234
    async with office.at_device(office.anna) as anna:
        config = await anna.client(functions.help.GetConfigRequest())
    assert (config.call_receive_timeout_ms, config.call_ring_timeout_ms) == (20_000, 1_234)
