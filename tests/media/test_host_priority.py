"""How far a media host comes before other work: as far as the system allows, and it says so."""

import os
from unittest.mock import patch

import pytest

from linegram.media.process import raise_priority


@pytest.mark.parametrize(
    ("may_be_real_time", "refused", "told"),
    [
        (True, "", "real time"),
        (False, "", "raised"),
        (True, "real time", "raised"),
        (False, "real time", "raised"),
        (True, "everything", "ordinary"),
        (False, "everything", "ordinary"),
    ],
)
def test_what_is_refused_is_done_without_and_told(may_be_real_time: bool, refused: str, told: str) -> None:
    with (
        patch.object(os, "sched_setscheduler", side_effect=PermissionError if refused else None) as real_time,
        patch.object(os, "nice", side_effect=PermissionError if refused == "everything" else None) as nice,
    ):
        assert raise_priority(may_be_real_time=may_be_real_time) == told
    assert real_time.called == may_be_real_time
    assert nice.called == (told != "real time")
