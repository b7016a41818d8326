"""Keeps the way to each server open: one beat per flow, however many accounts use it."""

from collections.abc import Callable
from typing import Final

from linegram.sip.account import Account, KeepAliveMethod
from linegram.sip.context import ALLOWED_METHODS, EndpointContext
from linegram.sip.exchange import Exchange
from linegram.sip.flow import Flow, host_text
from linegram.sip.headers import CSeq, Headers
from linegram.sip.message import Request, Response
from linegram.sip.timers import Timer
from linegram.sip.uri import SipUri
from linegram.units import AccountId

_PING: Final = b"\r\n\r\n"


class _Beat:
    """The accounts on one flow and the timer that serves them all."""

    __slots__ = ("has_ponged", "members", "pong_due", "timer")

    def __init__(self) -> None:
        self.members: dict[AccountId, Account] = {}
        self.timer: Timer | None = None
        self.pong_due: Timer | None = None
        self.has_ponged = False

    def stop(self) -> None:
        """Cancel what is planned."""
        for timer in (self.timer, self.pong_due):
            if timer is not None:
                timer.cancel()


class KeepAlives:
    """All flows in use. `on_dead` gets the accounts of a flow whose server stopped answering OPTIONS."""

    def __init__(self, context: EndpointContext, on_dead: Callable[[list[Account], float], None]) -> None:
        self._context = context
        self._on_dead = on_dead
        self._beats: dict[Flow, _Beat] = {}
        self._flow_of: dict[AccountId, Flow] = {}
        self._cseq = 0

    def follow(self, account: Account, now: float) -> None:
        """Count an account to the flow that it uses now."""
        flow = None if account.target is None else account.target.flow
        if flow == self._flow_of.get(account.account_id):
            return
        self.leave(account.account_id)
        if flow is None:
            return
        self._flow_of[account.account_id] = flow
        beat = self._beats.setdefault(flow, _Beat())
        beat.members[account.account_id] = account
        if beat.timer is None and account.config.keep_alive is not KeepAliveMethod.OFF:
            self._schedule(flow, beat, account, now)

    def leave(self, account_id: AccountId) -> None:
        """Count an account out."""
        flow = self._flow_of.pop(account_id, None)
        beat = None if flow is None else self._beats.get(flow)
        if flow is None or beat is None:
            return
        beat.members.pop(account_id, None)
        if not beat.members:
            del self._beats[flow]
            beat.stop()

    def accounts_on(self, flow: Flow) -> list[Account]:
        """Everybody who uses a flow."""
        beat = self._beats.get(flow)
        return [] if beat is None else list(beat.members.values())

    def receive_pong(self, flow: Flow, now: float) -> None:  # noqa: ARG002 - every input carries its time
        """Know that a server answers keep-alives: from now on its silence means that the flow is dead."""
        beat = self._beats.get(flow)
        if beat is None:
            return
        beat.has_ponged = True
        if beat.pong_due is not None:
            beat.pong_due.cancel()
            beat.pong_due = None

    def _schedule(self, flow: Flow, beat: _Beat, account: Account, now: float) -> None:
        delay_s = account.config.keep_alive_s * self._context.spread(0.8, 1.0)
        beat.timer = self._context.timers.schedule(now + delay_s, lambda at: self._beat(flow, at))

    def _beat(self, flow: Flow, now: float) -> None:
        beat = self._beats.get(flow)
        if beat is None:
            return
        beat.timer = None
        speaker = next(
            (a for a in beat.members.values() if a.config.keep_alive is not KeepAliveMethod.OFF), None
        )
        if speaker is None:
            return
        if speaker.config.keep_alive is KeepAliveMethod.OPTIONS:
            self._send_options(speaker, flow, now)
        else:
            self._ping(flow, beat, now)
        self._schedule(flow, beat, speaker, now)

    def _ping(self, flow: Flow, beat: _Beat, now: float) -> None:
        """Ask whether a connection lives (RFC 5626 4.4.1); over UDP the packet itself is all that counts."""
        self._context.send(flow, _PING)
        if flow.transport.is_reliable and beat.has_ponged and beat.pong_due is None:
            beat.pong_due = self._context.timers.schedule(
                now + self._context.config.pong_s, lambda _at: self._miss_pong(flow, beat)
            )

    def _miss_pong(self, flow: Flow, beat: _Beat) -> None:
        beat.pong_due = None
        beat.has_ponged = False
        self._context.fail_flow(flow, "the server does not answer keep-alives")

    def _send_options(self, account: Account, flow: Flow, now: float) -> None:
        exchange = Exchange(
            self._context, account, self._make_options(account), flow=flow, next_cseq=self._next_cseq
        )
        exchange.start(now, _ignore, lambda _reason, at: self._report_dead(flow, at))

    def _report_dead(self, flow: Flow, now: float) -> None:
        self._context.fail_flow(flow, "the server does not answer keep-alives")
        self._on_dead(self.accounts_on(flow), now)

    def _make_options(self, account: Account) -> Request:
        address = account.address_of_record
        headers = Headers()
        account.add_routes(headers, has_service=False)
        headers.add("Max-Forwards", "70")
        headers.add("From", str(address.with_tag(self._context.new_token())))
        headers.add("To", f"<sip:{host_text(account.domain)}>")
        headers.add("Call-ID", self._context.new_token())
        headers.add("CSeq", str(CSeq(self._next_cseq(), "OPTIONS")))
        headers.add("Allow", ALLOWED_METHODS)
        headers.add("User-Agent", self._context.config.user_agent)
        return Request("OPTIONS", SipUri("sip", None, account.domain), headers)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq


def _ignore(_response: Response, _now: float) -> None:
    """Any answer at all proves that the server lives."""
