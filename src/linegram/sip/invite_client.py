"""An outgoing call until it is answered: INVITE, early media, forks, CANCEL (RFC 3261 9.1, 13.2)."""

from collections.abc import Iterable

from linegram.errors import RemoteProtocolError, UnexpectedEventError
from linegram.sip.account import Account, Scheme
from linegram.sip.acknowledgement import send_bye
from linegram.sip.bodies import answer_of, put_sdp
from linegram.sip.call_table import CallTable
from linegram.sip.context import ALLOWED_METHODS, SUPPORTED_OPTIONS, EndpointContext
from linegram.sip.established_call import EstablishedCall
from linegram.sip.events import CallAnswered, CallEnded, CallHandle, EndCause, ProgressReceived
from linegram.sip.exchange import Exchange
from linegram.sip.forks import Fork, Forks
from linegram.sip.headers import CSeq, Headers, NameAddress
from linegram.sip.invite_table import TRANSITIONS, InviteInput, InviteState, InviteStep
from linegram.sip.invite_way import InviteWay
from linegram.sip.message import Request, Response
from linegram.sip.registrar_answer import read_seconds
from linegram.sip.session_timer import LEAST_S, ask, wished_least_s
from linegram.sip.timers import Timer
from linegram.sip.transaction import RequestFailure
from linegram.sip.transaction_requests import make_cancel
from linegram.sip.uri import SipUri


class InviteClient:
    """One outgoing INVITE and all that its forks answer."""

    __slots__ = (
        "_account",
        "_calls",
        "_context",
        "_cseq",
        "_early_sdp",
        "_ending",
        "_exchange",
        "_fork",
        "_forks",
        "_handle",
        "_hang_up_cause",
        "_has_longer_session",
        "_offer",
        "_timer",
        "_way",
        "state",
    )

    def __init__(
        self, context: EndpointContext, calls: CallTable, account: Account, handle: CallHandle
    ) -> None:
        self._context = context
        self._calls = calls
        self._account = account
        self._handle = handle
        self._cseq = 1
        self._fork: Fork | None = None
        self._forks = Forks(context, account, calls)
        self._early_sdp: dict[str, bytes] = {}
        self._exchange: Exchange | None = None
        self._timer: Timer | None = None
        self._has_longer_session = False
        self._hang_up_cause: EndCause | None = None
        self._offer = b""
        self._way = InviteWay(context, account)
        self._ending = CallEnded(handle, EndCause.UNREACHABLE)
        self.state = InviteState.TRYING
        calls.put(handle, self)

    def start(
        self, target: SipUri, sdp: bytes, now: float, *, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Send the INVITE with these further `headers`; without a resolved server the call ends at once."""
        problem = self._way.begin(target)
        if self._way.flow is None:
            self._calls.end(CallEnded(self._handle, EndCause.UNREACHABLE, reason=problem))
            return
        self._offer = sdp
        exchange = Exchange(
            self._context,
            self._account,
            self._make_invite(target, sdp, headers),
            flow=self._way.flow,
            next_cseq=self._next_cseq,
        )
        self._exchange = exchange
        self._timer = self._context.timers.schedule(
            now + self._context.config.ring_limit_s, self._on_ring_limit
        )
        exchange.start(now, self._on_response, self._on_failed)
        self._way.watch(self._on_silence, now)

    def hang_up(self, now: float, reason_header: str = "") -> None:
        """Cancel, as soon as the protocol allows it."""
        self._withdraw(EndCause.LOCAL_CANCEL, now, reason_header)

    def take(self, happening: InviteInput, now: float, response: Response | None = None) -> None:
        """Follow the row of the present state."""
        row = TRANSITIONS.get((self.state, happening))
        if row is None:
            raise UnexpectedEventError(self.state, happening)
        self.state = row.state
        for step in row.steps:
            self._perform(step, now, response)
        if self.state in {InviteState.ANSWERED, InviteState.ENDED}:
            self._stop_timer()
            self._way.rest()
            self._forks.release()

    def _perform(self, step: InviteStep, now: float, response: Response | None) -> None:
        match step:
            case InviteStep.REPORT_PROGRESS if response is not None:
                self._report_progress(response)
            case InviteStep.ESTABLISH if response is not None:
                self._establish(response, now)
            case InviteStep.ACKNOWLEDGE:
                self._acknowledge(now)
            case InviteStep.SEND_CANCEL:
                self._send_cancel(now)
            case InviteStep.REPORT_END:
                self._calls.end(self._ending)
            case InviteStep.ABANDON:
                self._abandon()
            case InviteStep.TURN:
                self._turn(now)

    def _abandon(self) -> None:
        if self._exchange is not None and self._exchange.transaction is not None:
            self._exchange.transaction.abandon()

    def _make_invite(self, target: SipUri, sdp: bytes, further: Iterable[tuple[str, str]]) -> Request:
        account = self._account
        headers = Headers()
        account.add_routes(headers)
        headers.add("Max-Forwards", "70")
        headers.add("From", str(account.address_of_record.with_tag(self._context.new_token())))
        headers.add("To", str(NameAddress("", target.without_parameters())))
        headers.add("Call-ID", self._context.new_token() + self._context.new_token())
        headers.add("CSeq", str(CSeq(self._cseq, "INVITE")))
        headers.add("Contact", self._contact(target))
        headers.add("Allow", ALLOWED_METHODS)
        headers.add("Supported", ", ".join(SUPPORTED_OPTIONS))
        headers.add("User-Agent", self._context.config.user_agent)
        for name, value in further:
            headers.add(name, value)
        request = Request("INVITE", target, headers)
        put_sdp(request, sdp)
        if self._context.config.session_s:
            ask(request, self._context.config.session_s)
        return request

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _on_response(self, response: Response, now: float) -> None:
        if response.status < 200:
            self._way.hear(response)
            self._on_provisional(response, now)
        elif response.status < 300:
            self._on_success(response, now)
        elif not self._has_asked_longer(response, now) and not self._has_turned(response, now):
            self._describe_end(response, EndCause.REMOTE_REJECT)
            self.take(InviteInput.FAILURE, now, response)

    def _on_provisional(self, response: Response, now: float) -> None:
        """Take a 1xx; a reliable one that is repeated or out of order says nothing (RFC 3262 4)."""
        if self.state in {InviteState.ANSWERED, InviteState.ENDED} or self._exchange is None:
            return
        if self._forks.take_provisional(response, self._exchange, now):
            self.take(InviteInput.PROVISIONAL, now, response)

    def _has_asked_longer(self, response: Response, now: float) -> bool:
        """Ask again with the session interval that a 422 wants, once (RFC 4028 7.3)."""
        least_s = wished_least_s(response) if response.status == 422 else 0
        exchange = self._exchange
        if exchange is None or not exchange.may_retry or self._has_longer_session or least_s <= LEAST_S:
            return False
        self._has_longer_session = True
        interval_s = max(self._context.config.session_s, least_s)
        exchange.repeat(now, lambda request: ask(request, interval_s, least_s=least_s))
        return True

    def _on_failed(self, reason: RequestFailure, now: float) -> None:
        if self._has_turned(None, now):
            return
        cause = EndCause.TIMEOUT if reason is RequestFailure.TIMEOUT else EndCause.UNREACHABLE
        text = "" if self._exchange is None else self._context.explain(reason, self._exchange.flow)
        self._ending = CallEnded(self._handle, self._hang_up_cause or cause, reason=text)
        self.take(InviteInput.NO_RESPONSE, now)

    def _has_turned(self, response: Response | None, now: float) -> bool:
        """Try another place of the server after a 503 or no answer, if nothing can ring twice."""
        if response is not None and response.status != 503:
            return False
        exchange = self._exchange
        if exchange is None or not exchange.may_retry or not self._way.turn(response, now):
            return False
        self.take(InviteInput.ELSEWHERE, now)
        return True

    def _turn(self, now: float) -> None:
        exchange, flow = self._exchange, self._way.flow
        if exchange is not None and flow is not None:
            contact = self._contact(exchange.request.uri)
            exchange.turn_to(flow, now, lambda request: request.headers.set("Contact", contact))
            self._way.watch(self._on_silence, now)

    def _contact(self, target: SipUri) -> str:
        """Ours on the way of the INVITE; to a sips URI it is one, too (RFC 3261 8.1.1.8)."""
        scheme: Scheme = "sips" if target.scheme == "sips" else "sip"
        return str(NameAddress("", self._account.contact_uri(self._way.flow, scheme=scheme)))

    def _on_silence(self, now: float) -> None:
        """Do not wait for the full timeout where another place may answer."""
        if self._exchange is not None and self._exchange.may_retry:
            self._abandon()
            self._on_failed(RequestFailure.TIMEOUT, now)

    def _on_ring_limit(self, now: float) -> None:
        self._timer = None
        self._withdraw(EndCause.TIMEOUT, now, "")

    def _on_give_up(self, now: float) -> None:
        self._timer = None
        self.take(InviteInput.GIVE_UP, now)

    def _withdraw(self, cause: EndCause, now: float, reason_header: str) -> None:
        if self._hang_up_cause is None:
            self._hang_up_cause = cause
            self._ending = CallEnded(self._handle, cause, reason_header=reason_header)
        if self._exchange is not None:
            self._exchange.may_retry = False
        self.take(InviteInput.HANG_UP, now)

    def _describe_end(self, response: Response, cause: EndCause) -> None:
        self._ending = CallEnded(
            self._handle,
            self._hang_up_cause or cause,
            response.status,
            response.reason,
            read_seconds(response.headers.get("Retry-After")),
            response.headers.get("Reason") or "",
            tuple(response.headers.get_all("Contact")) if 300 <= response.status < 400 else (),
        )

    def _report_progress(self, response: Response) -> None:
        """Tell of a 101-199; its SDP, if any, answers our offer on that fork."""
        if response.status == 100:
            return
        fork, sdp = response.to.tag or "", answer_of(response)
        if sdp:
            self._early_sdp[fork] = sdp
        self._context.emit(ProgressReceived(self._handle, response.status, response.reason, sdp, fork))

    def _on_success(self, response: Response, now: float) -> None:
        """Take a 2xx; without a usable Contact and route it cannot be acknowledged, so the call fails."""
        if self._exchange is None:
            return
        try:
            self._fork = self._forks.confirm(response, self._exchange)
        except RemoteProtocolError:
            self._fail_unusable(response, now)
            return
        self._describe_end(response, EndCause.LOCAL_CANCEL)
        self.take(InviteInput.SUCCESS, now, response)

    def _fail_unusable(self, response: Response, now: float) -> None:
        if self.state not in {InviteState.ANSWERED, InviteState.ENDED}:
            self._describe_end(response, EndCause.UNREACHABLE)
            self.take(InviteInput.NO_RESPONSE, now)

    def _establish(self, response: Response, now: float) -> None:
        fork = self._acknowledged()
        call = EstablishedCall(
            self._context, self._calls, self._account, dialog=fork.dialog, handle=self._handle
        )
        call.begin(response, self._offer, now)
        sdp = answer_of(response) or self._early_sdp.get(response.to.tag or "", b"")
        self._context.emit(CallAnswered(self._handle, sdp))

    def _acknowledge(self, now: float) -> None:
        """ACK again; a fork that nobody waits for gets BYE as well, once."""
        is_new = self._fork is not None and not self._fork.is_acknowledged
        fork = self._acknowledged()
        if is_new:
            send_bye(self._context, self._account, fork.dialog, now)

    def _acknowledged(self) -> Fork:
        """Send the ACK of the fork whose 2xx came last."""
        fork = self._fork
        if fork is None or fork.ack is None:
            raise RuntimeError("a 2xx without its fork")
        fork.is_acknowledged = True
        fork.ack.send()
        return fork

    def _send_cancel(self, now: float) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        cancel = make_cancel(exchange.request)
        if self._ending.reason_header:
            cancel.headers.add("Reason", self._ending.reason_header)
        Bystander.send(self._context, cancel, exchange, now)
        self._stop_timer()
        self._timer = self._context.timers.schedule(
            now + self._context.config.durations.transaction_s, self._on_give_up
        )

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Bystander:
    """User of a CANCEL: the INVITE's own answer is what counts."""

    @classmethod
    def send(cls, context: EndpointContext, cancel: Request, exchange: Exchange, now: float) -> None:
        """Send the CANCEL on the way of its INVITE."""
        context.transactions.send_request(cancel, exchange.flow, cls(), now)

    def on_response(self, response: Response, now: float) -> None:
        """Nothing to do."""

    def on_request_failed(self, reason: RequestFailure, now: float) -> None:
        """Nothing to do."""
