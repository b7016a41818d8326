"""The share of a core that a process used in the last seconds."""

import pytest

from linegram.media.cpu_share import CpuShare


def test_the_first_look_knows_nothing_yet() -> None:
    assert CpuShare(5.0).note(100.0, 7.0) == 0.0


def test_the_share_is_that_of_the_window_and_not_of_the_whole_life() -> None:
    share = CpuShare(5.0)
    busy = [share.note(float(second), 0.5 * second) for second in range(1, 11)]
    assert busy[1:] == [pytest.approx(50.0)] * 9
    idle = [share.note(float(second), 5.0) for second in range(11, 17)]
    assert idle[0] == pytest.approx(40.0)
    assert idle[4:] == [0.0, 0.0]
