"""Watches for a far end that is connected and yet unheard: perhaps its stream was never agreed on. Pure.

Only the beginning of a stream is watched. Later silence is the far end's own
affair: who has been heard may fall silent.
"""

from enum import Enum
from typing import Final

from linegram.voice.own.negotiation import Stream

OFFER_AGAIN_AT_S: Final = (3.0, 6.0, 12.0)
"""A far end that gets a new offer while its own one is open answers ours and makes its own anew."""

REPORT_AT_S: Final = 20.0


class Advice(Enum):
    """What to do about the silence."""

    OFFER_AGAIN = "offer_again"
    REPORT = "report"


class SilenceWatch:
    """Ask it now and then while the leg is connected."""

    def __init__(self, now: float) -> None:
        """Begin when the leg is connected."""
        self._stream: Stream | None = None
        self._heard_before = 0
        self._since: float | None = now
        self._times_advised = 0

    def look(self, stream: Stream | None, packets_heard: int, now: float, *, is_muted: bool) -> Advice | None:
        """Say what to do now; `stream` is what was agreed on, a new one is waited for anew.

        `packets_heard` counts all that came of agreed streams. A muted far end is not waited for.
        """
        if stream != self._stream:
            self._stream, self._heard_before = stream, packets_heard
            self._since, self._times_advised = now, 0
        if self._since is None:
            return None
        if packets_heard > self._heard_before:
            self._since = None
        elif is_muted:
            self._since = now
        return self._advice(now)

    def _advice(self, now: float) -> Advice | None:
        times = (*OFFER_AGAIN_AT_S, REPORT_AT_S)
        if self._since is None or self._times_advised == len(times):
            return None
        if now - self._since < times[self._times_advised]:
            return None
        self._times_advised += 1
        return Advice.REPORT if self._times_advised == len(times) else Advice.OFFER_AGAIN
