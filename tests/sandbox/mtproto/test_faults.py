"""Faults on purpose, as a real client meets them."""

import asyncio

import pytest
from telethon import errors, functions
from telethon.tl import types

from linegram.sandbox.mtproto.faults import Fault
from linegram.sandbox.world import TelegramRefusalError
from linegram.sandbox.world.messages import Content
from tests.sandbox.mtproto.conftest import Office
from tests.sandbox.mtproto.raw_calls import CallLog, request


@pytest.mark.parametrize(
    ("code", "name", "kind"),
    [
        (420, "FLOOD_WAIT_33", errors.FloodWaitError),
        (400, "PEER_FLOOD", errors.PeerFloodError),
        (403, "USER_PRIVACY_RESTRICTED", errors.UserPrivacyRestrictedError),
        (403, "USER_IS_BLOCKED", errors.UserIsBlockedError),
        (400, "PARTICIPANT_VERSION_OUTDATED", errors.ParticipantVersionOutdatedError),
        (406, "CALL_PROTOCOL_COMPAT_LAYER_INVALID", errors.AuthKeyError),
    ],
)
async def test_a_method_is_refused_once_with_any_error(
    office: Office, code: int, name: str, kind: type[Exception]
) -> None:
    async with office.at_device(office.anna) as anna:
        office.telegram.faults.refuse("phone.requestCall", code, name)
        with pytest.raises(kind):
            await request(anna, office.boris)
        anna.client._flood_waited_requests.clear()
        assert isinstance(await request(anna, office.boris), types.PhoneCallWaiting)


async def test_a_flood_wait_tells_its_seconds_and_may_concern_one_account_only(office: Office) -> None:
    """core.telegram.org/api/errors, 420 FLOOD_WAIT_X."""
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        office.telegram.faults.flood("phone.requestCall", 1234, user_id=office.anna.user_id, times=5)
        with pytest.raises(errors.FloodWaitError) as raised:
            await request(anna, office.boris)
        assert raised.value.seconds == 1234
        assert isinstance(await request(boris, office.anna), types.PhoneCallWaiting)


async def test_a_busy_account_is_refused_until_telethon_gives_up(office: Office) -> None:
    """core.telegram.org/api/errors, 500 CALL_OCCUPY_FAILED; Telethon repeats requests after a 500."""
    async with office.at_device(office.anna) as anna:
        fault = office.telegram.faults.refuse("phone.requestCall", 500, "CALL_OCCUPY_FAILED", times=2)
        with pytest.raises(errors.CallOccupyFailedError):
            await request(anna, office.boris)
        office.telegram.faults.clear()
        assert fault.times < 2
        assert office.world.calls.live() == []


async def test_a_lost_answer_leaves_the_client_waiting_though_the_thing_was_done(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        await anna.peer(office.boris)
        office.telegram.faults.lose_answer("phone.requestCall")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await request(anna, office.boris)
        assert len(office.world.calls.live()) == 1


async def test_a_delayed_answer_comes_after_what_it_caused(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        log = CallLog(boris)
        await anna.peer(office.boris)
        office.telegram.faults.delay("phone.requestCall", 0.2)
        asking = asyncio.create_task(request(anna, office.boris))
        await log.wait_for(types.PhoneCallRequested)
        assert not asking.done()
        assert isinstance(await asking, types.PhoneCallWaiting)


async def test_a_connection_dropped_in_mid_request_makes_the_client_ask_again(office: Office) -> None:
    """core.telegram.org/method/messages.sendMessage, 500 RANDOM_ID_DUPLICATE: the repeat is known."""
    async with office.at_device(office.anna) as anna:
        await anna.peer(office.boris)
        office.telegram.faults.drop_connection("messages.sendMessage")
        with pytest.raises(errors.RandomIdDuplicateError):
            await anna.send(office.boris, "once")
        texts = [
            m.content.text for m in office.world.chats.history(office.anna.user_id, office.boris.user_id)
        ]
        assert texts == ["once"]


async def test_updates_can_be_delayed_so_that_later_ones_overtake(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        log = CallLog(boris)
        office.telegram.faults.delay("push.UpdatePhoneCall", 0.2, user_id=office.boris.user_id)
        waiting = await request(anna, office.boris)
        reason = types.PhoneCallDiscardReasonMissed()
        name = types.InputPhoneCall(waiting.id, waiting.access_hash)
        await anna.client(functions.phone.DiscardCallRequest(name, 0, reason, 0))
        await log.wait_for(types.PhoneCallDiscarded)
        await boris.wait_until(lambda: len(log.calls) == 2 or None)
        assert log.kinds()[0] == "Discarded"


async def test_any_method_of_one_user_can_fail_while_pushes_still_come(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        office.telegram.faults.refuse("*", 400, "PEER_FLOOD", user_id=office.anna.user_id, times=1)
        office.world.chats.send(office.boris.user_id, office.anna.user_id, Content("still here"))
        await anna.wait_for_message("still here")
        with pytest.raises(errors.PeerFloodError):
            await anna.client.get_dialogs()


async def test_a_fault_may_look_at_the_request_and_be_taken_back(office: Office) -> None:
    refusal = TelegramRefusalError(400, "PEER_FLOOD")
    fault = Fault("messages.sendMessage", refusal, times=9, condition=lambda r: "spam" in str(vars(r)))
    office.telegram.faults.arm(fault)
    async with office.at_device(office.anna) as anna:
        await anna.send(office.boris, "hello")
        with pytest.raises(errors.PeerFloodError):
            await anna.send(office.boris, "spam")
        office.telegram.faults.disarm(fault)
        await anna.send(office.boris, "spam")


async def test_a_restart_keeps_calls_keys_and_chats(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        log = CallLog(boris)
        waiting = await request(anna, office.boris)
        await log.wait_for(types.PhoneCallRequested)
        await office.telegram.restart()
        name = types.InputPhoneCall(waiting.id, waiting.access_hash)
        await boris.client.get_me()
        await anna.client(
            functions.phone.DiscardCallRequest(name, 0, types.PhoneCallDiscardReasonMissed(), 0)
        )
        over = await log.wait_for(types.PhoneCallDiscarded)
        assert isinstance(over.reason, types.PhoneCallDiscardReasonMissed)


async def test_a_failure_inside_the_sandbox_fails_the_test_that_met_it(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        del office.world.chats._boxes
        with pytest.raises(errors.BadRequestError, match="SANDBOX_METHOD_FAILED"):
            await anna.client.get_dialogs()
    assert isinstance(office.telegram.failures.pop(), AttributeError)
