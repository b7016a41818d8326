"""The main job against a real Asterisk: who calls whom, and that both hear each other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.line import Line, running_line
from tests.peers.asterisk import Asterisk

pytestmark = pytest.mark.slow

EMPLOYEE_HZ = 440
PBX_HZ = 700


@pytest.fixture
async def line(asterisk22: Asterisk, tmp_path: Path) -> AsyncIterator[Line]:
    async with running_line(asterisk22, tmp_path) as running:
        yield running


async def test_a_call_of_the_pbx_rings_anna_and_both_hear_each_other(line: Line) -> None:
    channel = await line.pbx.call_and_play(line.number, PBX_HZ, caller="4711")
    ringing = await line.phone.wait_for_ring()
    await line.card("4711")
    await line.phone.voice.play_tone(EMPLOYEE_HZ)
    await ringing.answer()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.talk(channel)
    await ringing.hang_up()
    await line.card("Call ended")
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
    await line.card("Call ended")
    await line.wait_for_silence()
    await line.assert_heard(line.number, EMPLOYEE_HZ)
