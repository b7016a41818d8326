"""The share of a core that a process used in the last seconds, and a host that uses up its core."""

import socket
import threading
from unittest.mock import patch

import pytest

from linegram.media.control import HostBeat, HostEvent, HostSettings, LeaveHost
from linegram.media.cpu_share import CpuShare
from linegram.media.exchange import Exchange
from linegram.media.framing import Unpacker, pack
from linegram.media.host import ControlLink, MediaHost
from tests.media.doubles import ScriptedEngine


def test_the_first_look_knows_nothing_yet() -> None:
    assert CpuShare(5.0).note(100.0, 7.0) == 0.0


def test_the_share_is_that_of_the_window_and_not_of_the_whole_life() -> None:
    share = CpuShare(5.0)
    busy = [share.note(float(second), 0.5 * second) for second in range(1, 11)]
    assert busy[1:] == [pytest.approx(50.0)] * 9
    idle = [share.note(float(second), 5.0) for second in range(11, 17)]
    assert idle[0] == pytest.approx(40.0)
    assert idle[4:] == [0.0, 0.0]


@pytest.mark.parametrize(("cpu_percent", "times"), [(95.0, 0), (95.1, 1)])
def test_a_host_that_uses_up_its_core_leaves_real_time_once(cpu_percent: float, times: int) -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    unpacker: Unpacker[HostEvent] = Unpacker(HostEvent)
    beats: list[HostEvent] = []
    with (
        ours,
        theirs,
        patch.object(CpuShare, "note", return_value=cpu_percent),
        patch("linegram.media.host.give_way") as give_way,
    ):
        host = MediaHost(ControlLink(theirs), Exchange(ScriptedEngine(), HostSettings()))
        running = threading.Thread(target=host.run)
        running.start()
        while len(beats) < 2:
            beats += unpacker.feed(ours.recv(4096))
        ours.send(pack(LeaveHost()))
        running.join()
    assert [type(beat) for beat in beats] == [HostBeat, HostBeat]
    assert give_way.call_count == times
