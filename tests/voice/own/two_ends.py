"""One call between two processes, an engine in each, signalling straight between them."""

import multiprocessing
import multiprocessing.connection
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final, NamedTuple

import msgspec
import numpy as np

from linegram.link.voice import VoiceParameters, VoiceServer
from linegram.voice.engine import PcmFrame, VoiceState
from tests.voice import leg_process
from tests.voice.leg_process import Report, Task
from tests.voice.priority import raised_priority
from tests.voice.tone_check import tone_faults, undisturbed

OUR_HZ: Final = 440
THEIR_HZ: Final = 700
SAMPLE_HZ: Final = 8000
_TALK_S: Final = 2.8
_SETTLING_S: Final = 0.7
"""A far jitter buffer finds its depth meanwhile."""

_LISTENED_S: Final = 1.5
_RECOVERY_S: Final = 0.5
_PATIENCE_S: Final = 90.0
_MOST_TRIES: Final = 4


class Side(NamedTuple):
    """What one end is told of the call."""

    engine: str
    servers: tuple[VoiceServer, ...] = ()
    is_direct: bool = True


class NothingProvenError(Exception):
    """In no try was there a stretch without a stall that is long enough to judge, or ntgcalls died in all."""


class FarEndDiedError(Exception):
    """The native library killed its process; ours lived."""


def faults_of_a_call(version: str, sides: tuple[Side, Side]) -> list[str]:
    """Have the caller (first) and the callee talk; say in sentences what was wrong, if anything.

    A call in which this machine stalled the processes too often, or the process of ntgcalls died, proves
    nothing and is made again.
    """
    for _ in range(_MOST_TRIES):
        try:
            reports = call(version, sides)
        except FarEndDiedError as error:
            print(f"{version}: {error}")
            continue
        faults = [
            f"{side.engine}: {report.state.value} {report.reason}"
            for side, report in zip(sides, reports, strict=True)
            if report.state is not VoiceState.CONNECTED
        ]
        if faults:
            return faults
        stalls = reports[0].stalls + reports[1].stalls
        heard = [heard_undisturbed(report, stalls) for report in reports]
        if min(map(len, heard)) >= _LISTENED_S * SAMPLE_HZ:
            return [
                f"{side.engine} heard: {fault}"
                for side, sound, tone_hz in zip(sides, heard, (THEIR_HZ, OUR_HZ), strict=True)
                for fault in tone_faults(sound, tone_hz, SAMPLE_HZ)
            ]
    raise NothingProvenError


def heard_undisturbed(report: Report, stalls: list[tuple[float, float]]) -> PcmFrame:
    """Give the longest stretch of what was heard after the settling, without stalls."""
    sound = np.frombuffer(report.heard, np.int16)
    pieces = np.split(sound, len(report.heard_at)) if report.heard_at else []
    settled_at = report.connected_at + _SETTLING_S
    chunks = [(at, piece) for at, piece in zip(report.heard_at, pieces, strict=True) if at >= settled_at]
    return undisturbed(chunks, stalls, recovery_s=_RECOVERY_S)


def call(version: str, sides: tuple[Side, Side]) -> tuple[Report, Report]:
    """Make one call; the caller says 440 Hz, the callee 700."""
    (reports,) = many_calls(version, sides, calls=1, talk_s=_TALK_S)
    return reports


def many_calls(
    version: str, sides: tuple[Side, Side], *, calls: int, talk_s: float
) -> Iterator[tuple[Report, Report]]:
    """Make calls one after the other between the same two processes."""
    key = os.urandom(256)
    tasks = [
        Task(
            VoiceParameters(
                key=key,
                is_outgoing=tone_hz == OUR_HZ,
                versions=(version,),
                servers=side.servers,
                is_p2p_allowed=side.is_direct,
            ),
            SAMPLE_HZ,
            tone_hz,
            talk_s,
            calls=calls,
            engine=side.engine,
        )
        for side, tone_hz in zip(sides, (OUR_HZ, THEIR_HZ), strict=True)
    ]
    with two_processes(tasks) as pipes:
        for _ in range(calls):
            yield report_from(pipes[0]), report_from(pipes[1])
            for pipe in pipes:
                pipe.send_bytes(b"leave")
            for pipe in pipes:
                pipe.recv_bytes()
            for pipe in pipes:
                pipe.send_bytes(b"next call")


def report_from(pipe: Connection) -> Report:
    """Wait for the end of the talk. Raises EOFError when the process has died."""
    assert pipe.poll(_PATIENCE_S), "an end neither reported nor died"
    return msgspec.msgpack.decode(pipe.recv_bytes(), type=Report)


@contextmanager
def two_processes(tasks: list[Task]) -> Iterator[list[Connection]]:
    """Run both ends; at the end both must leave in order."""
    context = multiprocessing.get_context("spawn")
    far_ends, together = context.Pipe(), context.Barrier(len(tasks))
    pipes: list[Connection] = []
    processes: list[BaseProcess] = []
    for task, far_end in zip(tasks, far_ends, strict=True):
        ours, theirs = context.Pipe()
        process: BaseProcess = context.Process(
            target=leg_process.run, args=(task, far_end, theirs, together), daemon=True
        )
        with raised_priority():
            process.start()
        far_end.close()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        try:
            yield pipes
        except EOFError:
            _blame(tasks, processes)
            raise
        for process in processes:
            process.join(10)
        codes = [process.exitcode for process in processes]
        assert codes == [0, 0], codes
    finally:
        for process in processes:
            process.kill()
            process.join()
        for pipe in pipes:
            pipe.close()


def _blame(tasks: list[Task], processes: list[BaseProcess]) -> None:
    """Raise FarEndDiedError when it was the native library that a signal ended."""
    died = multiprocessing.connection.wait([process.sentinel for process in processes], 10)
    for task, process in zip(tasks, processes, strict=True):
        if process.sentinel in died and task.engine == "ntgcalls" and (process.exitcode or 0) < 0:
            raise FarEndDiedError(f"ntgcalls died of signal {-(process.exitcode or 0)}")
