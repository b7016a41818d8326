"""Calls come and go: all of them are heard, and nothing of them stays."""

import gc
import os
import statistics
import time
from collections import Counter
from typing import NamedTuple

import msgspec
import pytest
from bench.results import SOAK_RESULTS, Figure, keep

from linegram.link.voice import VoiceParameters
from linegram.voice.engine import VoiceState
from linegram.voice.own.engine import OwnEngine
from linegram.voice.own.leg import OwnLeg
from tests.voice.holdings import Holdings, holdings
from tests.voice.own.interop_ways import VERSIONS
from tests.voice.own.talk import TICK_S, Talker
from tests.voice.own.two_ends import OUR_HZ, SAMPLE_HZ, THEIR_HZ, Side, many_calls

TICKS_PER_CALL = 5
LOOKS_PER_TICK = 4
TALK_TICKS = 60
SETUP_TICKS = 1000
SETTLED_CALLS = 40
MOST_GROWTH_KB = 3072
"""Of resident memory once calls come and go: the allocator's unrest; of 460 calls it is 7 kB each."""


class LivePair(NamedTuple):
    """Both ends of a call and when it may end."""

    caller: Talker
    callee: Talker
    opened_at: int


class Churn:
    """Opens a call every tenth of a second, lets each talk for 1.2 s, and closes it from either side.

    The legs' clock counts ticks. It follows the machine's while that keeps up, and waits for it otherwise:
    a test that is late is no network whose delay grows.
    """

    def __init__(self, calls: int) -> None:
        self._engine = OwnEngine(clock=self._now)
        self._calls = calls
        self._live: list[LivePair] = []
        self._connected_at: dict[int, int] = {}
        self._tick = 0
        self.opened = 0
        self.endings: Counter[str] = Counter()
        self.at_once: list[int] = []
        self.settled: Holdings | None = None

    def carry_out(self) -> None:
        """Run until the last call is over."""
        started = time.monotonic()
        while self.opened < self._calls or self._live:
            if self.opened < self._calls and self._tick % TICKS_PER_CALL == 0:
                self._open()
            self._do_tick()
            time.sleep(max(0.0, started + self._now() - time.monotonic()))
            self.at_once.append(len(self._live))
            self._live = [pair for pair in self._live if not self._is_over(pair)]
            if self.settled is None and self.opened == SETTLED_CALLS:
                gc.collect()
                self.settled = holdings()

        self._engine.close()

    def _now(self) -> float:
        return self._tick * TICK_S

    def _do_tick(self) -> None:
        self._tick += 1
        ends = [end for pair in self._live for end in (pair.caller, pair.callee)]
        for _ in range(LOOKS_PER_TICK):
            for end in ends:
                end.look()
        for end in ends:
            end.tick()

    def _open(self) -> None:
        key, version = os.urandom(256), VERSIONS[self.opened % len(VERSIONS)]
        legs = [
            self._engine.open(
                VoiceParameters(
                    key=key, is_outgoing=is_caller, versions=(version,), servers=(), is_p2p_allowed=True
                ),
                SAMPLE_HZ,
            )
            for is_caller in (True, False)
        ]
        caller, callee = (
            Talker(leg, SAMPLE_HZ, tone_hz, clock=self._now)
            for leg, tone_hz in zip(legs, (OUR_HZ, THEIR_HZ), strict=True)
        )
        caller.signal, callee.signal = legs[1].receive_signal, legs[0].receive_signal
        self._live.append(LivePair(caller, callee, self._tick))
        self.opened += 1

    def _is_over(self, pair: LivePair) -> bool:
        """Say whether a call is over, once it has talked or was not connected in time; count how it ended."""
        if not (pair.caller.is_connected and pair.callee.is_connected):
            if self._tick - pair.opened_at < SETUP_TICKS:
                return False
            ending = "not connected"
        else:
            since = self._connected_at.setdefault(id(pair.caller), self._tick)
            if self._tick - since < TALK_TICKS:
                return False
            is_heard = pair.caller.hears(THEIR_HZ) and pair.callee.hears(OUR_HZ)
            ending = "heard" if is_heard else "not heard"
        self._connected_at.pop(id(pair.caller), None)
        self.endings[ending] += 1
        for end in (pair.caller, pair.callee)[:: 1 if self.opened % 2 else -1]:
            end.leg.close()
        return True


def assert_nothing_stays(churn: Churn) -> Holdings:
    """Compare what is held after the last call with what was before the first; return what is."""
    gc.collect()
    after = holdings()
    assert churn.settled is not None
    assert after.threads <= churn.settled.threads
    assert after.resident_kb - churn.settled.resident_kb <= MOST_GROWTH_KB
    assert not [leg for leg in gc.get_objects() if isinstance(leg, OwnLeg) and not leg.is_closed]
    return after


@pytest.mark.slow
def test_sixty_calls_come_and_go_and_leave_nothing() -> None:
    before = holdings()
    churn = Churn(60)
    churn.carry_out()
    assert churn.endings == {"heard": 60}
    after = assert_nothing_stays(churn)
    assert (after.sockets, after.open_files) == (before.sockets, before.open_files)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_five_hundred_calls_come_and_go_and_leave_nothing() -> None:
    before = holdings()
    churn = Churn(500)
    churn.carry_out()
    after = holdings()
    assert churn.settled is not None
    figures = {
        "voice_churn_calls_heard": Figure(churn.endings["heard"], "of 500 calls own to own, 10 a second"),
        "voice_churn_calls_at_once": Figure(
            statistics.median(churn.at_once), "calls, both ends in one process"
        ),
        "voice_churn_growth_kb": Figure(
            after.resident_kb - churn.settled.resident_kb, "kB resident over the last 460 of 500 calls"
        ),
    }
    keep(SOAK_RESULTS, figures, "make soak")
    assert churn.endings == {"heard": 500}
    after = assert_nothing_stays(churn)
    assert (after.sockets, after.open_files) == (before.sockets, before.open_files)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("version", "are_we_caller"), [("13.0.0", True), ("9.0.0", False)])
def test_thirty_calls_with_ntgcalls_leave_nothing(version: str, are_we_caller: bool) -> None:
    ends = (Side("own"), Side("ntgcalls")) if are_we_caller else (Side("ntgcalls"), Side("own"))
    calls = list(many_calls(version, ends, calls=30, talk_s=0.3))
    ours = [reports[0 if are_we_caller else 1] for reports in calls]
    assert Counter(report.state for report in ours) == {VoiceState.CONNECTED: 30}
    held = [msgspec.structs.astuple(report.holdings)[:3] for report in ours]
    assert len(set(held)) == 1, "files, sockets or threads of a connected call grew"
    growth_kb = ours[-1].holdings.resident_kb - ours[5].holdings.resident_kb
    assert growth_kb <= MOST_GROWTH_KB
