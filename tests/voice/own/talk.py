"""Drives voice legs in this process as a media host does: one 20 ms tick, signalling looked at in between."""

import time
from collections.abc import Callable
from typing import Final

import numpy as np

from linegram.voice.engine import PcmFrame, VoiceEvent, VoiceLeg, VoiceSignal, VoiceState, VoiceStateChanged
from tests.voice.leg_process import sine_frame
from tests.voice.priority import raised_priority
from tests.voice.tone_check import tone_faults

TICK_S: Final = 0.02


class Talker:
    """One leg that says a tone and keeps what it hears; `signal` carries its signalling away."""

    def __init__(
        self,
        leg: VoiceLeg,
        sample_hz: int,
        tone_hz: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.leg = leg
        self._clock = clock
        self.signal: Callable[[bytes], None] = lambda payload: None
        self.events: list[VoiceEvent] = []
        self.connected_at: float | None = None
        self._sample_hz, self._tone_hz = sample_hz, tone_hz
        self._heard: list[PcmFrame] = []
        self._number = 0

    @property
    def states(self) -> list[VoiceState]:
        return [event.state for event in self.events if isinstance(event, VoiceStateChanged)]

    @property
    def is_connected(self) -> bool:
        return self.states == [VoiceState.CONNECTED]

    def look(self) -> None:
        while (event := self.leg.next_event()) is not None:
            if isinstance(event, VoiceSignal):
                self.signal(event.payload)
                continue
            self.events.append(event)
            if self.is_connected and self.connected_at is None:
                self.connected_at = self._clock()

    def tick(self) -> None:
        self._heard.append(self.leg.pull())
        self.leg.handle_timer(self._clock())
        self.leg.push(sine_frame(self._tone_hz, self._sample_hz, self._number))
        self._number += 1

    def forget(self) -> None:
        self._heard.clear()

    def heard(self, seconds: float = 1.0) -> PcmFrame:
        return np.concatenate(self._heard)[-int(self._sample_hz * seconds) :]

    def hears(self, tone_hz: int) -> bool:
        """Say whether the last second was that tone and nothing else; see `tone_faults` for how strictly."""
        return tone_faults(self.heard(), tone_hz, self._sample_hz) == []


def run(
    talkers: list[Talker],
    seconds: float,
    *,
    until: Callable[[], bool] = lambda: False,
    look: Callable[[], None] = lambda: None,
) -> bool:
    """Tick for some seconds, or until something is so; say whether it is.

    A late tick delays those after it, for both ends alike: caught up in a burst, the ends would hear
    nothing of a relay that runs in another thread.
    """
    with raised_priority():
        return _run(talkers, round(seconds / TICK_S), until, look)


def _run(talkers: list[Talker], ticks: int, until: Callable[[], bool], look: Callable[[], None]) -> bool:
    due = time.monotonic()
    while ticks > 0 and not until():
        ticks -= 1
        due = max(due, time.monotonic() - TICK_S) + TICK_S
        while True:
            look()
            for talker in talkers:
                talker.look()
            if time.monotonic() >= due:
                break
            time.sleep(max(0.0, min(0.002, due - time.monotonic())))
        for talker in talkers:
            talker.tick()
    return until()
