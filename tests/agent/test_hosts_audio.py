"""People hear each other: RTP to voice leg to voice leg to RTP, with the real library."""

import pytest

from linegram.link.commands import Tone
from linegram.link.events import CallMeasured, DigitReceived
from linegram.media.control import Direction
from tests.agent.rtp_phone import RtpPhone, until
from tests.agent.two_offices import Office, call, join_voice, pbx_leg, two_offices

pytestmark = pytest.mark.slow

OUR_HZ, FAR_HZ = 440, 700


async def connected_phones(offices: tuple[Office, Office], codec: str) -> tuple[RtpPhone, RtpPhone]:
    """Bridge call 1 in both offices: ours with `codec`, the far one with G.711."""
    ours, far = offices
    our_phone = await ours.open_phone(1, codec, OUR_HZ)
    far_phone = await far.open_phone(1, "PCMA", FAR_HZ)
    for office, phone in ((ours, our_phone), (far, far_phone)):
        office.pool.connect_pbx_leg(pbx_leg(1), phone.description())
    await join_voice(offices, 1)
    for office in offices:
        office.pool.connect_audio(call(1))
    return our_phone, far_phone


@pytest.mark.parametrize("codec", ["PCMA", "PCMU", "G722", "opus"])
async def test_a_tone_is_heard_in_both_directions(codec: str) -> None:
    async with two_offices() as offices:
        our_phone, far_phone = await connected_phones(offices, codec)
        assert await our_phone.hears(FAR_HZ)
        assert await far_phone.hears(OUR_HZ)
        for office in offices:
            office.pool.end_call(call(1))
            assert await office.saw(CallMeasured)
        measured = offices[0].of(CallMeasured)[0]
        assert measured.codec == codec
        assert measured.packets_received > 25
        assert measured.packets_lost == 0
        for phone in (our_phone, far_phone):
            await phone.close()


async def test_a_voice_leg_that_opened_before_the_codec_was_known_is_resampled() -> None:
    async with two_offices() as (ours, far):
        await join_voice((ours, far), 1)
        our_phone = await ours.open_phone(1, "PCMU", OUR_HZ)
        ours.pool.connect_pbx_leg(pbx_leg(1), our_phone.description())
        far_phone = await far.open_phone(1, "G722", FAR_HZ)
        far.pool.connect_pbx_leg(pbx_leg(1), far_phone.description())
        for office in (ours, far):
            office.pool.connect_audio(call(1))
        assert await our_phone.hears(FAR_HZ)
        assert await far_phone.hears(OUR_HZ)
        for phone in (our_phone, far_phone):
            await phone.close()


async def test_the_employee_hears_ring_back_then_early_media_then_the_answer() -> None:
    async with two_offices() as (ours, far):
        await join_voice((ours, far), 1)
        employee = await far.open_phone(1, "PCMA", FAR_HZ)
        far.pool.connect_pbx_leg(pbx_leg(1), employee.description())
        far.pool.connect_audio(call(1))
        ours.pool.play_tone(call(1), Tone.RING_BACK)
        assert await employee.hears(425)
        announcement = await ours.open_phone(1, "PCMA", OUR_HZ)
        ours.pool.connect_pbx_leg(pbx_leg(1), announcement.description(is_early=True))
        ours.pool.connect_audio(call(1))
        assert await employee.hears(OUR_HZ)
        answerer = RtpPhone("PCMU", 1000)
        answerer.to = announcement.to
        await announcement.close()
        ours.pool.connect_pbx_leg(pbx_leg(1), answerer.description())
        assert await employee.hears(1000)
        assert await answerer.hears(FAR_HZ)
        for phone in (employee, answerer):
            await phone.close()


async def test_keys_are_passed_in_both_directions() -> None:
    async with two_offices() as offices:
        our_phone, far_phone = await connected_phones(offices, "PCMA")
        our_phone.press("7")
        assert await offices[0].saw(DigitReceived)
        assert offices[0].of(DigitReceived) == [DigitReceived(pbx_leg(1), "7")]
        offices[0].pool.press_digits(pbx_leg(1), "42#")
        assert await until(lambda: len(our_phone.digits) == 3, 10)
        assert our_phone.digits == ["4", "2", "#"]
        for phone in (our_phone, far_phone):
            await phone.close()


async def test_on_hold_nothing_is_sent_and_after_it_both_hear_each_other_again() -> None:
    async with two_offices() as offices:
        our_phone, far_phone = await connected_phones(offices, "PCMA")
        assert await our_phone.hears(FAR_HZ)
        offices[0].pool.connect_pbx_leg(pbx_leg(1), our_phone.description(direction=Direction.NEITHER))
        assert await until(lambda: our_phone.quiet_ticks >= 15, 10)
        offices[0].pool.connect_pbx_leg(pbx_leg(1), our_phone.description())
        assert await our_phone.hears(FAR_HZ)
        assert await far_phone.hears(OUR_HZ)
        for phone in (our_phone, far_phone):
            await phone.close()


async def test_a_phone_behind_nat_is_answered_where_it_really_is() -> None:
    async with two_offices() as (ours, far):
        our_phone = await ours.open_phone(1, "PCMA", OUR_HZ)
        ours.pool.connect_pbx_leg(pbx_leg(1), our_phone.description(port=9, rtcp_port=10))
        far_phone = await far.open_phone(1, "PCMA", FAR_HZ)
        far.pool.connect_pbx_leg(pbx_leg(1), far_phone.description(ip="127.0.0.9"))
        await join_voice((ours, far), 1)
        for office in (ours, far):
            office.pool.connect_audio(call(1))
        assert await our_phone.hears(FAR_HZ)
        assert await far_phone.hears(OUR_HZ)
        for phone in (our_phone, far_phone):
            await phone.close()


async def test_twenty_calls_come_and_go() -> None:
    async with two_offices() as offices:
        for number in range(20):
            await join_voice(offices, number)
            for office in offices:
                office.pool.connect_audio(call(number))
                office.pool.end_call(call(number))
        for office in offices:
            assert await office.saw(CallMeasured, count=20)
            assert office.pool.call_count == 0
