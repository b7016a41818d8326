"""Calls of a real Asterisk to an employee, and every way in which they do not come about."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from linegram.errors import UnavailableError
from linegram.outcomes import EndReason
from linegram.sandbox.mtproto.asker import CallTimeouts
from linegram.sandbox.world.people import Audience, PrivacyRule
from tests.integration.line import Line, running_line
from tests.peers.asterisk import Asterisk

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

PBX_HZ = 700
BUSY, NO_ANSWER, REJECTED = "17", "19", "21"
"""Q.850 causes, as Asterisk reports what SIP status it got."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    async with running_line(asterisk22, tmp_path_factory.mktemp("incoming"), number="1002") as running:
        yield running


async def assert_missed(line: Line, reason: EndReason, sentence: str, after: int) -> None:
    card = await line.card("Missed call", after=after)
    assert sentence in card.message
    await line.wait_for_silence()
    assert (await line.last_record()).end_reason is reason


async def test_the_pbx_hangs_up_and_the_card_says_how_long_it_was(line: Line) -> None:
    mark = line.anna.mark()
    channel = await line.pbx.call_and_play(line.number, PBX_HZ, caller="4711")
    ringing = await line.phone.wait_for_ring()
    await ringing.answer()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.pbx.hang_up(channel)
    assert await ringing.wait_until_over() == "hangup"
    assert "lasted 0:0" in (await line.card("Call ended", after=mark)).message
    await line.wait_for_silence()
    assert (await line.last_record()).end_reason is EndReason.COMPLETED


async def test_the_caller_gives_up_and_the_phone_stops_ringing(line: Line) -> None:
    mark = line.anna.mark()
    channel = await line.pbx.call_and_play(line.number, PBX_HZ, caller="4712")
    ringing = await line.phone.wait_for_ring()
    await line.pbx.hang_up(channel)
    assert await ringing.wait_until_over() == "missed"
    await assert_missed(line, EndReason.CANCELLED, "4712", mark)


async def test_the_employee_declines_and_the_pbx_is_told(line: Line) -> None:
    mark = line.anna.mark()
    async with line.pbx.ami() as ami:
        channel = await line.pbx.call_and_play(line.number, PBX_HZ)
        await (await line.phone.wait_for_ring()).decline()
        ended = await ami.wait_for("Hangup", Uniqueid=channel)
    assert ended["Cause"] == REJECTED
    await assert_missed(line, EndReason.DECLINED, "Declined.", mark)


async def test_the_hang_up_button_of_the_card_declines_too(line: Line) -> None:
    mark = line.anna.mark()
    await line.pbx.call_and_play(line.number, PBX_HZ)
    ringing = await line.phone.wait_for_ring()
    await line.anna.press(await line.card("Incoming call", after=mark), "Hang up")
    await ringing.wait_until_over()
    await assert_missed(line, EndReason.CANCELLED, "Missed call", mark)


async def test_a_second_call_of_a_busy_employee_is_busy(line: Line) -> None:
    first = await line.pbx.call_and_play(line.number, PBX_HZ)
    ringing = await line.phone.wait_for_ring()
    await ringing.answer()
    async with line.pbx.ami() as ami:
        second = await line.pbx.call_and_play(line.number, PBX_HZ)
        ended = await ami.wait_for("Hangup", Uniqueid=second)
    assert ended["Cause"] == BUSY
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.pbx.hang_up(first)
    await ringing.wait_until_over()
    await line.wait_for_silence()


async def test_privacy_that_blocks_the_call_is_explained(line: Line) -> None:
    mark = line.anna.mark()
    line.anna.person.phone_call_privacy = PrivacyRule(Audience.NOBODY)
    async with line.pbx.ami() as ami:
        channel = await line.pbx.call_and_play(line.number, PBX_HZ)
        ended = await ami.wait_for("Hangup", Uniqueid=channel)
    line.anna.person.phone_call_privacy = PrivacyRule()
    assert ended["Cause"] == REJECTED
    await assert_missed(line, EndReason.PRIVACY_BLOCKED, "Privacy and Security", mark)


async def test_without_the_bot_the_card_is_plain_text(line: Line) -> None:
    mark = line.anna.mark()
    line.office.bot_api.faults.silence("answerinlinequery")
    channel = await line.pbx.call_and_play(line.number, PBX_HZ, caller="4713")
    ringing = await line.phone.wait_for_ring()
    card = await line.card("4713", after=mark)
    assert card.via_bot_id is None
    await line.pbx.hang_up(channel)
    await ringing.wait_until_over()
    await assert_missed(line, EndReason.CANCELLED, "4713", mark)


async def test_nobody_answers_in_telegrams_ring_time(
    asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("unanswered")
    async with (
        running_line(asterisk22, folder, number="1005", timeouts=CallTimeouts(ring_ms=2000)) as line,
        line.pbx.ami() as ami,
    ):
        channel = await line.pbx.call_and_play(line.number, PBX_HZ)
        ringing = await line.phone.wait_for_ring()
        ended = await ami.wait_for("Hangup", Uniqueid=channel)
        await ringing.wait_until_over()
        assert ended["Cause"] == NO_ANSWER
        await assert_missed(line, EndReason.NO_ANSWER, "No answer.", 0)


async def test_no_device_of_the_employee_is_online(
    asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("offline")
    async with (
        running_line(asterisk22, folder, number="1006", timeouts=CallTimeouts(receive_ms=2000)) as line,
        line.pbx.ami() as ami,
    ):
        line.phone.is_reporting_rings = False
        channel = await line.pbx.call_and_play(line.number, PBX_HZ)
        ended = await ami.wait_for("Hangup", Uniqueid=channel)
        assert ended["Cause"] == NO_ANSWER
        await assert_missed(line, EndReason.EMPLOYEE_OFFLINE, "could be reached", 0)


async def test_a_flood_limit_of_telegram_is_passed_on_with_its_time(
    asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("flood")
    async with running_line(asterisk22, folder, number="1007") as line:
        line.office.telegram.faults.flood("phone.requestCall", 37)
        await line.pbx.call_and_play(line.number, PBX_HZ)
        await assert_missed(line, EndReason.FLOOD_LIMITED, "try again in 37 s", 0)


async def test_a_voice_that_does_not_come_up_rings_once_more_and_then_works(line: Line) -> None:
    channel = await line.pbx.call_and_play(line.number, PBX_HZ)
    first = await line.phone.wait_for_ring()
    line.office.telegram.faults.refuse(
        "phone.sendSignalingData",
        400,
        "DATA_INVALID",
        user_id=line.office.calling_account.user_id,
        times=1000,
    )
    with pytest.raises(UnavailableError):
        await first.answer()
    second = await line.phone.wait_for_ring()
    line.office.telegram.faults.clear()
    await second.answer()
    await line.talk(channel)  # what was heard last may be of the call before
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.pbx.hang_up(channel)
    await second.wait_until_over()
    await line.wait_for_silence()
    assert (await line.last_record()).end_reason is EndReason.COMPLETED
