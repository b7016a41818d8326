"""Every ending has a row in every table."""

import pytest

from linegram.calls.outcomes import DISCARD_REASON, ENDING_TONE, SIP_REFUSAL
from linegram.link.commands import Tone
from linegram.outcomes import EndReason


@pytest.mark.parametrize("reason", list(EndReason))
def test_every_ending_has_a_refusal_a_discard_and_a_tone(reason: EndReason) -> None:
    assert 400 <= SIP_REFUSAL[reason].status < 700
    assert SIP_REFUSAL[reason].text
    assert reason in DISCARD_REASON
    assert ENDING_TONE[reason] in {Tone.BUSY, Tone.CONGESTION}
