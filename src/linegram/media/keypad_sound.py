"""Keys of the telephone as tones, one after the other, in place of what is said. Pure."""

from collections import deque
from typing import Final

from linegram.audio.frame import PcmFrame
from linegram.audio.tones import ToneGenerator, keypad_cadence

_MOST_WAITING: Final = 64
_LEVEL_DBFS: Final = -9.0
"""Each of the two tones of a key at about -12 dBFS, where telephones send them."""


class KeypadSound:
    """Digits that wait to be heard; what is no key of the telephone is passed over."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._tone: ToneGenerator | None = None
        self._sample_hz = 0

    @property
    def is_sounding(self) -> bool:
        """A key sounds, or waits for its turn."""
        return self._tone is not None or bool(self._waiting)

    def press(self, digits: str) -> None:
        """Let these keys sound after those that wait already."""
        keys = (digit for digit in digits.upper() if digit in "0123456789*#ABCD")
        self._waiting.extend(list(keys)[: _MOST_WAITING - len(self._waiting)])

    def frame(self, sample_hz: int) -> PcmFrame:
        """Give the next 20 ms."""
        if self._tone is None or self._sample_hz != sample_hz:
            self._sample_hz = sample_hz
            digit = self._waiting.popleft() if self._waiting else "0"
            self._tone = ToneGenerator(keypad_cadence(digit), sample_hz, _LEVEL_DBFS)
        frame = self._tone.frame()
        if self._tone.is_finished:
            self._tone = None
        return frame
