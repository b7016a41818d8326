"""The main ways of a call against the old Asterisk."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from linegram.outcomes import EndReason
from tests.integration.line import Line, running_line
from tests.peers.asterisk import Asterisk
from tests.peers.asterisk_dialplan import EARLY_MEDIA_HZ

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

EMPLOYEE_HZ = 440
PBX_HZ = 700


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(asterisk16: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    async with running_line(asterisk16, tmp_path_factory.mktemp("sixteen")) as running:
        yield running


async def test_a_call_of_the_pbx_rings_anna_and_both_hear_each_other(line: Line) -> None:
    channel = await line.pbx.call_and_play(line.number, PBX_HZ, caller="4711")
    ringing = await line.phone.wait_for_ring()
    await line.phone.voice.play_tone(EMPLOYEE_HZ)
    await ringing.answer()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.talk(channel)
    await line.pbx.hang_up(channel)
    await ringing.wait_until_over()
    await line.wait_for_silence()
    await line.assert_heard(channel, EMPLOYEE_HZ)


async def test_a_texted_number_rings_at_the_pbx_and_both_hear_each_other(line: Line) -> None:
    await line.text(f"63{PBX_HZ:04d}")
    ringing = await line.phone.wait_for_ring()
    await line.phone.voice.play_tone(EMPLOYEE_HZ)
    await ringing.answer()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.talk(line.number)
    await ringing.hang_up()
    await line.wait_for_silence()
    await line.assert_heard(line.number, EMPLOYEE_HZ)


async def test_early_media_is_heard_and_the_refusal_read(line: Line) -> None:
    mark = await line.text("604")
    call = await line.phone.wait_for_ring()
    await call.answer()
    await line.phone.voice.wait_until_hears(EARLY_MEDIA_HZ)
    await line.card("Busy.", after=mark)
    await call.wait_until_over()
    await line.wait_for_silence()
    assert (await line.last_record()).end_reason is EndReason.BUSY


async def test_the_caller_gives_up(line: Line) -> None:
    mark = line.anna.mark()
    channel = await line.pbx.call_and_play(line.number, PBX_HZ)
    ringing = await line.phone.wait_for_ring()
    await line.pbx.hang_up(channel)
    assert await ringing.wait_until_over() == "missed"
    await line.card("Missed call", after=mark)
    await line.wait_for_silence()
