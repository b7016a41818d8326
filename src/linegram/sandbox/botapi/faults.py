"""Faults on purpose at the Bot API: floods, outages, silence, each for a number of requests."""

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class BotApiFault:
    """What happens to requests of a method ("*" is any) instead of an answer.

    `retry_after_s` makes it a flood (429), `status` an outage; `is_silent` lets the request hang.
    """

    method: str
    times: int = 1
    status: int = 502
    retry_after_s: int | None = None
    is_silent: bool = False


class BotApiFaults:
    """The faults that are armed."""

    def __init__(self) -> None:
        self._armed: list[BotApiFault] = []

    def flood(self, method: str, retry_after_s: int, *, times: int = 1) -> None:
        """Answer 429 with retry_after."""
        self._armed.append(BotApiFault(method, times, 429, retry_after_s))

    def outage(self, method: str = "*", *, times: int = 1) -> None:
        """Answer 502, as Telegram does when the Bot API is down."""
        self._armed.append(BotApiFault(method, times))

    def silence(self, method: str, *, times: int = 1) -> None:
        """Never answer; the request is not carried out."""
        self._armed.append(BotApiFault(method, times, is_silent=True))

    def clear(self) -> None:
        """Take all faults back."""
        self._armed.clear()

    def take(self, method: str) -> BotApiFault | None:
        """Return the fault that happens to a request of this method, used up by one time."""
        for fault in self._armed:
            if fault.method in ("*", method):
                fault.times -= 1
                if fault.times == 0:
                    self._armed.remove(fault)
                return fault
        return None
