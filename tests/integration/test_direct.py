"""Direct mode: the employee texts a number and presses the phone icon himself."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from linegram.outcomes import EndReason
from tests.integration.line import Line, running_line
from tests.peers.asterisk import Asterisk

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

EMPLOYEE_HZ = 440
PBX_HZ = 700


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    async with running_line(
        asterisk22,
        tmp_path_factory.mktemp("direct"),
        number="1004",
        sections={"calls": {"direct_window_s": 5}},
        is_callback=False,
    ) as running:
        yield running


async def test_a_press_on_the_phone_icon_dials_the_texted_number(line: Line) -> None:
    mark = await line.text(f"63{PBX_HZ:04d}")
    await line.card("Press the phone icon", after=mark)
    await line.phone.voice.play_tone(EMPLOYEE_HZ)
    call = await line.phone.call(line.office.calling_account)
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.talk(line.number)
    await call.hang_up()
    await line.card("Call ended", after=mark)
    await line.wait_for_silence()
    await line.assert_heard(line.number, EMPLOYEE_HZ)
    assert (await line.last_record()).end_reason is EndReason.COMPLETED


async def test_the_newest_number_counts(line: Line) -> None:
    mark = await line.text("605")
    await line.card("Press the phone icon", after=mark)
    await line.text(f"63{PBX_HZ:04d}")
    await line.card("Hung up before", after=mark)
    call = await line.phone.call(line.office.calling_account)
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await call.hang_up()
    await line.wait_for_silence()


async def test_whoever_does_not_press_in_time_reads_so(line: Line) -> None:
    mark = await line.text("601")
    await line.card("within a minute. Send the number again", after=mark)
    await line.wait_for_silence()
    assert (await line.last_record()).end_reason is EndReason.DIRECT_CALL_EXPIRED
