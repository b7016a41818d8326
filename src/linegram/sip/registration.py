"""Keeps one account registered, by `registration_table`: REGISTER, refresh, removal (RFC 3261 10.2)."""

from typing import Protocol

from linegram.errors import UnexpectedEventError
from linegram.sip.account import Account
from linegram.sip.context import EndpointContext
from linegram.sip.events import RegistrationChanged, RegistrationState
from linegram.sip.exchange import Exchange
from linegram.sip.headers import CSeq, Headers, NameAddress
from linegram.sip.message import Request, Response
from linegram.sip.pacer import Pacer
from linegram.sip.registrar_answer import classify, read_granted, read_seconds
from linegram.sip.registration_table import TRANSITIONS, Happening, Phase, Step
from linegram.sip.registration_way import RegistrationWay
from linegram.sip.timers import Timer
from linegram.sip.transaction import RequestFailure
from linegram.sip.uri import SipUri

_STATES = {
    Phase.REGISTERED: RegistrationState.REGISTERED,
    Phase.WAITING: RegistrationState.RETRYING,
    Phase.REFUSED: RegistrationState.REFUSED,
    Phase.GONE: RegistrationState.UNREGISTERED,
}
_TARGET_FAILURES = frozenset({0, 408, 500, 503, 504})
_NOT_FOUND = "server name not resolved"


class RegistrationListener(Protocol):
    """Who keeps the accounts."""

    def on_bound(self, account: Account, now: float) -> None:
        """Our binding is in force at the account's target."""

    def on_gone(self, account: Account) -> None:
        """The account has left for good."""


class Registration:
    """The effort to keep one account's binding."""

    __slots__ = (
        "_account",
        "_bound_uri",
        "_call_id",
        "_context",
        "_cseq",
        "_exchange",
        "_expires_s",
        "_failures",
        "_from_tag",
        "_granted_s",
        "_is_awaiting_target",
        "_is_muted",
        "_listener",
        "_other_contacts",
        "_pacer",
        "_reported",
        "_retry_after_s",
        "_sent_uri",
        "_status",
        "_timer",
        "_way",
        "phase",
    )

    def __init__(
        self, context: EndpointContext, account: Account, pacer: Pacer, listener: RegistrationListener
    ) -> None:
        self.phase = Phase.IDLE
        self._context = context
        self._account = account
        self._pacer = pacer
        self._listener = listener
        self._call_id = context.new_token() + context.new_token()
        self._from_tag = context.new_token()
        self._cseq = 0
        self._expires_s = account.config.expires_s
        self._granted_s = 0
        self._failures = 0
        self._retry_after_s: int | None = None
        self._status: tuple[int, str] = (0, "")
        self._other_contacts: tuple[str, ...] = ()
        self._bound_uri: SipUri | None = None
        self._sent_uri: SipUri | None = None
        self._reported: RegistrationChanged | None = None
        self._way = RegistrationWay(context, account)
        self._exchange: Exchange | None = None
        self._is_awaiting_target = False
        self._is_muted = False
        self._timer: Timer | None = None

    def take(self, happening: Happening, now: float) -> None:
        """Follow the row of the current phase and `happening`."""
        row = TRANSITIONS.get((self.phase, happening))
        if row is None:
            raise UnexpectedEventError(self.phase, happening)
        if row.phase is not self.phase:
            self._stop_timer()
        self.phase = row.phase
        for step in row.steps:
            self._perform(step, now)

    def take_target(self, now: float) -> None:
        """Go on with what waited for the server's address."""
        if self._is_awaiting_target:
            self._is_awaiting_target = False
            if self.phase is Phase.SENDING:
                self._send(now)
            else:
                self._finish(Happening.FAILED, now, (0, _NOT_FOUND))

    def lose_target(self, now: float, problem: str = "") -> None:
        """Fail what waited for the server's address."""
        if self._is_awaiting_target:
            self._is_awaiting_target = False
            self._way.give_up_redirection()
            self._finish(Happening.FAILED, now, (0, problem or _NOT_FOUND))

    def mute(self) -> None:
        """Report nothing more: another registration speaks for the account now."""
        self._is_muted = True

    def abandon(self) -> None:
        """Stop without a word to the registrar: another registration takes over the same Contact."""
        self._stop_timer()
        self._is_awaiting_target = False
        self.phase = Phase.GONE

    def _perform(self, step: Step, now: float) -> None:
        match step:
            case Step.QUEUE:
                self._set_timer(self._pacer.next_slot(now))
            case Step.SEND:
                self._send(now)
            case Step.GIVE_UP:
                self._give_up_place(now)
            case Step.SEND_REMOVAL:
                self._send_removal(now)
            case Step.SCHEDULE_REFRESH:
                self._listener.on_bound(self._account, now)
                self._schedule_refresh(now)
            case Step.SCHEDULE_RETRY:
                self._set_timer(now + self._retry_delay_s())
            case Step.SCHEDULE_SLOW_RETRY:
                self._set_timer(now + self._context.config.refused_retry_s * self._context.spread(0.8, 1.2))
            case Step.REPORT:
                self._report()
            case Step.REPORT_GONE:
                self._report()
                self._listener.on_gone(self._account)

    def _set_timer(self, deadline: float) -> None:
        self._stop_timer()
        self._timer = self._context.timers.schedule(deadline, lambda now: self.take(Happening.DUE, now))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule_refresh(self, now: float) -> None:
        """Refresh at 70-90 % of what was granted; at once, but paced, when our Contact has moved since."""
        if self._bound_uri != self._account.contact_uri():
            self.take(Happening.RENEW, now)
        else:
            self._set_timer(now + max(1.0, self._granted_s * self._context.spread(0.7, 0.9)))

    def _retry_delay_s(self) -> float:
        """Twice as long after each failure, spread; never before the server's Retry-After."""
        config = self._context.config
        delay_s = min(config.retry_limit_s, config.retry_first_s * 2.0 ** min(self._failures - 1, 16))
        if self._retry_after_s is not None:
            return max(delay_s, self._retry_after_s) * self._context.spread(1.0, 1.2)
        return delay_s * self._context.spread(0.5, 1.0)

    def _report(self) -> None:
        status, reason = self._status
        event = RegistrationChanged(
            self._account.account_id,
            _STATES[self.phase],
            status,
            reason,
            float(self._granted_s),
            self._other_contacts,
        )
        if event != self._reported and not self._is_muted:
            self._reported = event
            self._context.emit(event)

    def _send(self, now: float) -> None:
        if self._way.choose(now) is None:
            self._is_awaiting_target = True
            return
        self._sent_uri = self._account.contact_uri()
        self._start_exchange(self._bindings(), now)
        if self._way.has_alternative(now):
            self._set_timer(now + self._context.config.silence_s)

    def _give_up_place(self, now: float) -> None:
        """Do not wait for the full timeout where another place may answer."""
        exchange = self._exchange
        if exchange is not None and exchange.transaction is not None:
            exchange.transaction.abandon()
            self._on_failed(RequestFailure.TIMEOUT, now)

    def _bindings(self) -> list[tuple[SipUri, int]]:
        """What to ask for: our present Contact, and the end of the one that it replaces."""
        if self._sent_uri is None:
            return []
        bindings = [(self._sent_uri, self._expires_s)]
        if self._bound_uri is not None and self._bound_uri != self._sent_uri:
            bindings.append((self._bound_uri, 0))
        return bindings

    def _send_removal(self, now: float) -> None:
        if self._bound_uri is None or self._account.target is None:
            self.take(Happening.GRANTED, now)
            return
        self._sent_uri = None
        self._start_exchange([(self._bound_uri, 0)], now)

    def _start_exchange(self, bindings: list[tuple[SipUri, int]], now: float) -> None:
        target = self._account.target
        if target is None:
            return
        exchange = Exchange(
            self._context,
            self._account,
            self._make_register(bindings),
            flow=target.flow,
            next_cseq=self._next_cseq,
        )
        exchange.before_repeat = self._correct_contact
        self._exchange = exchange
        exchange.start(now, self._on_response, self._on_failed)

    def _correct_contact(self, challenge: Response, request: Request) -> None:
        """Name our public place already in the repetition, when the challenge tells it."""
        self._account.learn_public_place(challenge)
        if self._sent_uri is not None:
            self._sent_uri = self._account.contact_uri()
            _put_contacts(request.headers, self._bindings())

    def _make_register(self, bindings: list[tuple[SipUri, int]]) -> Request:
        account = self._account
        address = account.address_of_record
        headers = Headers()
        account.add_routes(headers, has_service=False)
        headers.add("Max-Forwards", "70")
        headers.add("From", str(address.with_tag(self._from_tag)))
        headers.add("To", str(address))
        headers.add("Call-ID", self._call_id)
        headers.add("CSeq", str(CSeq(self._next_cseq(), "REGISTER")))
        _put_contacts(headers, bindings)
        headers.add("Expires", str(bindings[0][1]))
        headers.add("Supported", "path")
        headers.add("User-Agent", self._context.config.user_agent)
        return Request("REGISTER", self._way.registrar, headers)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _on_response(self, response: Response, now: float) -> None:
        if response.status < 200:
            return
        self._account.learn_public_place(response)
        self._retry_after_s = read_seconds(response.headers.get("Retry-After"))
        happening = classify(response.status)
        status = response.status, response.reason
        if happening is Happening.GRANTED:
            self._read_granted(response)
            if self._sent_uri is not None and not self._granted_s:
                happening, status = Happening.FAILED, (response.status, "the binding was not kept")
        elif happening is Happening.TOO_BRIEF and not self._lengthen(response):
            happening = Happening.FAILED
        elif happening is Happening.ELSEWHERE:
            if self._way.follow(response):
                self.take(happening, now)
                return
            happening = Happening.FAILED
        self._finish(happening, now, status)

    def _read_granted(self, response: Response) -> None:
        self._bound_uri = self._sent_uri
        self._account.service_route = tuple(response.headers.get_all("Service-Route"))
        if self._sent_uri is not None:
            granted = read_granted(response, self._sent_uri, asked_s=self._expires_s)
            self._granted_s = granted.expires_s
            self._other_contacts = granted.other_contacts

    def _lengthen(self, response: Response) -> bool:
        """Take the registrar's Min-Expires (RFC 3261 10.2.8); False if that changes nothing."""
        minimum_s = read_seconds(response.headers.get("Min-Expires")) or 0
        if minimum_s <= self._expires_s:
            return False
        self._expires_s = minimum_s
        return True

    def _on_failed(self, reason: RequestFailure, now: float) -> None:
        self._retry_after_s = None
        flow = None if self._exchange is None else self._exchange.flow
        text = reason.value if flow is None else self._context.explain(reason, flow)
        if flow is not None and reason is RequestFailure.TIMEOUT:
            self._context.fail_flow(flow, "the server does not answer on this connection")
        self._finish(Happening.FAILED, now, (0, text))

    def _finish(self, happening: Happening, now: float, status: tuple[int, str]) -> None:
        self._status = status
        self._exchange = None  # thousands of accounts would keep thousands of requests
        if happening is Happening.GRANTED:
            self._failures = 0
            self._way.arrive()
        elif happening is Happening.FAILED and self._has_turned(status[0], now):
            happening = Happening.ELSEWHERE
        else:
            self._failures += 1
            self._granted_s = 0
        self.take(happening, now)

    def _has_turned(self, status: int, now: float) -> bool:
        return status in _TARGET_FAILURES and self._way.turn(now, float(self._retry_after_s or 0))


def _put_contacts(headers: Headers, bindings: list[tuple[SipUri, int]]) -> None:
    headers.remove("Contact")
    for uri, expires_s in bindings:
        headers.add("Contact", str(NameAddress("", uri, (("expires", str(expires_s)),))))
