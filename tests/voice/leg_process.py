"""A process with one voice leg: says a tone for some seconds and reports what it heard."""

import os
import sys
import time
from multiprocessing.connection import Connection

import msgspec
import numpy as np

from linegram.link.voice import VoiceParameters
from linegram.voice.engine import PcmFrame, VoiceLeg, VoiceSignal, VoiceState, VoiceStateChanged
from linegram.voice.engines import make_engine


class Task(msgspec.Struct, frozen=True):
    """What the process shall do."""

    parameters: VoiceParameters
    sample_hz: int
    tone_hz: int
    talk_s: float
    calls: int = 1


class Report(msgspec.Struct):
    """What became of one call."""

    state: VoiceState = VoiceState.CONNECTING
    reason: str = ""
    setup_s: float = 0.0
    heard: bytes = b""


def sine_frame(hz: int, sample_hz: int, number: int) -> PcmFrame:
    """The `number`-th 20 ms of a tone."""
    at = np.arange(sample_hz // 50) + number * (sample_hz // 50)
    return np.asarray(8000 * np.sin(2 * np.pi * hz * at / sample_hz), dtype=np.int16)


def run(task: Task, far_end: Connection, report_to: Connection) -> None:
    """Make `task.calls` calls one after the other, then leave as a media host does."""
    sys.setswitchinterval(0.0005)
    engine = make_engine("ntgcalls")
    for _ in range(task.calls):
        leg = engine.open(task.parameters, task.sample_hz)
        report = Report()
        _talk(task, leg, far_end, report)
        leg.close()
        report_to.send_bytes(msgspec.msgpack.encode(report))
        report_to.recv_bytes()
        while far_end.poll():
            far_end.recv_bytes()
        report_to.send_bytes(b"")
        report_to.recv_bytes()
    engine.close()
    os._exit(0)


def _talk(task: Task, leg: VoiceLeg, far_end: Connection, report: Report) -> None:
    heard: list[bytes] = []
    started = due = time.monotonic()
    until = started + 15
    number = 0
    while time.monotonic() < until and report.state is not VoiceState.ENDED:
        due += 0.02
        while far_end.poll(max(0.0, due - time.monotonic())):
            leg.receive_signal(far_end.recv_bytes())
        if _take_events(leg, far_end, report) and report.state is VoiceState.CONNECTED:
            report.setup_s = time.monotonic() - started
            until = time.monotonic() + task.talk_s
        leg.push(sine_frame(task.tone_hz, task.sample_hz, number))
        heard.append(leg.pull().tobytes())
        number += 1
    report.heard = b"".join(heard)


def _take_events(leg: VoiceLeg, far_end: Connection, report: Report) -> bool:
    has_changed = False
    while (event := leg.next_event()) is not None:
        match event:
            case VoiceSignal(payload):
                far_end.send_bytes(payload)
            case VoiceStateChanged(state, reason):
                report.state, report.reason = state, reason.value if reason else ""
                has_changed = True
            case _:
                continue
    return has_changed
