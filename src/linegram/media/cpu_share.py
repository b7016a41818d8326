"""How much of a core a process used in the last seconds. Pure: both clocks are passed in."""

from collections import deque


class CpuShare:
    """Follows the CPU time of a process beside the time that passes."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._notes: deque[tuple[float, float]] = deque()

    def note(self, now: float, cpu_s: float) -> float:
        """Take the CPU time used so far, give the percentage of a core since the window began."""
        notes = self._notes
        notes.append((now, cpu_s))
        while len(notes) > 2 and now - notes[1][0] >= self._window_s:
            notes.popleft()
        began, cpu_before_s = notes[0]
        return 100 * (cpu_s - cpu_before_s) / (now - began) if now > began else 0.0
