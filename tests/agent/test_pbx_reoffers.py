"""Re-INVITEs of the PBX: hold, late offers, and what cannot be followed."""

from dataclasses import replace

from linegram.link import commands, events
from linegram.media.control import Direction as MediaDirection
from linegram.outcomes import EndReason
from linegram.sip.audio_stream import G722, OPUS, PCMA, PCMU, CodecOffer
from linegram.sip.events import CallHandle, ReofferAnswered, ReofferRefused
from linegram.sip.offer_answer import make_offer
from linegram.sip.sdp import Direction, Sdp
from linegram.units import LegId
from tests.agent.sip_office import LEG, THEIRS, SipOffice, sip_office


def description(*codecs: CodecOffer, direction: Direction = Direction.SENDRECV, port: int = 30_000) -> bytes:
    """What the PBX offers."""
    return bytes(make_offer(replace(THEIRS, codecs=codecs or (PCMA,), direction=direction, port=port)))


def reoffer(office: SipOffice, handle: CallHandle, sdp: bytes) -> None:
    office.at_pbx(lambda endpoint, now: endpoint.reoffer(handle, sdp, now))


async def test_a_pbx_puts_us_on_hold_and_takes_us_back() -> None:
    async with sip_office() as office:
        handle = await office.talking()
        reoffer(office, handle, description(direction=Direction.SENDONLY))
        answer = Sdp.parse((await office.pbx.wait_for(ReofferAnswered)).sdp)
        assert answer.direction_of(answer.media[0]) is Direction.RECVONLY
        assert office.audio.agreements[LEG][-1].direction is MediaDirection.RECEIVE
        office.pbx.events.clear()
        reoffer(office, handle, description())
        await office.pbx.wait_for(ReofferAnswered)
        assert office.audio.agreements[LEG][-1].direction is MediaDirection.BOTH


async def test_a_pbx_moves_its_audio_and_changes_the_codec() -> None:
    async with sip_office("alaw", "mulaw") as office:
        handle, leg_id = await office.talking_to_caller()
        reoffer(office, handle, description(PCMU, port=31_000))
        await office.pbx.wait_for(ReofferAnswered)
        newest = office.audio.agreements[leg_id][-1]
        assert (newest.codec, newest.port, newest.is_early) == ("PCMU", 31_000, False)


async def test_an_offer_without_a_codec_of_ours_is_declined_and_the_call_goes_on() -> None:
    async with sip_office() as office:
        handle = await office.talking()
        reoffer(office, handle, description(G722))
        assert (await office.pbx.wait_for(ReofferRefused)).status == 488
        reoffer(office, handle, b"v=nonsense")
        await office.pbx.wait_for(ReofferRefused)
        assert len(office.audio.agreements[LEG]) == 1
        office.do(commands.EndPbx(LEG))
        await office.ended(EndReason.COMPLETED)


async def test_a_pbx_that_asks_for_an_offer_gets_all_our_codecs_under_their_old_numbers() -> None:
    async with sip_office("opus", "alaw") as office:
        handle = await office.talking()
        reoffer(office, handle, b"")
        offered = Sdp.parse((await office.pbx.wait_for(ReofferAnswered)).sdp)
        assert [codec.name for codec in offered.media[0].rtp_maps][:2] == ["opus", "PCMA"]


async def test_a_number_that_the_peer_gave_a_meaning_gets_no_other_in_our_next_offer() -> None:
    async with sip_office("opus", "alaw") as office:
        theirs = replace(
            THEIRS, codecs=(replace(PCMA, payload_type=8), CodecOffer("iLBC", 8000, payload_type=107))
        )
        handle = office.call_line(bytes(make_offer(theirs)))
        arrived = await office.report(events.PbxCallArrived)
        office.do(commands.AnswerPbx(arrived.leg_id))
        await office.report(events.PbxAnswered)
        reoffer(office, handle, b"")
        offered = Sdp.parse((await office.pbx.wait_for(ReofferAnswered)).sdp)
        numbers = {codec.name: codec.payload_type for codec in offered.media[0].rtp_maps}
        assert OPUS.payload_type == 107
        assert numbers["opus"] != 107
        assert numbers["PCMA"] == 8


async def test_a_number_of_the_peers_answer_keeps_its_meaning_too() -> None:
    async with sip_office("opus", "alaw") as office:
        invite = await office.dialled()
        office.answer(invite, replace(PCMA, payload_type=8))
        await office.report(events.PbxAnswered)
        leg = office.pbx_legs._legs[LegId(LEG)]
        assert leg.their_sdp is not None
        assert [codec.payload_type for codec in leg.their_sdp.media[0].rtp_maps] == [8]
