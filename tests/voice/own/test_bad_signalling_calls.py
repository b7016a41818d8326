"""Whole calls of our engine with itself, on real sockets, whose signalling takes the worst of ways."""

import os
import time

import pytest

from linegram.sandbox.network import ImpairedWay
from linegram.voice.own.engine import OwnEngine
from linegram.voice.own.signalling import ACKED_VERSIONS, SCTP_VERSIONS
from tests.voice.own.bad_signalling import THIRD_BAD
from tests.voice.own.talk import Talker, run
from tests.voice.own.test_own_legs import CALLEE_HZ, CALLER_HZ, parameters

VERSIONS = (*ACKED_VERSIONS, *SCTP_VERSIONS)
LIMIT_S = 20.0
AT_ONCE = 10


class BadCall:
    """A call between two legs of one engine; `carry` moves its signalling."""

    def __init__(self, engine: OwnEngine, version: str, seed: int) -> None:
        key = os.urandom(256)
        self.ways = ImpairedWay(THIRD_BAD, seed=2 * seed), ImpairedWay(THIRD_BAD, seed=2 * seed + 1)
        self.talkers = tuple(
            Talker(engine.open(parameters(version, is_outgoing=is_caller, key=key), 8000), 8000, tone_hz)
            for is_caller, tone_hz in ((True, CALLER_HZ), (False, CALLEE_HZ))
        )
        for talker, way in zip(self.talkers, self.ways, strict=True):
            talker.signal = lambda payload, way=way: way.send(payload, time.monotonic())  # type: ignore[misc]

    @property
    def is_up(self) -> bool:
        return all(talker.is_connected for talker in self.talkers)

    @property
    def states(self) -> list[list[str]]:
        return [[state.value for state in talker.states] for talker in self.talkers]

    def carry(self) -> None:
        for way, other in zip(self.ways, self.talkers[::-1], strict=True):
            for payload in way.due(time.monotonic()):
                other.leg.receive_signal(payload)


def troubles_at_once(engine: OwnEngine, seeds: range) -> list[str]:
    """Make some calls beside each other; tell of those that did not connect in time, or were not heard."""
    calls = {seed: BadCall(engine, VERSIONS[seed % 4], seed) for seed in seeds}
    talkers = [talker for call in calls.values() for talker in call.talkers]

    def carry() -> None:
        for call in calls.values():
            call.carry()

    run(talkers, LIMIT_S, until=lambda: all(call.is_up for call in calls.values()), look=carry)
    troubles = [f"{seed}: {call.states}" for seed, call in calls.items() if not call.is_up]
    run(talkers, LIMIT_S, until=lambda: all(map(_is_heard, calls.values())), look=carry)
    troubles += [f"{seed}: not heard" for seed, call in calls.items() if call.is_up and not _is_heard(call)]
    for talker in talkers:
        talker.leg.close()
    return troubles


def _is_heard(call: BadCall) -> bool:
    caller, callee = call.talkers
    return caller.hears(CALLEE_HZ) and callee.hears(CALLER_HZ)


def troubles_of(count: int) -> list[str]:
    engine = OwnEngine()
    try:
        return [
            trouble
            for first in range(0, count, AT_ONCE)
            for trouble in troubles_at_once(engine, range(first, first + AT_ONCE))
        ]
    finally:
        engine.close()


@pytest.mark.slow
def test_twenty_calls_of_twenty_connect_though_a_third_of_their_signalling_is_lost() -> None:
    assert troubles_of(20) == []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_two_hundred_calls_of_two_hundred_connect_though_a_third_of_their_signalling_is_lost() -> None:
    assert troubles_of(200) == []
