"""The signalling of phone calls between devices: who is told what, and who is not."""

import pytest
from telethon import errors, functions
from telethon.tl import types

from linegram.sandbox.world.calls import Relay
from linegram.sandbox.world.people import Audience, PrivacyRule
from tests.sandbox.mtproto.conftest import Office
from tests.sandbox.mtproto.raw_calls import (
    G_A,
    G_B,
    CallLog,
    accept,
    confirm,
    discard,
    name_of,
    request,
)


async def test_a_call_goes_through_all_its_stages(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        annas, boriss = CallLog(anna), CallLog(boris)
        waiting = await request(anna, office.boris)
        assert isinstance(waiting, types.PhoneCallWaiting)
        assert waiting.receive_date is None
        ring = await boriss.wait_for(types.PhoneCallRequested)
        assert (ring.g_a_hash, ring.admin_id) == (bytes(32), office.anna.user_id)
        await boris.client(functions.phone.ReceivedCallRequest(name_of(ring)))
        assert (await annas.wait_for(types.PhoneCallWaiting)).receive_date is not None
        answer = await accept(boris, ring)
        assert isinstance(answer.phone_call, types.PhoneCallWaiting)
        assert (await annas.wait_for(types.PhoneCallAccepted)).g_b == G_B
        mine = await confirm(anna, waiting)
        theirs = await boriss.wait_for(types.PhoneCall)
        assert (mine.g_a_or_b, theirs.g_a_or_b) == (G_B, G_A)
        assert mine.key_fingerprint == theirs.key_fingerprint == 99
        assert mine.protocol.library_versions == theirs.protocol.library_versions == ["13.0.0"]
        assert mine.p2p_allowed
        await discard(boris, ring, duration_s=7)
        over = await annas.wait_for(types.PhoneCallDiscarded)
        assert (type(over.reason), over.duration) == (types.PhoneCallDiscardReasonHangup, 7)


async def test_no_call_update_is_echoed_to_the_device_that_asked(office: Office) -> None:
    """tdlib/td, td/telegram/CallActor.cpp: the state comes with the answer to the request, not as update."""
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        annas, boriss = CallLog(anna), CallLog(boris)
        waiting = await request(anna, office.boris)
        ring = await boriss.wait_for(types.PhoneCallRequested)
        await accept(boris, ring)
        await annas.wait_for(types.PhoneCallAccepted)
        await confirm(anna, waiting)
        await boriss.wait_for(types.PhoneCall)
        await discard(anna, waiting)
        await boriss.wait_for(types.PhoneCallDiscarded)
        assert annas.kinds() == ["Accepted"]
        assert boriss.kinds() == ["Requested", "Active", "Discarded"]


async def test_all_devices_ring_and_the_others_stop_when_one_answers(office: Office) -> None:
    async with (
        office.at_device(office.anna) as anna,
        office.at_device(office.boris) as phone,
        office.at_device(office.boris) as desktop,
    ):
        on_phone, on_desktop = CallLog(phone), CallLog(desktop)
        await request(anna, office.boris)
        ring = await on_phone.wait_for(types.PhoneCallRequested)
        await on_desktop.wait_for(types.PhoneCallRequested)
        await accept(phone, ring)
        stopped = await on_desktop.wait_for(types.PhoneCallDiscarded)
        assert stopped.reason is None
        with pytest.raises(errors.CallAlreadyAcceptedError):
            await accept(desktop, ring)
        assert on_phone.kinds() == ["Requested"]


async def test_one_device_declines_for_all(office: Office) -> None:
    async with (
        office.at_device(office.anna) as anna,
        office.at_device(office.boris) as phone,
        office.at_device(office.boris) as desktop,
    ):
        annas, on_phone, on_desktop = CallLog(anna), CallLog(phone), CallLog(desktop)
        await request(anna, office.boris)
        ring = await on_phone.wait_for(types.PhoneCallRequested)
        reason = types.PhoneCallDiscardReasonBusy()
        await phone.client(functions.phone.DiscardCallRequest(name_of(ring), 0, reason, 0))
        for log in (annas, on_desktop):
            over = await log.wait_for(types.PhoneCallDiscarded)
            assert isinstance(over.reason, types.PhoneCallDiscardReasonBusy)


async def test_another_device_of_the_caller_hears_nothing(office: Office) -> None:
    async with (
        office.at_device(office.anna) as phone,
        office.at_device(office.anna) as desktop,
        office.at_device(office.boris) as boris,
    ):
        on_phone, on_desktop, boriss = CallLog(phone), CallLog(desktop), CallLog(boris)
        await request(phone, office.boris)
        await accept(boris, await boriss.wait_for(types.PhoneCallRequested))
        await on_phone.wait_for(types.PhoneCallAccepted)
        assert on_desktop.calls == []


async def test_a_device_with_calls_switched_off_does_not_ring(office: Office) -> None:
    """core.telegram.org/method/account.changeAuthorizationSettings, call_requests_disabled."""
    async with (
        office.at_device(office.anna) as anna,
        office.at_device(office.boris) as phone,
        office.at_device(office.boris) as desktop,
    ):
        change = functions.account.ChangeAuthorizationSettingsRequest(0, call_requests_disabled=True)
        await desktop.client(change)
        on_phone, on_desktop = CallLog(phone), CallLog(desktop)
        waiting = await request(anna, office.boris)
        await on_phone.wait_for(types.PhoneCallRequested)
        await discard(anna, waiting)
        await on_phone.wait_for(types.PhoneCallDiscarded)
        assert "Requested" not in on_desktop.kinds()


async def test_a_device_that_comes_online_during_the_ringing_rings(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        log = CallLog(boris)
        await boris.client.disconnect()
        await request(anna, office.boris)
        await boris.client.connect()
        await log.wait_for(types.PhoneCallRequested)


async def test_signalling_goes_to_the_other_party_in_order(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        boriss = CallLog(boris)
        waiting = await request(anna, office.boris)
        await accept(boris, await boriss.wait_for(types.PhoneCallRequested))
        await confirm(anna, waiting)
        blobs = [bytes((n,)) * (n + 1) for n in range(20)]
        for blob in blobs:
            await anna.client(functions.phone.SendSignalingDataRequest(name_of(waiting), blob))
        await boris.wait_until(lambda: len(boriss.signals) == len(blobs) or None)
        assert boriss.signals == blobs


async def test_a_finished_call_leaves_a_note_in_both_chats(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        waiting = await request(anna, office.boris)
        await discard(anna, waiting)
        for person in (anna, boris):
            note = await person.wait_for_message(lambda m: m.action is not None)
            assert isinstance(note.action, types.MessageActionPhoneCall)
            assert note.action.call_id == waiting.id
        assert note.out is False


async def test_hanging_up_twice_is_no_error(office: Office) -> None:
    async with office.at_device(office.anna) as anna:
        waiting = await request(anna, office.boris)
        await discard(anna, waiting)
        again = await discard(anna, waiting)
        assert isinstance(again.updates[0].phone_call, types.PhoneCallDiscarded)
        notes = office.world.chats.history(office.anna.user_id, office.boris.user_id)
        assert len(notes) == 1


async def test_a_caller_cannot_name_a_stranger(office: Office) -> None:
    """core.telegram.org/method/phone.requestCall, 400 USER_ID_INVALID; api/peers#access-hash."""
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        borrowed = await boris.peer(office.bot)
        user = types.InputUser(office.boris.user_id, borrowed.access_hash)
        protocol = types.PhoneCallProtocol(65, 92, ["13.0.0"], udp_p2p=True)
        with pytest.raises(errors.UserIdInvalidError):
            await anna.client(functions.phone.RequestCallRequest(user, bytes(32), protocol))
        peer = types.InputPeerUser(office.boris.user_id, borrowed.access_hash)
        with pytest.raises(errors.PeerIdInvalidError):
            await anna.client.send_message(peer, "hello")


async def test_who_was_called_or_written_to_can_name_the_other(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        log = CallLog(boris)
        await request(anna, office.boris)
        await log.wait_for(types.PhoneCallRequested)
        named = await boris.client.get_input_entity(office.anna.user_id)
        await boris.client.send_message(named, "you called?")
        await anna.wait_for_message("you called?")


async def test_a_privacy_refusal_has_telethons_own_type(office: Office) -> None:
    office.boris.phone_call_privacy = PrivacyRule(Audience.NOBODY)
    async with office.at_device(office.anna) as anna:
        with pytest.raises(errors.UserPrivacyRestrictedError):
            await request(anna, office.boris)
        peer = await anna.peer(office.boris)
        full = await anna.client(functions.users.GetFullUserRequest(peer))
        assert full.full_user.phone_calls_private


async def test_an_incompatible_protocol_arrives_as_telethons_406(office: Office) -> None:
    """core.telegram.org/api/errors, 406; Telethon knows no class for it and raises that of the code."""
    old = types.PhoneCallProtocol(65, 92, ["2.4.4"], udp_p2p=True)
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        log = CallLog(boris)
        await request(anna, office.boris)
        ring = await log.wait_for(types.PhoneCallRequested)
        with pytest.raises(errors.AuthKeyError, match="CALL_PROTOCOL_COMPAT_LAYER_INVALID"):
            await accept(boris, ring, protocol=old)


async def test_relays_and_a_closed_direct_way_are_told_to_both(office: Office) -> None:
    office.world.calls.relays.append(Relay("192.0.2.9", 3478, "user", "secret"))
    office.boris.phone_p2p_privacy = PrivacyRule(Audience.NOBODY)
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        log = CallLog(boris)
        waiting = await request(anna, office.boris)
        await accept(boris, await log.wait_for(types.PhoneCallRequested))
        mine = await confirm(anna, waiting)
        theirs = await log.wait_for(types.PhoneCall)
        for seen in (mine, theirs):
            assert not seen.p2p_allowed
            (relay,) = seen.connections
            assert (relay.ip, relay.username, relay.turn) == ("192.0.2.9", "user", True)


async def test_a_migration_to_a_conference_keeps_its_slug(office: Office) -> None:
    async with office.at_device(office.anna) as anna, office.at_device(office.boris) as boris:
        log = CallLog(boris)
        waiting = await request(anna, office.boris)
        reason = types.PhoneCallDiscardReasonMigrateConferenceCall("slug")
        await anna.client(functions.phone.DiscardCallRequest(name_of(waiting), 0, reason, 0))
        over = await log.wait_for(types.PhoneCallDiscarded)
        assert over.reason.slug == "slug"
