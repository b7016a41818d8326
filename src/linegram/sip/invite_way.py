"""Which places of a server an INVITE tries in turn; never two that could both ring (RFC 3263 4.3)."""

from collections.abc import Callable

from linegram.sip.account import Account
from linegram.sip.context import EndpointContext
from linegram.sip.flow import Flow, TransportName
from linegram.sip.headers import NameAddress
from linegram.sip.message import Response
from linegram.sip.next_hop import next_hop
from linegram.sip.timers import Timer
from linegram.sip.uri import SipUri


class InviteWay:
    """The way of one INVITE."""

    __slots__ = ("_account", "_context", "_has_answer", "_has_rung", "_timer", "_tried", "flow")

    def __init__(self, context: EndpointContext, account: Account) -> None:
        self._context = context
        self._account = account
        self._tried: frozenset[Flow] = frozenset()
        self._has_answer = False
        self._has_rung = False
        self._timer: Timer | None = None
        self.flow: Flow | None = None

    def begin(self, target: SipUri) -> str:
        """Choose where to go first; returns why that is impossible, or nothing."""
        place = self._account.target
        if place is None:
            return "server name not resolved"
        if target.scheme == "sips" and place.flow.transport is not TransportName.TLS:
            return "a sips address can only be called over TLS"
        self._take(self._by_service_route(place.flow))
        return ""

    def watch(self, on_silence: Callable[[float], None], now: float) -> None:
        """Call back when no answer at all has come for a while, if there is another place to try."""
        self.rest()
        if self._account.places.alternative(self._tried, now) is not None:
            self._timer = self._context.timers.schedule(now + self._context.config.silence_s, on_silence)

    def rest(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def hear(self, response: Response) -> None:
        """Take note of a provisional response."""
        self.rest()
        self._has_answer = True
        self._has_rung = self._has_rung or response.status > 100

    def turn(self, response: Response | None, now: float) -> bool:
        """Turn to the next place after a failure; False when there is none, or when it might ring twice.

        A silence tells nothing once the server has answered anything. A 503 ends the matter there, whatever
        came before it except ringing; only with Retry-After does it mean the whole server.
        """
        self.rest()
        if self._has_rung or (response is None and self._has_answer) or self.flow is None:
            return False
        if response is None or response.headers.get("Retry-After"):
            self._context.leave_place(self._account, self.flow, now)
        following = self._account.places.alternative(self._tried, now)
        if following is None:
            return False
        self._has_answer = False
        self._take(following.flow)
        return True

    def _take(self, flow: Flow) -> None:
        self.flow = flow
        self._tried |= {flow}

    def _by_service_route(self, flow: Flow) -> Flow:
        """The first hop that the registrar demands, unless an outbound proxy comes first (RFC 3608 6.1)."""
        route = self._account.service_route
        if not route or self._account.config.outbound_proxy_host:
            return flow
        return next_hop(NameAddress.parse(route[0]).uri, flow)
