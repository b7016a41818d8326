"""The real library, two processes, signalling carried by the test: people hear each other."""

import multiprocessing
import os
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import msgspec
import numpy as np
import pytest

from linegram.link.voice import VoiceParameters, VoiceServer
from linegram.voice.engine import VoiceState
from linegram.voice.ntgcalls_control import native_server
from tests.voice.leg_process import Report, Task, run
from tests.voice.priority import raised_priority
from tests.voice.reflector import Reflector
from tests.voice.tone_check import tone_faults

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CALLER_HZ, CALLEE_HZ = 440, 700


class End:
    """One process and the pipe to it."""

    def __init__(self, task: Task, far_end: Connection) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, child_pipe = context.Pipe()
        self.process: BaseProcess = context.Process(target=run, args=(task, far_end, child_pipe))
        with raised_priority():
            self.process.start()
        child_pipe.close()

    def report(self) -> Report:
        assert self.pipe.poll(90)
        return msgspec.msgpack.decode(self.pipe.recv_bytes(), type=Report)

    def finish(self) -> int | None:
        self.process.join(10)
        self.pipe.close()
        return self.process.exitcode


def parameters(*, is_outgoing: bool, key: bytes, server: VoiceServer | None = None) -> VoiceParameters:
    return VoiceParameters(
        key=key,
        is_outgoing=is_outgoing,
        versions=("13.0.0", "12.0.0", "9.0.0", "8.0.0"),
        servers=(server,) if server is not None else (),
        is_p2p_allowed=server is None,
    )


def start_pair(
    sample_hz: int, *, calls: int = 1, talk_s: float = 1.5, server: VoiceServer | None = None
) -> tuple[End, End]:
    key = os.urandom(256)
    one, other = multiprocessing.get_context("spawn").Pipe()
    caller = Task(parameters(is_outgoing=True, key=key, server=server), sample_hz, CALLER_HZ, talk_s, calls)
    callee = Task(parameters(is_outgoing=False, key=key, server=server), sample_hz, CALLEE_HZ, talk_s, calls)
    ends = End(caller, one), End(callee, other)
    one.close()
    other.close()
    return ends


def go_on(ends: tuple[End, End]) -> None:
    for end in ends:
        end.pipe.send_bytes(b"empty your pipe")
    for end in ends:
        end.pipe.recv_bytes()
    for end in ends:
        end.pipe.send_bytes(b"next call")


@pytest.mark.parametrize("sample_hz", [8000, 16000, 48000])
def test_both_ends_hear_the_other_ones_tone(sample_hz: int) -> None:
    ends = start_pair(sample_hz)
    for end, tone_hz in zip(ends, (CALLEE_HZ, CALLER_HZ), strict=True):
        report = end.report()
        assert report.state is VoiceState.CONNECTED, report.reason
        heard = np.frombuffer(report.heard, np.int16)[-sample_hz:]
        assert tone_faults(heard, tone_hz, sample_hz) == []
    go_on(ends)
    assert [end.finish() for end in ends] == [0, 0]


def test_without_a_direct_path_the_reflector_carries_the_call() -> None:
    reflector = Reflector()
    ends = start_pair(8000, server=reflector.server(os.urandom(16)))
    for end, tone_hz in zip(ends, (CALLEE_HZ, CALLER_HZ), strict=True):
        report = end.report()
        assert report.state is VoiceState.CONNECTED, report.reason
        assert tone_faults(np.frombuffer(report.heard, np.int16)[-8000:], tone_hz, 8000) == []
    assert reflector.passed_on > 50
    go_on(ends)
    assert [end.finish() for end in ends] == [0, 0]
    reflector.close()


def test_relays_are_written_as_the_library_wants_them() -> None:
    reflector = native_server(VoiceServer(1, "192.0.2.1", "", 599, peer_tag=b"t" * 16, is_reflector=True))
    assert (reflector.peer_tag, reflector.turn, reflector.stun) == (b"t" * 16, True, False)
    over_tcp = native_server(
        VoiceServer(4, "192.0.2.1", "", 599, peer_tag=b"t" * 16, is_reflector=True, is_tcp=True)
    )
    assert (over_tcp.id, over_tcp.tcp) == (4, False)
    turn = native_server(VoiceServer(2, "192.0.2.2", "", 3478, username="u", password="p", is_turn=True))
    assert (turn.username, turn.password, turn.turn, turn.peer_tag) == ("u", "p", True, None)
    stun = native_server(VoiceServer(3, "192.0.2.3", "", 3478, is_stun=True))
    assert (stun.username, stun.password, stun.stun) == (None, None, True)


def test_calls_come_and_go_in_one_process() -> None:
    ends = start_pair(8000, calls=10, talk_s=0.2)
    for _ in range(10):
        assert [end.report().state for end in ends] == [VoiceState.CONNECTED] * 2
        go_on(ends)
    assert [end.finish() for end in ends] == [0, 0]


def test_a_far_end_that_never_comes_ends_the_leg_as_not_connected() -> None:
    nobody, far_end = multiprocessing.get_context("spawn").Pipe()
    task = Task(parameters(is_outgoing=True, key=os.urandom(256)), 8000, CALLER_HZ, 1.0)
    end = End(task, far_end)
    far_end.close()
    report = end.report()
    assert (report.state, report.reason) == (VoiceState.ENDED, "voice_not_connected")
    end.pipe.send_bytes(b"empty your pipe")
    end.pipe.recv_bytes()
    end.pipe.send_bytes(b"next call")
    assert end.finish() == 0
    nobody.close()
