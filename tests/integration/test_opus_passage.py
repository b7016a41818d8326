"""Opus from a real PBX to Telegram and back without opening it: both hear each other, the record says so."""

from pathlib import Path

import pytest

from linegram.link.figures import LegFigures
from linegram.storage.journal import DatabaseJournal
from tests.integration.line import Line, running_line
from tests.peers.asterisk import Asterisk

pytestmark = pytest.mark.slow

EMPLOYEE_HZ = 440
PBX_HZ = 700


async def kept_figures(line: Line) -> dict[str, LegFigures]:
    """Return the figures that came to the call's record."""
    record = await line.last_record()
    async with await line.office.database() as database:
        return dict(await DatabaseJournal(database).figures_of(record.call_id))


async def test_opus_goes_through_unopened_and_both_hear_each_other(
    asterisk22: Asterisk, tmp_path: Path
) -> None:
    sections = {"media": {"engine": "own"}}
    async with running_line(asterisk22, tmp_path, sections=sections, codecs=("opus",)) as line:
        channel = await line.pbx.call_and_play(line.number, PBX_HZ, caller="4711")
        ringing = await line.phone.wait_for_ring()
        await line.phone.voice.play_tone(EMPLOYEE_HZ)
        await ringing.answer()
        await line.phone.voice.wait_until_hears(PBX_HZ)
        await line.talk(channel, 3.0)
        await ringing.hang_up()
        await line.wait_for_silence()
        await line.assert_heard(channel, EMPLOYEE_HZ)
        figures = await kept_figures(line)
    pbx, voice = figures["pbx"], figures["voice"]
    for leg in (pbx, voice):
        assert leg.codec == "opus"
        assert leg.packets_passed > leg.packets_sent / 2
        assert leg.concealed_ms <= 200
        assert leg.mos is not None
        assert leg.mos > 3.5
    assert voice.packets_passed == pytest.approx(pbx.packets_received, rel=0.3)
