"""Calls of the calling account through the sandbox Telegram, with employees at real Telethon clients."""

import asyncio

import pytest
from telethon.tl import functions, types

from linegram.calls.ports import (
    DiscardReason,
    PhoneAnswered,
    PhoneCallArrived,
    PhoneCallOpened,
    PhoneEnded,
    PhoneRinging,
    PhoneSignalled,
)
from linegram.outcomes import EndReason
from linegram.sandbox.world.calls import CallState, PhoneCall, Relay
from linegram.sandbox.world.people import Audience, PrivacyRule
from linegram.telegram.account import CallingAccount
from linegram.telegram.phone_wire import PhoneProtocol
from linegram.units import LegId, TelegramUserId
from tests.telegram.office import HandPhone, Heard, Office

LEG = LegId("leg-1")
OTHER_LEG = LegId("leg-2")
DECLINE = types.PhoneCallDiscardReasonBusy()
HANG_UP = types.PhoneCallDiscardReasonHangup()


def calls_in(office: Office) -> list[PhoneCall]:
    return list(office.world.calls._calls.values())


async def all_calls_over(office: Office) -> None:
    """Wait until Telegram knows of no call that goes on."""
    async with asyncio.timeout(10):
        while office.world.calls.live():  # noqa: ASYNC110 - the world tells nobody of this
            await asyncio.sleep(0.01)


# ---- we call


async def test_a_call_rings_is_answered_and_both_have_the_same_key(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    office.world.calls.relays.append(Relay("192.0.2.7", 3478, "name", "word"))
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        peer = await anna.rings()
        opened = await heard.event(PhoneCallOpened, LEG)
        await heard.event(PhoneRinging, LEG)
        await anna.answers(peer)
        answered = await heard.event(PhoneAnswered, LEG)
        assert anna.key is not None
        assert answered.parameters.key == anna.key.key
        assert answered.parameters.is_outgoing
        assert answered.parameters.versions == ("13.0.0",)
        assert answered.parameters.is_p2p_allowed
        assert [server.ip for server in answered.parameters.servers if server.is_turn] == ["192.0.2.7"]
        assert opened.recovery["phone_call_id"] == calls_in(office)[0].phone_call_id
        account.phone.end(LEG, DiscardReason.HANG_UP)
        assert (await heard.end(LEG)).reason is EndReason.COMPLETED
        await anna.sees(types.PhoneCallDiscarded)
    assert calls_in(office)[0].reason == "hangup"


async def test_signalling_goes_both_ways_and_early_signalling_waits_for_the_answer(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        await anna.answers(await anna.rings())
        call = calls_in(office)[0]
        peer = types.InputPhoneCall(call.phone_call_id, call.access_hashes[office.anna.user_id])
        for number in range(20):
            await anna.signals_out(peer, bytes([number]))
        await heard.until(
            lambda: len([e for e in heard.phone if isinstance(e, PhoneSignalled)]) == 20 or None
        )
        kinds = [type(event) for event in heard.phone]
        assert kinds.index(PhoneAnswered) < kinds.index(PhoneSignalled)
        payloads = [event.payload for event in heard.phone if isinstance(event, PhoneSignalled)]
        assert payloads == [bytes([number]) for number in range(20)]
        for number in range(20):
            account.phone.signal(LEG, bytes([number, 1]))
        assert await anna.until_signals(20) == [bytes([number, 1]) for number in range(20)]


async def test_signalling_that_overtakes_the_confirmation_is_not_lost(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    office.telegram.faults.delay("phone.confirmCall", 0.5, user_id=office.caller.user_id)
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        peer = await anna.rings()
        await anna.answers(peer)
        await anna.signals_out(peer, b"early")
        signalled = await heard.event(PhoneSignalled, LEG)
        assert signalled.payload == b"early"
        assert isinstance(heard.phone[-2], PhoneAnswered)


@pytest.mark.parametrize(
    ("reason", "is_ringing", "expected"),
    [
        (DECLINE, True, EndReason.DECLINED),
        (DECLINE, False, EndReason.BUSY),
        (types.PhoneCallDiscardReasonMissed(), True, EndReason.NO_ANSWER),
        (types.PhoneCallDiscardReasonMigrateConferenceCall("slug"), True, EndReason.MOVED_TO_CONFERENCE),
    ],
)
async def test_what_an_employee_does_instead_of_answering_is_told(
    office: Office,
    account: CallingAccount,
    heard: Heard,
    reason: object,
    is_ringing: bool,
    expected: EndReason,
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        if is_ringing:
            peer = await anna.rings()
            await heard.event(PhoneRinging, LEG)
        else:
            requested = await anna.sees(types.PhoneCallRequested)
            peer = types.InputPhoneCall(requested.id, requested.access_hash)
        await anna.hangs_up(peer, reason)
        assert (await heard.end(LEG)).reason is expected


async def test_an_employee_who_hangs_up_ends_the_talk(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        peer = await anna.rings()
        await anna.answers(peer)
        await heard.event(PhoneAnswered, LEG)
        await anna.hangs_up(peer, HANG_UP, duration_s=3)
        assert (await heard.end(LEG)).reason is EndReason.COMPLETED


async def test_an_employee_without_a_device_on_the_network_is_offline(office: Office, heard: Heard) -> None:
    office.telegram.settings.call_timeouts.receive_ms = 300
    account = office.account()
    await account.start()
    office.writes(office.anna, "hello")
    await heard.until(lambda: heard.texts or None)
    account.phone.request(LEG, office.anna_id)
    assert (await heard.end(LEG)).reason is EndReason.EMPLOYEE_OFFLINE
    await all_calls_over(office)
    assert calls_in(office)[0].reason == "missed"
    await account.stop()


async def test_an_employee_who_lets_it_ring_does_not_answer(office: Office, heard: Heard) -> None:
    office.telegram.settings.call_timeouts.ring_ms = 300
    account = office.account()
    await account.start()
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        office.writes(office.anna, "hello")
        await heard.until(lambda: heard.texts or None)
        account.phone.request(LEG, office.anna_id)
        await anna.rings()
        assert (await heard.end(LEG)).reason is EndReason.NO_ANSWER
        assert isinstance(
            (await anna.sees(types.PhoneCallDiscarded)).reason, types.PhoneCallDiscardReasonMissed
        )
    await account.stop()


async def test_a_call_that_is_cancelled_stops_ringing(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        await anna.rings()
        await heard.event(PhoneRinging, LEG)
        account.phone.end(LEG, DiscardReason.MISSED)
        account.phone.end(LEG, DiscardReason.MISSED)
        assert (await heard.end(LEG)).reason is EndReason.CANCELLED
        await anna.sees(types.PhoneCallDiscarded)


async def test_a_call_that_is_cancelled_before_telegram_answered_is_discarded_later(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    office.telegram.faults.delay("phone.requestCall", 0.5)
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        await anna.sees(types.PhoneCallRequested)
        account.phone.end(LEG, DiscardReason.HANG_UP)
        assert (await heard.end(LEG)).reason is EndReason.CANCELLED
        await anna.sees(types.PhoneCallDiscarded)
        assert not [event for event in heard.phone if isinstance(event, PhoneCallOpened)]


async def test_an_end_in_the_same_breath_as_the_request_leaves_no_call_behind(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    account.phone.request(LEG, office.anna_id)
    account.phone.end(LEG, DiscardReason.HANG_UP)
    assert (await heard.end(LEG)).reason is EndReason.CANCELLED
    assert calls_in(office) == []


async def test_several_employees_are_called_at_once(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as one, office.at_device(office.boris) as two:
        anna, boris = HandPhone(one), HandPhone(two)
        account.phone.request(LEG, office.anna_id)
        account.phone.request(OTHER_LEG, office.boris_id)
        peers = await asyncio.gather(anna.rings(), boris.rings())
        await asyncio.gather(anna.answers(peers[0]), boris.answers(peers[1]))
        first = await heard.event(PhoneAnswered, LEG)
        second = await heard.event(PhoneAnswered, OTHER_LEG)
        assert anna.key is not None
        assert boris.key is not None
        assert first.parameters.key == anna.key.key != second.parameters.key == boris.key.key
        account.phone.end(LEG, DiscardReason.HANG_UP)
        await heard.end(LEG)
        await boris.signals_out(peers[1], b"still here")
        assert (await heard.event(PhoneSignalled)).leg_id == OTHER_LEG
        await boris.hangs_up(peers[1], HANG_UP)
        await heard.end(OTHER_LEG)


# ---- refusals


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        (403, "USER_PRIVACY_RESTRICTED", EndReason.PRIVACY_BLOCKED),
        (403, "USER_IS_BLOCKED", EndReason.CALLING_ACCOUNT_BLOCKED),
        (400, "PARTICIPANT_VERSION_OUTDATED", EndReason.APP_OUTDATED),
        (406, "CALL_PROTOCOL_COMPAT_LAYER_INVALID", EndReason.NO_COMMON_VERSION),
        (400, "INPUT_USER_DEACTIVATED", EndReason.EMPLOYEE_GONE),
        (400, "PEER_FLOOD", EndReason.FLOOD_LIMITED),
        (400, "USER_ID_INVALID", EndReason.EMPLOYEE_UNKNOWN),
    ],
)
async def test_a_refused_request_is_told_and_leaves_the_account_usable(
    office: Office, account: CallingAccount, heard: Heard, code: int, name: str, expected: EndReason
) -> None:
    office.telegram.faults.refuse("phone.requestCall", code, name)
    account.phone.request(LEG, office.anna_id)
    assert await heard.end(LEG) == PhoneEnded(LEG, expected)
    assert calls_in(office) == []
    account.phone.request(OTHER_LEG, office.boris_id)
    await heard.event(PhoneCallOpened, OTHER_LEG)


async def test_privacy_that_closes_calls_is_a_reason_of_its_own(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    office.anna.phone_call_privacy = PrivacyRule(Audience.CONTACTS)
    account.phone.request(LEG, office.anna_id)
    assert (await heard.end(LEG)).reason is EndReason.PRIVACY_BLOCKED


async def test_a_user_whom_the_account_has_never_seen_cannot_be_called(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    stranger = office.world.people.add_person("Stranger", phone="79990000099")
    account.phone.request(LEG, TelegramUserId(stranger.user_id))
    assert await heard.end(LEG) == PhoneEnded(LEG, EndReason.EMPLOYEE_UNKNOWN)


async def test_a_flood_wait_is_told_at_once_with_its_seconds(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    office.telegram.faults.flood("phone.requestCall", 291)
    account.phone.request(LEG, office.anna_id)
    async with asyncio.timeout(5):
        assert await heard.end(LEG) == PhoneEnded(LEG, EndReason.FLOOD_LIMITED, 291)


@pytest.mark.parametrize("times", [1, 2])
async def test_an_occupied_account_is_asked_twice(
    office: Office, account: CallingAccount, heard: Heard, times: int
) -> None:
    office.telegram.faults.refuse("phone.requestCall", 500, "CALL_OCCUPY_FAILED", times=times)
    account.phone.request(LEG, office.anna_id)
    if times == 1:
        await heard.event(PhoneCallOpened, LEG)
    else:
        assert (await heard.end(LEG)).reason is EndReason.CALLING_ACCOUNT_BUSY


async def test_an_employee_with_other_versions_cannot_be_talked_to(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device, PhoneProtocol(versions=("2.4.4",)))
        account.phone.request(LEG, office.anna_id)
        peer = await anna.rings()
        with pytest.raises(Exception, match="CALL_PROTOCOL_COMPAT_LAYER_INVALID"):
            await anna.answers(peer)
        account.phone.end(LEG, DiscardReason.HANG_UP)
        await heard.end(LEG)


# ---- we are called


async def test_an_incoming_call_is_offered_rings_and_is_accepted(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        peer = await anna.calls(await device.peer(office.caller))
        arrived = await heard.event(PhoneCallArrived)
        assert arrived.user_id == office.anna_id
        assert (await anna.sees(types.PhoneCallWaiting)).receive_date is not None
        account.phone.accept(arrived.leg_id)
        await anna.confirms(peer)
        answered = await heard.event(PhoneAnswered, arrived.leg_id)
        assert anna.key is not None
        assert answered.parameters.key == anna.key.key
        assert not answered.parameters.is_outgoing
        await anna.hangs_up(peer, HANG_UP)
        assert (await heard.end(arrived.leg_id)).reason is EndReason.COMPLETED


async def test_an_incoming_call_can_be_declined(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        await anna.calls(await device.peer(office.caller))
        arrived = await heard.event(PhoneCallArrived)
        account.phone.end(arrived.leg_id, DiscardReason.BUSY)
        assert (await heard.end(arrived.leg_id)).reason is EndReason.BUSY
        assert isinstance(
            (await anna.sees(types.PhoneCallDiscarded)).reason, types.PhoneCallDiscardReasonBusy
        )


async def test_a_caller_who_gives_up_has_cancelled(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        peer = await anna.calls(await device.peer(office.caller))
        arrived = await heard.event(PhoneCallArrived)
        await anna.hangs_up(peer, types.PhoneCallDiscardReasonMissed())
        assert (await heard.end(arrived.leg_id)).reason is EndReason.CANCELLED


async def test_a_call_that_another_device_of_the_account_takes_is_answered_elsewhere(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device, office.at_device(office.caller) as other_device:
        anna, desk = HandPhone(device), HandPhone(other_device)
        await anna.calls(await device.peer(office.caller))
        arrived = await heard.event(PhoneCallArrived)
        answering = asyncio.create_task(desk.answers(await desk.rings()))
        assert (await heard.end(arrived.leg_id)).reason is EndReason.ANSWERED_ELSEWHERE
        assert calls_in(office)[0].state is CallState.ACCEPTED
        answering.cancel()


async def test_calls_that_other_devices_make_are_none_of_ours(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device, office.at_device(office.caller) as other_device:
        anna, desk = HandPhone(device), HandPhone(other_device)
        await desk.calls(await other_device.peer(office.anna))
        peer = await anna.rings()
        await desk.sees(types.PhoneCallWaiting)
        await anna.hangs_up(peer, DECLINE)
        await desk.sees(types.PhoneCallDiscarded)
    assert heard.phone == []


# ---- a network that loses things


async def test_a_lost_answer_to_the_request_is_made_up_for_by_the_ringing(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    office.telegram.faults.lose_answer("phone.requestCall")
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        peer = await anna.rings()
        await heard.event(PhoneRinging, LEG)
        await anna.answers(peer)
        answered = await heard.event(PhoneAnswered, LEG)
        assert anna.key is not None
        assert answered.parameters.key == anna.key.key


async def test_the_call_of_a_request_whose_answer_was_lost_is_discarded_as_soon_as_it_shows(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    office.telegram.faults.drop_connection("phone.requestCall")
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        lost = await anna.sees(types.PhoneCallRequested)
        opened = await heard.event(PhoneCallOpened, LEG)
        assert opened.recovery["phone_call_id"] != lost.id
        await anna.client(
            functions.phone.ReceivedCallRequest(types.InputPhoneCall(lost.id, lost.access_hash))
        )
        assert (await anna.sees(types.PhoneCallDiscarded)).id == lost.id
        account.phone.end(LEG, DiscardReason.HANG_UP)
        await heard.end(LEG)
        await all_calls_over(office)


async def test_a_refusal_that_overtakes_the_answer_to_the_request_is_not_lost(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    office.telegram.faults.delay("phone.requestCall", 0.5)
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        requested = await anna.sees(types.PhoneCallRequested)
        await anna.hangs_up(types.InputPhoneCall(requested.id, requested.access_hash), DECLINE)
        assert (await heard.end(LEG)).reason is EndReason.BUSY


async def test_an_answer_that_overtakes_the_answer_to_the_request_is_taken(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    office.telegram.faults.delay("phone.requestCall", 1.0)
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        await anna.answers(await anna.rings())
        answered = await heard.event(PhoneAnswered, LEG)
        assert anna.key is not None
        assert answered.parameters.key == anna.key.key
        kinds = [type(event) for event in heard.phone]
        assert kinds == [PhoneCallOpened, PhoneRinging, PhoneAnswered]


async def test_an_acceptance_whose_connection_broke_still_leads_to_a_talk(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        peer = await anna.calls(await device.peer(office.caller))
        arrived = await heard.event(PhoneCallArrived)
        office.telegram.faults.drop_connection("phone.acceptCall")
        account.phone.accept(arrived.leg_id)
        accepted = await anna.sees(types.PhoneCallAccepted)
        await account.client.get_me()
        await anna.confirms(peer, accepted)
        answered = await heard.event(PhoneAnswered, arrived.leg_id)
        assert anna.key is not None
        assert answered.parameters.key == anna.key.key


async def test_a_confirmation_that_is_never_answered_ends_on_both_sides(office: Office, heard: Heard) -> None:
    office.telegram.settings.call_timeouts.connect_ms = 400
    office.telegram.faults.lose_answer("phone.confirmCall")
    account = office.account()
    await account.start()
    office.writes(office.anna, "hello")
    await heard.until(lambda: heard.texts or None)
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        await anna.answers(await anna.rings())
        assert (await heard.end(LEG)).reason is EndReason.TELEGRAM_UNREACHABLE
        await anna.sees(types.PhoneCallDiscarded)
    await account.stop()


async def test_a_hang_up_whose_news_was_lost_shows_at_the_next_signal(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        peer = await anna.rings()
        await anna.answers(peer)
        await heard.event(PhoneAnswered, LEG)
        office.telegram.faults.lose_answer("push.UpdatePhoneCall", user_id=office.caller.user_id)
        await anna.hangs_up(peer, HANG_UP)
        account.phone.signal(LEG, b"are you there?")
        assert (await heard.end(LEG)).reason is EndReason.COMPLETED


async def test_a_lost_discard_is_sent_again(office: Office, account: CallingAccount, heard: Heard) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        await anna.rings()
        office.telegram.faults.refuse("phone.discardCall", 420, "FLOOD_WAIT_1")
        account.phone.end(LEG, DiscardReason.HANG_UP)
        await heard.end(LEG)
        await anna.sees(types.PhoneCallDiscarded)


async def test_a_server_that_restarts_in_mid_set_up_does_not_end_the_call(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        peer = await anna.rings()
        await heard.event(PhoneRinging, LEG)
        await office.telegram.restart()
        # Both come back by themselves; only then is an update not lost on the way.
        await asyncio.gather(device.client.get_me(), account.client.get_me())
        await anna.answers(peer)
        answered = await heard.event(PhoneAnswered, LEG)
        assert anna.key is not None
        assert answered.parameters.key == anna.key.key


async def test_a_telegram_that_does_not_answer_ends_the_call_in_time(office: Office, heard: Heard) -> None:
    office.telegram.settings.call_timeouts.receive_ms = 500
    account = office.account()
    await account.start()
    office.writes(office.anna, "hello")
    await heard.until(lambda: heard.texts or None)
    await office.telegram.stop()
    account.phone.request(LEG, office.anna_id)
    assert (await heard.end(LEG)).reason is EndReason.TELEGRAM_UNREACHABLE
    await office.telegram.start(*office.telegram.address)
    await account.stop()


# ---- leaving nothing behind


async def test_a_stored_call_of_an_earlier_process_is_discarded(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        await anna.rings()
        opened = await heard.event(PhoneCallOpened, LEG)
        await account.stop()
        office.world.calls._calls[opened.recovery["phone_call_id"]].state = CallState.WAITING
        successor = office.account()
        await successor.start()
        await successor.phone.discard_stored(opened.recovery)
        await successor.phone.discard_stored(opened.recovery)
        assert office.world.calls.live() == []
        await successor.phone.discard_stored({"phone_call_id": 1, "access_hash": 2})
        await successor.stop()


async def test_stopping_ends_all_calls(office: Office, account: CallingAccount, heard: Heard) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        account.phone.request(LEG, office.anna_id)
        account.phone.request(OTHER_LEG, office.boris_id)
        await anna.answers(await anna.rings())
        await heard.event(PhoneAnswered, LEG)
        await heard.event(PhoneCallOpened, OTHER_LEG)
        await account.stop()
        assert office.world.calls.live() == []
        assert (await heard.end(LEG)).reason is EndReason.COMPLETED
        assert (await heard.end(OTHER_LEG)).reason is EndReason.CANCELLED


async def test_many_calls_leave_nothing_in_memory(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        for number in range(12):
            leg_id = LegId(f"leg-{number}")
            account.phone.request(leg_id, office.anna_id)
            peer = await anna.rings()
            if number % 3 == 0:
                await anna.hangs_up(peer, DECLINE)
            elif number % 3 == 1:
                account.phone.end(leg_id, DiscardReason.MISSED)
            else:
                await anna.answers(peer)
                await heard.event(PhoneAnswered, leg_id)
                await anna.hangs_up(peer, HANG_UP)
            await heard.end(leg_id)
        await all_calls_over(office)
    phone = account.phone
    await asyncio.gather(*phone._tasks, *phone._discards._tasks)
    assert not phone._legs
    assert not phone._by_phone_call_id
    assert not phone._unclaimed
    assert not phone._lost_until


async def test_commands_for_unknown_legs_change_nothing(account: CallingAccount, heard: Heard) -> None:
    account.phone.end(LegId("nobody"), DiscardReason.HANG_UP)
    account.phone.accept(LegId("nobody"))
    account.phone.signal(LegId("nobody"), b"x")
    await asyncio.sleep(0)
    assert heard.phone == []
