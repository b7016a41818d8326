"""Noticing that a PBX has stopped sending. Pure: the clock is passed in."""


class MediaWatch:
    """Fires once when nothing came for too long although something should come.

    Before the first packet the limit is `first_limit_s`, after it `limit_s`.
    Every resumption starts the time anew.
    """

    def __init__(self, first_limit_s: float, limit_s: float) -> None:
        self._first_limit_s = first_limit_s
        self._limit_s = limit_s
        self._since: float | None = None
        self._has_heard = False
        self._has_fired = False

    def expect(self, now: float) -> None:
        """Start to miss packets. No effect while already watching."""
        if self._since is None:
            self._since, self._has_fired = now, False

    def pause(self) -> None:
        """Miss nothing: on hold, or not answered yet."""
        self._since = None

    def heard(self, now: float) -> None:
        """Note a valid packet."""
        self._has_heard, self._has_fired = True, False
        if self._since is not None:
            self._since = now

    def is_silent(self, now: float) -> bool:
        """Say, once per silence, that the limit is over."""
        limit_s = self._limit_s if self._has_heard else self._first_limit_s
        if self._since is None or self._has_fired or now - self._since < limit_s:
            return False
        self._has_fired = True
        return True
