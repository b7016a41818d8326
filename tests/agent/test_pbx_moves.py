"""What happens to a leg in the middle of its call: hold, transfers of ours, new parties of the PBX's."""

from dataclasses import replace

import pytest

from linegram.link import commands, events
from linegram.media.control import Direction as MediaDirection
from linegram.outcomes import EndReason
from linegram.sip.endpoint import SipEndpoint
from linegram.sip.events import (
    CallAnswered,
    CallEnded,
    CallHandle,
    InviteReceived,
    ReferEnded,
    ReferReceived,
    ReofferReceived,
)
from linegram.sip.invite_server import InviteServer
from linegram.sip.message import Response
from linegram.sip.offer_answer import answer, make_offer
from linegram.sip.replaces import Replaces
from linegram.sip.sdp import Direction, Sdp
from linegram.sip.uri import SipUri
from tests.agent.sip_office import CALL, LEG, LINE, THEIRS, SipOffice, sip_office

OTHER = type(LEG)("other")


def at_ours(office: SipOffice) -> str:
    host, port = office.ours.address
    return f"sip:100@{host}:{port}"


async def agree(office: SipOffice, direction: Direction = Direction.SENDRECV) -> Sdp:
    """Let the PBX answer our re-INVITE; returns our offer."""
    offered = await office.pbx.wait_for(ReofferReceived)
    theirs = answer(Sdp.parse(offered.sdp), replace(THEIRS, direction=direction)).sdp
    office.pbx.events.remove(offered)
    office.at_pbx(lambda endpoint, now: endpoint.answer_reoffer(offered.handle, bytes(theirs), now))
    return Sdp.parse(offered.sdp)


async def test_the_far_party_is_held_and_taken_back() -> None:
    async with sip_office() as office:
        await office.talking()
        office.do(commands.HoldPbx(LEG))
        offer = await agree(office)
        assert offer.direction_of(offer.media[0]) is Direction.SENDONLY
        held = await office.report(events.PbxHoldChanged)
        assert held == events.PbxHoldChanged(LEG, is_held_by_us=True, is_held_by_far=False)
        assert office.audio.agreements[LEG][-1].direction is MediaDirection.SEND
        office.reports.clear()
        office.do(commands.HoldPbx(LEG, is_held=False))
        await agree(office)
        back = await office.report(events.PbxHoldChanged)
        assert not back.is_held_by_us
        assert office.audio.agreements[LEG][-1].direction is MediaDirection.BOTH


async def test_a_hold_that_the_pbx_refuses_is_told_and_the_talk_goes_on() -> None:
    async with sip_office() as office:
        await office.talking()
        office.do(commands.HoldPbx(LEG))
        offered = await office.pbx.wait_for(ReofferReceived)
        office.at_pbx(lambda endpoint, now: endpoint.reject_reoffer(offered.handle, 488, now=now))
        assert not (await office.report(events.PbxHoldChanged)).is_held_by_us
        assert len(office.audio.agreements[LEG]) == 1
        office.pbx.events.clear()
        office.do(commands.HoldPbx(LEG))
        assert await agree(office), "another try is another chance"


async def test_hold_and_back_in_one_breath_end_where_they_were_meant_to() -> None:
    async with sip_office() as office:
        await office.talking()
        office.do(commands.HoldPbx(LEG), commands.HoldPbx(LEG, is_held=False))
        await agree(office)
        await agree(office)
        await office.until(
            lambda: [held.is_held_by_us for held in office.of(events.PbxHoldChanged)][-2:] == [True, False]
        )


async def test_the_far_side_holds_and_we_are_told_once() -> None:
    async with sip_office() as office:
        handle = await office.talking()
        sdp = bytes(make_offer(replace(THEIRS, direction=Direction.SENDONLY)))
        office.at_pbx(lambda endpoint, now: endpoint.reoffer(handle, sdp, now))
        held = await office.report(events.PbxHoldChanged)
        assert (held.is_held_by_us, held.is_held_by_far) == (False, True)
        assert len(office.of(events.PbxHoldChanged)) == 1


async def test_a_party_is_sent_to_a_number_and_the_pbx_hangs_up_on_us() -> None:
    async with sip_office() as office:
        handle = await office.talking()
        office.do(commands.TransferPbxCall(LEG, "200"))
        asked = await office.pbx.wait_for(ReferReceived)
        assert asked.target.user == "200"
        office.at_pbx(lambda endpoint, now: endpoint.accept_refer(handle, now))
        await office.report(events.PbxCallTransferProgressed)
        office.at_pbx(lambda endpoint, now: endpoint.hang_up(handle, now))
        await office.ended(EndReason.COMPLETED)
        assert office.of(events.PbxCallTransferEnded) == [events.PbxCallTransferEnded(LEG, True, True)]


async def test_a_transfer_that_fails_leaves_the_talk_as_it_was() -> None:
    async with sip_office() as office:
        handle = await office.talking()
        office.do(commands.TransferPbxCall(LEG, "200"))
        await office.pbx.wait_for(ReferReceived)
        office.at_pbx(lambda endpoint, now: endpoint.accept_refer(handle, now))
        office.at_pbx(lambda endpoint, now: endpoint.report_refer(handle, 486, now=now))
        outcome = await office.report(events.PbxCallTransferEnded)
        assert outcome == events.PbxCallTransferEnded(LEG, False, True, 486, "Busy Here")
        assert not office.of(events.PbxEnded)


async def test_a_pbx_that_transfers_nobody_says_so_at_once() -> None:
    async with sip_office() as office:
        handle = await office.talking()
        office.do(commands.TransferPbxCall(LEG, "200"), commands.TransferPbxCall(LEG, "201"))
        assert (await office.report(events.PbxCallTransferEnded)).status == 491
        office.reports.clear()
        await office.pbx.wait_for(ReferReceived)
        office.at_pbx(lambda endpoint, now: endpoint.reject_refer(handle, 405, now=now))
        outcome = await office.report(events.PbxCallTransferEnded)
        assert (outcome.is_done, outcome.is_taken, outcome.status) == (False, False, 405)


async def test_what_cannot_be_dialled_is_not_transferred_to() -> None:
    async with sip_office() as office:
        await office.talking()
        office.do(commands.TransferPbxCall(LEG, "two words@@"))
        assert not (await office.report(events.PbxCallTransferEnded)).is_taken


async def test_two_parties_are_joined() -> None:
    async with sip_office() as office:
        first = await office.talking()
        office.pbx.events.clear()
        office.do(commands.DialPbx(CALL, OTHER, LINE, "4712"))
        invite = await office.pbx.wait_for(InviteReceived)
        office.answer(invite)
        await office.until(lambda: any(one.leg_id == OTHER for one in office.of(events.PbxAnswered)))
        office.do(commands.JoinPbx(LEG, OTHER))
        asked = await office.pbx.wait_for(ReferReceived)
        exported = office.pbx.transport.endpoint.export_dialog(invite.handle)
        assert exported is not None
        assert asked.handle == first
        assert Replaces.parse(asked.replaces).sip_call_id == exported["sip_call_id"]


async def test_a_call_that_replaces_the_legs_goes_on_in_its_place() -> None:
    async with sip_office() as office:
        handle = await office.talking()
        (ours,) = office.ours.endpoint._calls.dialogs
        replaces = f"{ours.sip_call_id};to-tag={ours.local_tag};from-tag={ours.remote_tag}"
        office.pbx.events.clear()
        fresh = office.pbx.transport.perform(
            lambda endpoint, now: endpoint.invite(
                LINE,
                SipUri.parse(at_ours(office)),
                sdp=bytes(make_offer(replace(THEIRS, port=31_000))),
                now=now,
                headers=(("Replaces", replaces),),
            )
        )
        answered = await office.pbx.wait_for(CallAnswered)
        assert answered.handle == fresh
        ended = await office.pbx.wait_for(CallEnded)
        assert ended.handle == handle
        assert (await office.report(events.PbxPartyChanged)).leg_id == LEG
        assert office.audio.agreements[LEG][-1].port == 31_000
        assert len(office.of(events.PbxAnswered)) == 1
        assert not office.of(events.PbxEnded)
        office.at_pbx(lambda endpoint, now: endpoint.hang_up(fresh, now))
        await office.ended(EndReason.COMPLETED)


async def sent_elsewhere(office: SipOffice) -> tuple[CallHandle, InviteReceived]:
    """Let the PBX send us to another number, and wait until we call that."""
    handle = await office.talking()
    office.pbx.events.clear()
    host, port = office.pbx.transport.address
    target = SipUri.parse(f"sip:4712@{host}:{port}")
    office.at_pbx(lambda endpoint, now: endpoint.refer(handle, target, now))
    return handle, await office.pbx.wait_for(InviteReceived)


async def test_we_go_where_the_pbx_sends_us_and_leave_when_somebody_is_there() -> None:
    async with sip_office() as office:
        handle, invite = await sent_elsewhere(office)
        assert not office.of(events.PbxPartyChanged)
        sdp = bytes(answer(Sdp.parse(invite.sdp), replace(THEIRS, port=32_000)).sdp)
        office.at_pbx(lambda endpoint, now: endpoint.answer(invite.handle, sdp, now))
        changed = await office.report(events.PbxPartyChanged)
        assert (changed.leg_id, changed.number) == (LEG, "4712")
        assert office.audio.agreements[LEG][-1].port == 32_000
        done = await office.pbx.wait_for(ReferEnded)
        assert (done.handle, done.status) == (handle, 200)
        assert (await office.pbx.wait_for(CallEnded)).handle == handle
        office.at_pbx(lambda endpoint, now: endpoint.hang_up(invite.handle, now))
        await office.ended(EndReason.COMPLETED)


async def test_where_nobody_answers_we_stay_with_whom_we_have() -> None:
    async with sip_office() as office:
        handle, invite = await sent_elsewhere(office)
        office.at_pbx(lambda endpoint, now: endpoint.reject(invite.handle, 486, now=now))
        assert (await office.pbx.wait_for(ReferEnded)).status == 486
        assert not office.of(events.PbxEnded)
        office.at_pbx(lambda endpoint, now: endpoint.hang_up(handle, now))
        await office.ended(EndReason.COMPLETED)


async def test_an_end_while_we_go_elsewhere_leaves_nothing() -> None:
    async with sip_office() as office:
        handle, invite = await sent_elsewhere(office)
        office.do(commands.EndPbx(LEG))
        await office.ended(EndReason.COMPLETED)
        gone: set[CallHandle] = set()
        while gone != {handle, invite.handle}:
            event = await office.pbx.next_event()
            if isinstance(event, CallEnded):
                gone.add(event.handle)


async def invited(office: SipOffice, number: int) -> InviteReceived:
    """Wait for the PBX's so many-th call from us."""
    found: list[InviteReceived] = []
    while len(found) < number:
        found = [event for event in office.pbx.events if isinstance(event, InviteReceived)]
        if len(found) < number:
            await office.pbx.next_event()
    return found[number - 1]


def redirect(office: SipOffice, invite: InviteReceived, *contacts: str) -> None:
    """Let the PBX answer 302: our endpoint plays it, so the Contact headers are put in by hand."""

    def refuse(endpoint: SipEndpoint, now: float) -> None:
        server = endpoint._calls.find(invite.handle)
        assert isinstance(server, InviteServer)
        make = server._make_response

        def with_contacts(status: int, reason: str | None = None) -> Response:
            response = make(status, reason)
            for contact in contacts:
                response.headers.add("Contact", contact)
            return response

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(InviteServer, "_make_response", lambda _self, *given: with_contacts(*given))
            endpoint.reject(invite.handle, 302, now=now)

    office.at_pbx(refuse)


async def test_a_redirection_is_followed_best_first_and_once() -> None:
    async with sip_office() as office:
        first = await office.dialled("4711")
        host, port = office.pbx.transport.address
        redirect(office, first, f"<sip:4712@{host}:{port}>;q=0.2", f"<sip:anna@{host}:{port}>", "<broken")
        second = await invited(office, 2)
        assert second.called.uri.user == "anna"
        redirect(office, second, f"<sip:anna@{host}:{port}>")
        third = await invited(office, 3)
        assert third.called.uri.user == "4712"
        office.answer(third)
        await office.report(events.PbxAnswered)
        assert not office.of(events.PbxEnded)


async def test_where_nobody_of_a_redirection_answers_the_last_word_counts() -> None:
    async with sip_office() as office:
        first = await office.dialled("4711")
        host, port = office.pbx.transport.address
        redirect(office, first, f"<sip:anna@{host}:{port}>")
        second = await invited(office, 2)
        office.at_pbx(lambda endpoint, now: endpoint.reject(second.handle, 486, now=now))
        assert (await office.ended(EndReason.BUSY)).status == 486
