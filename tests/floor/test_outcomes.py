"""Every ending has exactly one name and one blame."""

import pytest

from linegram.outcomes import _BY_BLAME, EndReason


@pytest.mark.parametrize("reason", list(EndReason))
def test_every_ending_blames_exactly_one(reason: EndReason) -> None:
    assert sum(reason in reasons for reasons in _BY_BLAME.values()) == 1
    assert reason in _BY_BLAME[reason.blame]
