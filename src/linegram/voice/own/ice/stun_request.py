"""One STUN request and its repetitions over UDP (RFC 8489 section 6.2.1). Pure."""

from collections.abc import Callable
from typing import Final

from linegram.voice.own.ice.stun import TRANSACTION_BYTES

_FIRST_PAUSE_S: Final = 0.5
_MOST_SENDINGS: Final = 5
"""The RFC's 7 would give up after 39.5 s; a call waits 20 s for its voice, so we know after 15.5 s."""


class StunRequest:
    """A written request that is sent until somebody forgets it; each pause is twice the one before."""

    def __init__(self, datagram: bytes, now: float) -> None:
        """Let the request be due at once."""
        self._datagram = datagram
        self._due_at = now
        self._pause_s = _FIRST_PAUSE_S
        self._sendings = 0

    def due(self, now: float) -> bytes | None:
        """Give the request if it is to be sent now."""
        if now < self._due_at or self._sendings >= _MOST_SENDINGS:
            return None
        self._sendings += 1
        self._due_at = now + self._pause_s
        self._pause_s *= 2
        return self._datagram

    def is_unanswered(self, now: float) -> bool:
        """Say whether the last repetition has been waited for in vain."""
        return self._sendings >= _MOST_SENDINGS and now >= self._due_at


def new_transaction(random: Callable[[], float]) -> bytes:
    """Make the number by which an answer is known; `random` gives numbers from 0.0 up to 1.0."""
    return bytes(int(random() * 256) for _ in range(TRANSACTION_BYTES))
