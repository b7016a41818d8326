"""Calls that the calling account places through the sandbox, to employees at real Telethon clients."""

import asyncio

import pytest
from telethon.tl import types

from linegram.calls.ports import (
    DiscardReason,
    PhoneAnswered,
    PhoneCallOpened,
    PhoneEnded,
    PhoneRinging,
    PhoneSignalled,
)
from linegram.outcomes import EndReason
from linegram.sandbox.world.calls import Relay
from linegram.sandbox.world.people import Audience, PrivacyRule
from linegram.telegram.account import CallingAccount
from linegram.telegram.phone_wire import PhoneProtocol
from linegram.units import TelegramUserId
from tests.telegram.office import (
    DECLINE,
    HANG_UP,
    LEG,
    OTHER_LEG,
    HandPhone,
    Heard,
    Office,
    all_calls_over,
    calls_in,
)

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


async def test_a_redial_rings_after_the_first_call_has_ended_for_the_employee(
    office: Office, account: CallingAccount, heard: Heard
) -> None:
    async with office.at_device(office.anna) as device:
        anna = HandPhone(device)
        seen: list[str] = []
        device.on_update(lambda update: seen.append(type(getattr(update, "phone_call", None)).__name__))
        account.phone.request(LEG, office.anna_id)
        await anna.answers(await anna.rings())
        await heard.event(PhoneAnswered, LEG)
        account.phone.end(LEG, DiscardReason.DISCONNECT)
        account.phone.request(OTHER_LEG, office.anna_id)
        await anna.answers(await anna.rings())
        await heard.event(PhoneAnswered, OTHER_LEG)
        told = [name for name in seen if name in ("PhoneCallRequested", "PhoneCallDiscarded")]
        assert told == ["PhoneCallRequested", "PhoneCallDiscarded", "PhoneCallRequested"]
        assert (await heard.end(LEG)).reason is EndReason.VOICE_LOST


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
