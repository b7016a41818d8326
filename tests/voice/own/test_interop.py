"""Our engine here, ntgcalls in a process of its own: every version, both roles, tones both ways."""

import multiprocessing
import os
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from linegram.link.voice import VoiceParameters
from linegram.voice.engine import VoiceState
from linegram.voice.own.engine import OwnEngine
from tests.voice import leg_process
from tests.voice.leg_process import Report, Task
from tests.voice.own.talk import Talker, is_mostly_tone, run

pytestmark = pytest.mark.slow

OUR_HZ, THEIR_HZ = 440, 700
SAMPLE_HZ = 8000


def parameters(version: str, key: bytes, *, is_outgoing: bool) -> VoiceParameters:
    return VoiceParameters(
        key=key, is_outgoing=is_outgoing, versions=(version,), servers=(), is_p2p_allowed=True
    )


@pytest.fixture
def engine() -> Iterator[OwnEngine]:
    made = OwnEngine()
    yield made
    made.close()


@pytest.mark.parametrize("are_we_caller", [True, False])
@pytest.mark.parametrize("version", ["8.0.0", "9.0.0", "12.0.0", "13.0.0"])
def test_we_and_ntgcalls_hear_each_other(engine: OwnEngine, version: str, are_we_caller: bool) -> None:
    key = os.urandom(256)
    context = multiprocessing.get_context("spawn")
    (here, there), (control, their_control) = context.Pipe(), context.Pipe()
    task = Task(parameters(version, key, is_outgoing=not are_we_caller), SAMPLE_HZ, THEIR_HZ, 2.5)
    process = context.Process(target=leg_process.run, args=(task, there, their_control))
    process.start()
    there.close()
    their_control.close()
    us = Talker(
        engine.open(parameters(version, key, is_outgoing=are_we_caller), SAMPLE_HZ), SAMPLE_HZ, OUR_HZ
    )
    us.signal = here.send_bytes

    def carry() -> None:
        while here.poll():
            us.leg.receive_signal(here.recv_bytes())

    assert run([us], 20.0, until=lambda: us.is_connected, look=carry)
    run([us], 2.0, look=carry)
    assert us.hears(THEIR_HZ)
    assert run([us], 15.0, until=control.poll, look=carry)
    report = msgspec.msgpack.decode(control.recv_bytes(), type=Report)
    assert report.state is VoiceState.CONNECTED, report.reason
    heard = np.frombuffer(report.heard, np.int16)[-SAMPLE_HZ:]
    assert is_mostly_tone(heard, OUR_HZ, SAMPLE_HZ)
    for word in (b"empty your pipe", b"next call"):
        control.send_bytes(word)
    process.join(10)
    assert process.exitcode == 0
