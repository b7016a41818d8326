"""Sequence numbers over their wrap, and the counts that rest on them (RFC 3550 appendix A.1, A.3)."""

from typing import Final

_WRAP: Final = 1 << 16
_MAX_DROPOUT: Final = 3_000
_MAX_MISORDER: Final = 100
_WINDOW: Final = 128


def timestamp_distance(later: int, earlier: int) -> int:
    """Subtract 32-bit timestamps over their wrap; negative when `later` is the earlier one."""
    return ((later - earlier + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000


class SequenceTracker:
    """Extends 16-bit sequence numbers of one source and counts what was expected.

    Unlike A.1 the first packet is believed at once: audio of a telephone call
    must not lose its first syllable. A jump has to be confirmed by a second packet in sequence.
    """

    def __init__(self, first: int) -> None:
        self._start(first)
        self.received = 0
        self.gaps = 0

    def _start(self, first: int) -> None:
        self._base = first
        self.highest = first
        self._awaited_after_jump: int | None = None

    def extend(self, sequence: int) -> int | None:
        """Give the extended number of a packet and count it; None for a jump not yet confirmed.

        After a confirmed jump numbers start anew: `has_restarted` tells once.
        """
        delta = (sequence - self.highest) & 0xFFFF
        if delta < _MAX_DROPOUT:
            extended = self.highest + delta
            self.gaps += delta > 1
            self.highest = extended
        elif delta > _WRAP - _MAX_MISORDER:
            extended = self.highest + delta - _WRAP
            self._base = min(self._base, extended)
        elif sequence == self._awaited_after_jump:
            extended = self._restart(sequence)
        else:
            self._awaited_after_jump = (sequence + 1) & 0xFFFF
            return None
        self.received += 1
        return extended

    def _restart(self, sequence: int) -> int:
        """Go on above everything seen, so that extended numbers never run backwards; keep the losses."""
        cycles = (self.highest // _WRAP + 1) * _WRAP
        already_lost = self.lost
        self._start(cycles + sequence)
        self._base -= already_lost + self.received
        return self.highest

    @property
    def expected(self) -> int:
        """How many packets the source has sent, as far as the numbers tell."""
        return self.highest - self._base + 1

    @property
    def lost(self) -> int:
        """How many are missing; negative when duplicates outweigh losses (RFC 3550 section 6.4.1)."""
        return self.expected - self.received


class ReplayWindow:
    """Lets every number through once; one too old to remember not at all."""

    def __init__(self) -> None:
        self.highest = -(1 << 62)
        self._seen = 0

    def take(self, number: int) -> bool:
        """Say whether this is the first time."""
        ahead = number - self.highest
        if ahead > 0:
            self._seen = 1 if ahead >= _WINDOW else (self._seen << ahead | 1) & ((1 << _WINDOW) - 1)
            self.highest = number
            return True
        if ahead <= -_WINDOW or self._seen >> -ahead & 1:
            return False
        self._seen |= 1 << -ahead
        return True
