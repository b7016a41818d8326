"""Calls over a network that loses things, and what they leave behind: nothing."""

import asyncio

from telethon.tl import functions, types

from linegram.calls.ports import (
    DiscardReason,
    PhoneAnswered,
    PhoneCallArrived,
    PhoneCallOpened,
    PhoneRinging,
)
from linegram.outcomes import EndReason
from linegram.sandbox.world.calls import CallState
from linegram.telegram.account import CallingAccount
from linegram.units import LegId
from tests.telegram.office import (
    DECLINE,
    HANG_UP,
    LEG,
    OTHER_LEG,
    HandPhone,
    Heard,
    Office,
    all_calls_over,
)

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
