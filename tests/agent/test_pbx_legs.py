"""PBX legs over a real SIP endpoint: each is reported as it goes, and ends exactly once."""

from collections.abc import Awaitable, Callable

import pytest

from linegram.link import commands, events
from linegram.link.accounts import SipAccountSettings
from linegram.outcomes import EndReason
from linegram.sip.events import CallAnswered, CallEnded, EndCause, InviteReceived, ProgressReceived
from linegram.sip.offer_answer import make_offer
from linegram.sip.sdp import Direction
from linegram.units import AccountId, LegId
from tests.agent.sip_office import CALL, LEG, LINE, THEIRS, SipOffice, held, sip_office

# ---- dialling


async def test_a_dialled_call_rings_is_heard_early_answered_and_hung_up() -> None:
    async with sip_office() as office:
        invite = await office.dialled()
        assert invite.called.uri.user == "4711"
        office.at_pbx(lambda endpoint, now: endpoint.ring(invite.handle, now))
        await office.report(events.PbxRinging)
        sdp = held(bytes(make_offer(THEIRS)), Direction.SENDRECV)
        office.at_pbx(lambda endpoint, now: endpoint.progress(invite.handle, sdp, now))
        await office.report(events.EarlyMediaStarted)
        office.answer(invite)
        answered = await office.report(events.PbxAnswered)
        stored = await office.report(events.DialogStored)
        assert answered == events.PbxAnswered(LEG, "PCMA")
        assert (stored.leg_id, stored.account_id) == (LEG, LINE)
        assert [remote.is_early for remote in office.audio.agreements[LEG]] == [True, False]
        assert {remote.port for remote in office.audio.agreements[LEG]} == {30_000}
        office.do(commands.EndPbx(LEG))
        await office.ended(EndReason.COMPLETED)
        assert (await office.pbx.wait_for(CallEnded)).cause is EndCause.REMOTE_BYE


async def test_a_whole_address_is_dialled_as_it_is() -> None:
    async with sip_office() as office:
        invite = await office.dialled("anna@elsewhere.example")
        assert str(invite.called.uri) == "sip:anna@elsewhere.example"
        office.do(commands.EndPbx(LEG))
        await office.ended(EndReason.CANCELLED)


async def test_what_is_no_address_is_not_dialled() -> None:
    async with sip_office() as office:
        office.do(commands.DialPbx(CALL, LEG, LINE, "anna@"))
        await office.ended(EndReason.NUMBER_NOT_FOUND)


@pytest.mark.parametrize(
    ("status", "retry_after_s", "reason"),
    [
        (486, None, EndReason.BUSY),
        (404, None, EndReason.NUMBER_NOT_FOUND),
        (503, 30, EndReason.PBX_OVERLOADED),
    ],
)
async def test_a_refused_call_says_why(status: int, retry_after_s: int | None, reason: EndReason) -> None:
    async with sip_office() as office:
        invite = await office.dialled()
        office.at_pbx(
            lambda endpoint, now: endpoint.reject(
                invite.handle, status, "So It Is", retry_after_s=retry_after_s, now=now
            )
        )
        ended = await office.ended(reason)
        assert (ended.status, ended.text, ended.retry_after_s) == (status, "So It Is", retry_after_s)


async def test_an_answer_without_a_codec_of_ours_ends_the_call() -> None:
    async with sip_office() as office:
        invite = await office.dialled()
        sdp = bytes(make_offer(THEIRS)).replace(b"8 PCMA", b"96 iLBC").replace(b"AVP 8", b"AVP 96")
        office.at_pbx(lambda endpoint, now: endpoint.answer(invite.handle, sdp, now))
        await office.ended(EndReason.CODEC_MISMATCH)
        assert office.of(events.PbxAnswered) == []
        assert (await office.pbx.wait_for(CallEnded)).cause is EndCause.REMOTE_BYE


async def test_a_call_that_is_ended_before_its_port_is_open_is_never_placed() -> None:
    async with sip_office() as office:
        office.audio.hurdle.clear()
        office.do(commands.DialPbx(CALL, LEG, LINE, "4711"), commands.EndPbx(LEG))
        await office.ended(EndReason.CANCELLED)
        office.audio.hurdle.set()
        office.do(commands.DialPbx(CALL, LegId("other"), LINE, "4712"))
        assert (await office.pbx.wait_for(InviteReceived)).called.uri.user == "4712"
        assert office.audio.legs.keys() == {"other"}


async def test_a_ringing_call_is_cancelled() -> None:
    async with sip_office() as office:
        invite = await office.dialled()
        office.at_pbx(lambda endpoint, now: endpoint.ring(invite.handle, now))
        await office.report(events.PbxRinging)
        office.do(commands.EndPbx(LEG), commands.EndPbx(LEG))
        await office.ended(EndReason.CANCELLED)
        assert (await office.pbx.wait_for(CallEnded)).cause is EndCause.REMOTE_CANCEL


async def test_a_call_ends_when_the_peer_hangs_up() -> None:
    async with sip_office() as office:
        handle = await office.talking()
        office.at_pbx(lambda endpoint, now: endpoint.hang_up(handle, now))
        await office.ended(EndReason.COMPLETED)


async def test_an_account_that_is_not_there_dials_nothing() -> None:
    async with sip_office() as office:
        office.do(commands.DialPbx(CALL, LEG, AccountId(99), "4711"))
        await office.ended(EndReason.NO_LINE)


async def test_a_server_that_has_no_address_yet_ends_the_call_at_once() -> None:
    async with sip_office() as office:
        other = AccountId(2)
        line = SipAccountSettings(account_id=other, username="1", password="pw", server="pbx.invalid")
        office.do(commands.PutAccount(line), commands.DialPbx(CALL, LEG, other, "4711"))
        await office.ended(EndReason.PBX_UNREACHABLE)


async def test_repeated_commands_are_harmless() -> None:
    async with sip_office() as office:
        dial = commands.DialPbx(CALL, LEG, LINE, "4711")
        office.do(dial, dial)
        invite = await office.pbx.wait_for(InviteReceived)
        office.do(dial, commands.RingPbx(LEG), commands.AnswerPbx(LEG))
        office.answer(invite)
        await office.report(events.PbxAnswered)
        office.do(dial, commands.EndPbx(LEG), commands.EndPbx(LEG), commands.EndPbx(LegId("never was")))
        await office.ended(EndReason.COMPLETED)
        assert len([one for one in office.pbx.events if isinstance(one, InviteReceived)]) == 1


# ---- being called


async def test_an_incoming_call_is_reported_rung_and_answered() -> None:
    async with sip_office() as office:
        _, arrived = await office.called()
        assert (arrived.account_id, arrived.caller_number) == (LINE, "4711")
        office.do(commands.RingPbx(arrived.leg_id))
        assert (await office.pbx.wait_for(ProgressReceived)).status == 180
        office.do(commands.AnswerPbx(arrived.leg_id))
        answered = await office.report(events.PbxAnswered)
        assert answered == events.PbxAnswered(arrived.leg_id, "PCMA")
        (remote,) = office.audio.agreements[arrived.leg_id]
        assert (remote.port, remote.is_early) == (30_000, False)
        assert {stored.leg_id for stored in office.of(events.DialogStored)} == {arrived.leg_id}


async def test_ring_and_answer_in_one_breath_open_one_port_and_answer_once() -> None:
    async with sip_office() as office:
        _, arrived = await office.called()
        office.audio.hurdle.clear()
        ring, accept = commands.RingPbx(arrived.leg_id), commands.AnswerPbx(arrived.leg_id)
        office.do(ring, accept, ring, accept)
        office.audio.hurdle.set()
        await office.report(events.PbxAnswered)
        office.do(ring, accept)
        assert len(office.audio.agreements[arrived.leg_id]) == 1
        office.do(commands.EndPbx(arrived.leg_id))
        await office.ended(EndReason.COMPLETED, arrived.leg_id)


async def test_a_caller_without_an_offer_gets_ours_and_must_answer_it() -> None:
    async with sip_office() as office:
        _, arrived = await office.called(b"")
        office.do(commands.AnswerPbx(arrived.leg_id))
        offered = await office.pbx.wait_for(CallAnswered)
        assert b"PCMA" in offered.sdp
        await office.ended(EndReason.CODEC_MISMATCH, arrived.leg_id)


async def test_a_caller_without_a_codec_of_ours_is_refused_at_once() -> None:
    async with sip_office("g722") as office:
        _, arrived = await office.called()
        await office.ended(EndReason.CODEC_MISMATCH, arrived.leg_id)
        refused = await office.pbx.wait_for(CallEnded)
        assert (refused.cause, refused.status) == (EndCause.REMOTE_REJECT, 488)


async def test_an_offer_that_cannot_be_read_is_refused_and_nobody_hears_of_it() -> None:
    async with sip_office() as office:
        office.call_line(b"v=nonsense")
        assert (await office.pbx.wait_for(CallEnded)).status == 488
        assert office.of(events.PbxCallArrived) == []


@pytest.mark.parametrize(("status", "retry_after_s"), [(486, None), (603, None), (503, 30)])
async def test_a_refusal_goes_to_the_caller_as_the_hub_said(status: int, retry_after_s: int | None) -> None:
    async with sip_office() as office:
        _, arrived = await office.called()
        office.do(commands.EndPbx(arrived.leg_id, status, "Reason", retry_after_s))
        await office.ended(EndReason.COMPLETED, arrived.leg_id)
        refused = await office.pbx.wait_for(CallEnded)
        assert (refused.status, refused.reason, refused.retry_after_s) == (status, "Reason", retry_after_s)


async def test_a_caller_who_gives_up_is_reported() -> None:
    async with sip_office() as office:
        handle, arrived = await office.called()
        office.do(commands.RingPbx(arrived.leg_id))
        await office.pbx.wait_for(ProgressReceived)
        office.at_pbx(lambda endpoint, now: endpoint.hang_up(handle, now))
        await office.ended(EndReason.CANCELLED, arrived.leg_id)


# ---- audio that fails


async def test_no_room_for_a_dialled_call_ends_it_before_the_pbx_knows() -> None:
    async with sip_office() as office:
        office.audio.refusal = "All media hosts are full."
        office.do(commands.DialPbx(CALL, LEG, LINE, "4711"))
        await office.ended(EndReason.NO_CAPACITY)
        assert not [one for one in office.pbx.events if isinstance(one, InviteReceived)]


async def test_no_room_for_an_incoming_call_refuses_it() -> None:
    async with sip_office() as office:
        office.audio.refusal = "All media hosts are full."
        _, arrived = await office.called()
        office.do(commands.RingPbx(arrived.leg_id))
        await office.ended(EndReason.NO_CAPACITY, arrived.leg_id)
        assert (await office.pbx.wait_for(CallEnded)).status == 503


Stage = Callable[[SipOffice], Awaitable[LegId]]


async def preparing(office: SipOffice) -> LegId:
    office.audio.hurdle.clear()
    office.do(commands.DialPbx(CALL, LEG, LINE, "4711"))
    return LEG


async def dialled(office: SipOffice) -> LegId:
    await office.dialled()
    return LEG


async def talking(office: SipOffice) -> LegId:
    await office.talking()
    return LEG


async def arrived(office: SipOffice) -> LegId:
    return (await office.called())[1].leg_id


async def answered(office: SipOffice) -> LegId:
    return (await office.talking_to_caller())[1]


@pytest.mark.parametrize("stage", [preparing, dialled, talking, arrived, answered])
async def test_a_host_that_dies_ends_its_legs_once_in_every_stage(stage: Stage) -> None:
    async with sip_office() as office:
        leg_id = await stage(office)
        (call_id,) = {leg.call_id for leg in office.pbx_legs._legs.values()}
        office.audio.die(call_id)
        await office.ended(EndReason.MEDIA_HOST_DIED, leg_id)
        office.do(commands.EndPbx(leg_id), commands.EndCall(call_id))
        assert len(office.of(events.PbxEnded)) == 1


@pytest.mark.parametrize("stage", [talking, answered])
async def test_a_pbx_that_sends_no_audio_is_hung_up(stage: Stage) -> None:
    async with sip_office() as office:
        leg_id = await stage(office)
        office.audio.fall_silent(leg_id)
        await office.ended(EndReason.NO_MEDIA, leg_id)
        assert (await office.pbx.wait_for(CallEnded)).cause is EndCause.REMOTE_BYE


async def test_audio_that_fails_while_the_call_ends_changes_no_reason() -> None:
    async with sip_office() as office:
        await office.dialled()
        office.do(commands.EndPbx(LEG))
        office.audio.die(CALL)
        await office.ended(EndReason.CANCELLED)
