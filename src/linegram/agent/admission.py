"""Whether a media host may take one more call, judged by how late its ticks are and how busy it is.

Pure: the clock is passed in. Calls that run are never touched by this.
"""

from typing import Final

import msgspec

_REOPENS_AT: Final = 0.5
"""A host that was too late must come down to half the limit: one call less must not open it again."""

_CPU_REOPENS_AT: Final = 0.8
_CALM_S: Final = 3.0


class AdmissionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The limits: of 100 ticks 99 come no later than `most_late_ms`; share of one core."""

    most_late_ms: float = 40.0
    most_cpu_percent: float = 85.0


class Admission:
    """One host's door. It closes at once, and opens after three calm seconds."""

    def __init__(self, settings: AdmissionSettings) -> None:
        self._settings = settings
        self._calm_since: float | None = None
        self.is_open = True

    def note(self, late_ms_p99: float, cpu_percent: float, now: float) -> None:
        """Take in what a heartbeat says of the last seconds."""
        limits = self._settings
        if late_ms_p99 > limits.most_late_ms or cpu_percent > limits.most_cpu_percent:
            self.is_open, self._calm_since = False, None
            return
        is_calm = (
            late_ms_p99 <= limits.most_late_ms * _REOPENS_AT
            and cpu_percent <= limits.most_cpu_percent * _CPU_REOPENS_AT
        )
        if self.is_open or not is_calm:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= _CALM_S:
            self.is_open = True
