"""Calls that employees place to the calling account, and calls of its other devices."""

import asyncio

from telethon.tl import types

from linegram.calls.ports import (
    DiscardReason,
    PhoneAnswered,
    PhoneCallArrived,
)
from linegram.outcomes import EndReason
from linegram.sandbox.world.calls import CallState
from linegram.telegram.account import CallingAccount
from tests.telegram.office import (
    DECLINE,
    HANG_UP,
    HandPhone,
    Heard,
    Office,
    calls_in,
)

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
