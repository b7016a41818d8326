"""No codec in common: the PBX gets 488, the employee a sentence, whoever calls."""

from pathlib import Path

import pytest

from linegram.outcomes import EndReason
from tests.integration.line import running_line
from tests.peers.asterisk import Asterisk

pytestmark = pytest.mark.slow


async def test_a_call_in_a_codec_that_we_do_not_have_is_missed_with_its_reason(
    asterisk22: Asterisk, tmp_path: Path
) -> None:
    async with running_line(asterisk22, tmp_path, number="1027") as line:
        await line.pbx.call_and_play(line.number, 700, caller="4711")
        card = await line.card("no common codec")
        assert card.message.startswith("❌ Missed call\n4711")
        await line.wait_for_silence()
        assert (await line.last_record()).end_reason is EndReason.CODEC_MISMATCH


async def test_a_number_at_a_pbx_that_does_not_have_our_codec_is_refused_with_its_reason(
    asterisk22: Asterisk, tmp_path: Path
) -> None:
    async with running_line(asterisk22, tmp_path, number="1025", codecs=("g722",)) as line:
        await line.text("600")
        call = await line.phone.wait_for_ring()
        await call.answer()
        await line.card("no common codec")
        await call.wait_until_over()
        await line.wait_for_silence()
        assert (await line.last_record()).end_reason is EndReason.CODEC_MISMATCH
