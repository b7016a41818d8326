"""Frames on their way from an engine's own clock to the media host's tick. Knows no engine.

Both clocks run at the same speed but not in step. The queue finds its own
depth: a pull that finds too little gives silence and leaves the queue a frame
deeper; a queue that was never near empty for a second loses what was surplus.
"""

from collections import deque
from typing import Final

import numpy as np

from linegram.voice.engine import PcmFrame

HALF_MS: Final = 10
"""Engines deliver frames of 10 ms; a pull takes two of them."""

_REVIEW_PULLS: Final = 50
_SPARE_HALVES: Final = 1
_LONGEST_HALVES: Final = 20


class PlayoutQueue:
    """Takes 10 ms of PCM16 bytes from one thread, gives 20 ms frames to another.

    The deque is the only thing that the two threads share; its `append` and
    `popleft` are atomic.
    """

    def __init__(self, sample_hz: int) -> None:
        self._half_bytes = sample_hz * HALF_MS // 1000 * 2
        self._silence = np.zeros(sample_hz * 2 * HALF_MS // 1000, dtype=np.int16)
        self._silence.flags.writeable = False
        self._halves: deque[bytes] = deque(maxlen=_LONGEST_HALVES)
        self._lowest = _LONGEST_HALVES
        self._pulls = 0

    def put(self, half: bytes) -> None:
        """Take 10 ms of audio; anything of another length is not audio and is dropped."""
        if len(half) == self._half_bytes:
            self._halves.append(half)

    def pull(self) -> PcmFrame:
        """Return the next 20 ms, or read-only silence when less than that has come."""
        if len(self._halves) < 2:
            self._lowest = 0
            return self._silence
        frame = np.frombuffer(self._halves.popleft() + self._halves.popleft(), dtype=np.int16)
        self._lowest = min(self._lowest, len(self._halves))
        self._review()
        return frame

    def _review(self) -> None:
        """Drop what has been in nobody's way for a second: it is only delay."""
        self._pulls += 1
        if self._pulls < _REVIEW_PULLS:
            return
        for _ in range(self._lowest - _SPARE_HALVES):
            self._halves.popleft()
        self._pulls, self._lowest = 0, _LONGEST_HALVES
