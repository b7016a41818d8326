"""Our engine and ntgcalls, whose signalling loses a third each way: a call that connects is not silent.

ntgcalls may crash on the way, or give up after its ten seconds: neither is ours to mend. It is counted, and
the figures are printed (`pytest -m soak -s`).
"""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import msgspec
import numpy as np
import pytest

from linegram.sandbox.network import ImpairedWay, Impairment
from linegram.voice.engine import VoiceState
from linegram.voice.own.engine import OwnEngine
from linegram.voice.own.leg import OwnLeg
from tests.voice import leg_process
from tests.voice.leg_process import Report, Task
from tests.voice.own.talk import Talker, run
from tests.voice.own.test_own_legs import parameters

LOSSY = Impairment(loss=0.3, delay_s=0.03, jitter_s=0.03)
OUR_HZ, THEIR_HZ = 440, 700
SAMPLE_HZ = 8000
CALLS = 8
_TALK_S = 12.0
_MOST_PACKETS_WAITED_FOR = 20
_HEARD_PEAK = 1000


class Outcome(Enum):
    TALKED = "talked"
    SILENT = "silent"
    NOT_CONNECTED = "not connected"
    FAR_END_DIED = "far end died"


class LossyCall:
    """One call between our leg here and ntgcalls in a process of its own."""

    def __init__(self, engine: OwnEngine, version: str, *, are_we_caller: bool, seed: int) -> None:
        key = os.urandom(256)
        context = multiprocessing.get_context("spawn")
        self._pipe, far_pipe = context.Pipe()
        self.control, far_control = context.Pipe()
        theirs = parameters(version, is_outgoing=not are_we_caller, key=key)
        task = Task(theirs, SAMPLE_HZ, THEIR_HZ, _TALK_S)
        self.process: BaseProcess = context.Process(
            target=leg_process.run, args=(task, far_pipe, far_control), daemon=True
        )
        self.process.start()
        far_pipe.close()
        far_control.close()
        self._ways = ImpairedWay(LOSSY, seed=2 * seed), ImpairedWay(LOSSY, seed=2 * seed + 1)
        leg = engine.open(parameters(version, is_outgoing=are_we_caller, key=key), SAMPLE_HZ)
        assert isinstance(leg, OwnLeg)
        self.leg = leg
        self.us = Talker(leg, SAMPLE_HZ, OUR_HZ)
        self.us.signal = lambda payload: self._ways[0].send(payload, time.monotonic())

    def carry(self) -> None:
        now = time.monotonic()
        try:
            while self._pipe.poll():
                self._ways[1].send(self._pipe.recv_bytes(), now)
            for payload in self._ways[0].due(now):
                self._pipe.send_bytes(payload)
        except (OSError, EOFError):
            return  # the far end has died, as its process tells
        for payload in self._ways[1].due(now):
            self.leg.receive_signal(payload)

    def outcome(self) -> Outcome:
        """Let both talk, and say how it went."""
        self._run_until(lambda: bool(self.us.states), 22.0)
        if not self.us.is_connected:
            return Outcome.NOT_CONNECTED if self.process.is_alive() else Outcome.FAR_END_DIED
        self._run_until(self._has_reported, 40.0)
        report = _report_from(self.control)
        if report is None:
            return Outcome.FAR_END_DIED
        if report.state is not VoiceState.CONNECTED:
            return Outcome.NOT_CONNECTED
        have_we_heard = self.leg._audio.packets_heard > _MOST_PACKETS_WAITED_FOR
        have_they_heard = bool(np.abs(np.frombuffer(report.heard, np.int16)).max() > _HEARD_PEAK)
        return Outcome.TALKED if have_we_heard and have_they_heard else Outcome.SILENT

    def close(self) -> None:
        self.leg.close()
        self.process.kill()
        self.process.join()

    def _has_reported(self) -> bool:
        return self.control.poll()

    def _run_until(self, is_so: Callable[[], bool], limit_s: float) -> None:
        run([self.us], limit_s, until=lambda: is_so() or not self.process.is_alive(), look=self.carry)


def _report_from(control: Connection) -> Report | None:
    try:
        return msgspec.msgpack.decode(control.recv_bytes(), type=Report) if control.poll() else None
    except EOFError:
        return None


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("are_we_caller", [True, False])
@pytest.mark.parametrize("version", ["8.0.0", "9.0.0"])
def test_a_call_with_ntgcalls_that_connects_over_lossy_signalling_is_not_silent(
    version: str, are_we_caller: bool
) -> None:
    engine, outcomes = OwnEngine(), Counter[Outcome]()
    for seed in range(CALLS):
        call = LossyCall(engine, version, are_we_caller=are_we_caller, seed=seed)
        outcomes[call.outcome()] += 1
        call.close()
    engine.close()
    print({outcome.value: count for outcome, count in outcomes.items()})
    assert outcomes[Outcome.SILENT] == 0
    assert outcomes[Outcome.TALKED] >= CALLS / 2
