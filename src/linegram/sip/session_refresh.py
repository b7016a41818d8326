"""Keeps an answered call alive, and notices when the far end does not (RFC 4028 sections 7 to 10)."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.sip.context import EndpointContext
from linegram.sip.message import Request, Response
from linegram.sip.session_timer import LEAST_S, SessionTerms, accept, answer, ask, read_answer, wished_least_s
from linegram.sip.timers import Timer

_TRY_AGAIN_S: Final = 5.0
"""While another change of the call is under way; after a refusal a sixth of the interval."""


class SessionRefresh:
    """The session timer of one call; without terms it does nothing.

    `refresh` sends a sign of life and says whether it could; `expire` ends the call.
    """

    __slots__ = ("_context", "_expire", "_least_s", "_refresh", "_terms", "_timer")

    def __init__(
        self,
        context: EndpointContext,
        *,
        refresh: Callable[[float], bool],
        expire: Callable[[float], None],
    ) -> None:
        self._context = context
        self._refresh = refresh
        self._expire = expire
        self._terms: SessionTerms | None = None
        self._least_s = LEAST_S
        self._timer: Timer | None = None

    def ask(self, request: Request) -> None:
        """Let a re-INVITE or UPDATE of ours count as a refresh, with the roles as they are."""
        if self._terms is not None:
            interval_s = max(self._terms.interval_s, self._least_s)
            ask(request, interval_s, least_s=self._least_s, is_ours=self._terms.is_refreshed_by_us)

    def learn(self, response: Response, now: float) -> None:
        """Follow the 2xx to a request of ours."""
        terms = None
        with suppress(RemoteProtocolError):
            terms = read_answer(response)
        self._follow(terms, now)

    def learn_refusal(self, response: Response, now: float) -> bool:
        """Take a 422; True when asking again with its interval can help."""
        wished_s = wished_least_s(response)
        if response.status != 422 or self._terms is None or wished_s <= self._least_s:
            return False
        self._least_s = wished_s
        self._schedule(now, self._on_refresh_due)
        return True

    def answer(self, request: Request, response: Response, now: float) -> None:
        """Let a 2xx of ours say what counts from now on.

        Raises RemoteProtocolError with status 422 for an interval that is too small; `accept` tells before.
        """
        terms = accept(request)
        if terms is not None:
            answer(response, terms)
        self._follow(terms, now)

    def stop(self) -> None:
        """Forget the terms: the call is over."""
        self._follow(None, 0.0)

    def _follow(self, terms: SessionTerms | None, now: float) -> None:
        self._terms = terms
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if terms is None:
            return
        if terms.is_refreshed_by_us:
            self._schedule(now + terms.refresh_s, self._on_refresh_due)
        else:
            self._schedule(now + terms.expiry_s, self._on_expired)

    def _schedule(self, when: float, action: Callable[[float], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._context.timers.schedule(when, action)

    def _on_refresh_due(self, now: float) -> None:
        """Send a sign of life; its answer restarts the clock, and without one the call is lost."""
        self._timer = None
        is_sent = self._refresh(now)
        if self._timer is None:
            interval_s = 0 if self._terms is None else self._terms.interval_s
            wait_s = max(_TRY_AGAIN_S, interval_s / 6) if is_sent else _TRY_AGAIN_S
            self._schedule(now + wait_s, self._on_refresh_due)

    def _on_expired(self, now: float) -> None:
        self._timer = None
        self._expire(now)
