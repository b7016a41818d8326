"""Every ending has a row in every table."""

import pytest

from linegram.calls.outcomes import DISCARD_REASON, ENDING_TONE, SIP_REFUSAL, reason_of_status
from linegram.link.commands import Tone
from linegram.outcomes import EndReason


@pytest.mark.parametrize("reason", list(EndReason))
def test_every_ending_has_a_refusal_a_discard_and_a_tone(reason: EndReason) -> None:
    assert 400 <= SIP_REFUSAL[reason].status < 700
    assert SIP_REFUSAL[reason].text
    assert reason in DISCARD_REASON
    assert ENDING_TONE[reason] in {Tone.BUSY, Tone.CONGESTION}


@pytest.mark.parametrize("status", range(400, 700))
def test_every_failure_status_of_a_pbx_names_an_ending(status: int) -> None:
    assert reason_of_status(status) in EndReason


@pytest.mark.parametrize(
    ("status", "reason"),
    [(486, EndReason.BUSY), (404, EndReason.NUMBER_NOT_FOUND), (488, EndReason.CODEC_MISMATCH)],
)
def test_the_usual_refusals_keep_their_meaning(status: int, reason: EndReason) -> None:
    assert reason_of_status(status) is reason
