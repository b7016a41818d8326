"""How much loss a sender should be ready for, from what the far end reports: up at once, down slowly."""

from typing import Final

_FORGOTTEN_PER_REPORT: Final = 0.1
_MOST_PERCENT: Final = 40.0


class LossForecast:
    """Follows the reports on one stream of ours, never below `least_percent`.

    A network that has lost will lose again: redundancy that comes after the loss is of no use.
    """

    def __init__(self, least_percent: float) -> None:
        self._least_percent = least_percent
        self._percent = least_percent

    @property
    def percent(self) -> int:
        """What to expect."""
        return round(self._percent)

    def reported(self, lost_percent: float) -> int:
        """Take in one report; a single one of heavy loss is believed up to 40 %."""
        fallen = self._percent - (self._percent - lost_percent) * _FORGOTTEN_PER_REPORT
        self._percent = min(_MOST_PERCENT, max(self._least_percent, lost_percent, fallen))
        return self.percent
