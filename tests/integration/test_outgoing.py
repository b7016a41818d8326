"""Numbers texted to the calling account: what the employee hears and reads, and what the PBX sees."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from linegram.outcomes import EndReason
from linegram.sandbox.employee import Employee
from linegram.sandbox.employee_phone import EmployeeCall, EmployeePhone
from tests.integration.line import Line, running_line
from tests.peers.asterisk import Asterisk
from tests.peers.asterisk_dialplan import EARLY_MEDIA_HZ

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

TONE_HZ = 425
PBX_HZ = 700


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    async with running_line(asterisk22, tmp_path_factory.mktemp("outgoing"), number="1003") as running:
        yield running


async def dial(line: Line, number: str) -> EmployeeCall:
    """Text a number and pick up the call back."""
    await line.text(number)
    ringing = await line.phone.wait_for_ring()
    await ringing.answer()
    return ringing


async def assert_ended(line: Line, reason: EndReason, sentence: str, after: int) -> None:
    await line.card(sentence, after=after)
    await line.wait_for_silence()
    assert (await line.last_record()).end_reason is reason


async def test_early_media_is_heard_before_the_refusal(line: Line) -> None:
    mark = line.anna.mark()
    call = await dial(line, "604")
    await line.phone.voice.wait_until_hears(EARLY_MEDIA_HZ)
    await line.phone.voice.wait_until_hears(TONE_HZ)
    await call.wait_until_over()
    await assert_ended(line, EndReason.BUSY, "Busy.", mark)


@pytest.mark.parametrize(
    ("number", "reason", "sentence"),
    [
        ("605", EndReason.BUSY, "Busy."),
        ("606", EndReason.PBX_OVERLOADED, "overloaded"),
        ("615", EndReason.NUMBER_FORBIDDEN, "does not allow"),
        ("616", EndReason.NUMBER_NOT_FOUND, "no such number"),
    ],
)
async def test_a_refusal_is_heard_as_a_tone_and_read_as_a_sentence(
    line: Line, number: str, reason: EndReason, sentence: str
) -> None:
    mark = line.anna.mark()
    call = await dial(line, number)
    await line.phone.voice.wait_until_hears(TONE_HZ)
    await call.wait_until_over()
    await assert_ended(line, reason, sentence, mark)


async def test_ring_back_is_heard_and_a_hang_up_cancels_the_dialled_call(line: Line) -> None:
    mark = line.anna.mark()
    call = await dial(line, "607")
    await line.phone.voice.wait_until_hears(TONE_HZ)
    await line.card("Ringing", after=mark)
    await call.hang_up()
    await assert_ended(line, EndReason.CANCELLED, "Hung up before", mark)


async def test_a_late_answer_is_followed_by_its_audio(line: Line) -> None:
    call = await dial(line, "617")
    await line.phone.voice.play_tone(PBX_HZ)
    await line.phone.voice.wait_until_hears(PBX_HZ)  # the PBX echoes
    await call.hang_up()
    await line.wait_for_silence()


async def test_the_pbx_hangs_up(line: Line) -> None:
    mark = line.anna.mark()
    call = await dial(line, "608")
    assert await call.wait_until_over() == "hangup"
    await assert_ended(line, EndReason.COMPLETED, "Call ended", mark)


async def test_the_employee_declines_the_call_back_and_nothing_is_dialled(line: Line) -> None:
    mark = line.anna.mark()
    await line.text("601")
    await (await line.phone.wait_for_ring()).decline()
    await assert_ended(line, EndReason.DECLINED, "Declined.", mark)


async def test_call_back_dials_the_number_of_the_card_again(line: Line) -> None:
    mark = line.anna.mark()
    await (await dial(line, f"63{PBX_HZ:04d}")).hang_up()
    ended = await line.card("Call ended", after=mark)
    await line.wait_for_silence()
    await line.anna.press(ended, "Call back")
    again = await line.phone.wait_for_ring()
    await again.answer()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await again.hang_up()
    await line.wait_for_silence()


async def test_the_hang_up_button_ends_a_talk_on_both_sides(line: Line) -> None:
    mark = line.anna.mark()
    call = await dial(line, f"63{PBX_HZ:04d}")
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.anna.press(await line.card("Talking", after=mark), "Hang up")
    assert await call.wait_until_over() == "hangup"
    await assert_ended(line, EndReason.COMPLETED, "Call ended", mark)


async def test_a_number_during_a_call_is_answered_with_a_sentence(line: Line) -> None:
    mark = line.anna.mark()
    call = await dial(line, "600")
    await line.text("601")
    await line.card("You are in a call", after=mark)
    await call.hang_up()
    await line.wait_for_silence()


async def test_words_are_answered_with_a_sentence(line: Line) -> None:
    mark = await line.text("see you at lunch")
    await line.card("Send a telephone number", after=mark)


async def test_a_call_without_a_number_is_declined_with_a_sentence(line: Line) -> None:
    mark = line.anna.mark()
    call = await line.phone.dial(line.office.calling_account)
    assert await call.wait_until_over() == "busy"
    await line.card("Send me the number", after=mark)


async def test_a_strangers_call_is_declined_without_a_word(line: Line) -> None:
    stranger = line.office.world.people.add_person("Stranger")
    async with Employee(line.office.telegram, stranger) as device, EmployeePhone(device) as phone:
        call = await phone.dial(line.office.calling_account)
        assert await call.wait_until_over() == "busy"
        assert [m for m in device.messages() if m.message] == []
