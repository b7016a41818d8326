"""Watching an account's mailbox: a subscription that is kept up while the account is (RFC 3842, RFC 6665)."""

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

import structlog

from linegram.errors import RemoteProtocolError, UnexpectedEventError
from linegram.sip.account import Account
from linegram.sip.acknowledgement import send_in_dialog
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import Dialog
from linegram.sip.exchange import Exchange
from linegram.sip.grammar import find_parameter, parse_parameters
from linegram.sip.headers import CSeq, Headers, NameAddress
from linegram.sip.message import Request, Response
from linegram.sip.message_summary import CONTENT_TYPE, EVENT
from linegram.sip.registrar_answer import read_seconds
from linegram.sip.timers import Timer
from linegram.sip.transaction import RequestFailure

_log = structlog.get_logger()

EXPIRES_S: Final = 3600
_RETRY_S: Final = 300.0
_AGAIN_S: Final = 1.0
_HOPELESS: Final = frozenset({403, 404, 405, 410, 489, 501, 603, 604})
"""Answers of servers that have no mailbox for us, and will not have one."""


class WatchState(Enum):
    """Where a subscription stands."""

    ASKING = "asking"
    ACTIVE = "active"
    WAITING = "waiting"
    LEAVING = "leaving"
    OVER = "over"


class WatchInput(Enum):
    """What can happen to it."""

    ACCEPTED = "2xx"
    UNKNOWN = "481"
    FAILED = "failed"
    HOPELESS = "refused for good"
    ENDED = "NOTIFY: terminated"
    DUE = "timer"
    LEAVE = "leave"


class WatchStep(Enum):
    """What is done."""

    ASK = "subscribe anew"
    REFRESH = "refresh"
    LEAVE = "unsubscribe"
    WAIT_FOR_REFRESH = "wait for the refresh"
    WAIT_FOR_RETRY = "wait before trying again"


class Row(NamedTuple):
    """The new state and what to do."""

    state: WatchState
    steps: tuple[WatchStep, ...] = ()


_WAIT: Final = Row(WatchState.WAITING, (WatchStep.WAIT_FOR_RETRY,))
_OVER: Final = Row(WatchState.OVER)

TRANSITIONS: Final[Mapping[tuple[WatchState, WatchInput], Row]] = MappingProxyType(
    {
        (WatchState.ASKING, WatchInput.ACCEPTED): Row(WatchState.ACTIVE, (WatchStep.WAIT_FOR_REFRESH,)),
        (WatchState.ASKING, WatchInput.UNKNOWN): _WAIT,
        (WatchState.ASKING, WatchInput.FAILED): _WAIT,
        (WatchState.ASKING, WatchInput.HOPELESS): _OVER,
        (WatchState.ASKING, WatchInput.ENDED): _WAIT,
        (WatchState.ASKING, WatchInput.LEAVE): Row(WatchState.LEAVING),
        (WatchState.ACTIVE, WatchInput.DUE): Row(WatchState.ACTIVE, (WatchStep.REFRESH,)),
        (WatchState.ACTIVE, WatchInput.ACCEPTED): Row(WatchState.ACTIVE, (WatchStep.WAIT_FOR_REFRESH,)),
        (WatchState.ACTIVE, WatchInput.UNKNOWN): Row(WatchState.ASKING, (WatchStep.ASK,)),
        (WatchState.ACTIVE, WatchInput.FAILED): _WAIT,
        (WatchState.ACTIVE, WatchInput.HOPELESS): _OVER,
        (WatchState.ACTIVE, WatchInput.ENDED): _WAIT,
        (WatchState.ACTIVE, WatchInput.LEAVE): Row(WatchState.OVER, (WatchStep.LEAVE,)),
        (WatchState.WAITING, WatchInput.DUE): Row(WatchState.ASKING, (WatchStep.ASK,)),
        (WatchState.WAITING, WatchInput.LEAVE): _OVER,
        # An answer to what was asked before the end.
        **{
            (WatchState.WAITING, late): Row(WatchState.WAITING)
            for late in (
                WatchInput.ACCEPTED,
                WatchInput.UNKNOWN,
                WatchInput.FAILED,
                WatchInput.HOPELESS,
                WatchInput.ENDED,
            )
        },
        (WatchState.LEAVING, WatchInput.ACCEPTED): Row(WatchState.OVER, (WatchStep.LEAVE,)),
        **{
            (WatchState.LEAVING, failed): _OVER
            for failed in (WatchInput.UNKNOWN, WatchInput.FAILED, WatchInput.HOPELESS)
        },
        (WatchState.LEAVING, WatchInput.ENDED): Row(WatchState.LEAVING),
        (WatchState.LEAVING, WatchInput.LEAVE): Row(WatchState.LEAVING),
        **{(WatchState.OVER, late): _OVER for late in WatchInput},
    }
)


class MessageWatch:
    """One subscription; NOTIFYs come through `on_notify`."""

    __slots__ = (
        "_context",
        "_cseq",
        "_dialog",
        "_granted_s",
        "_local",
        "_retry_s",
        "_timer",
        "account",
        "sip_call_id",
        "state",
    )

    def __init__(self, context: EndpointContext, account: Account) -> None:
        self._context = context
        self.account = account
        self._cseq = 0
        self._granted_s = EXPIRES_S
        self._dialog: Dialog | None = None
        self._local = account.address_of_record
        self._retry_s = _RETRY_S
        self._timer: Timer | None = None
        self.sip_call_id = ""
        self.state = WatchState.ASKING

    def start(self, now: float) -> None:
        """Subscribe."""
        self._ask(now)

    def leave(self, now: float) -> None:
        """Unsubscribe."""
        self._take(WatchInput.LEAVE, now)

    def owns(self, notify: Request) -> bool:
        """Say whether a NOTIFY is of this subscription; it may overtake the 200 (RFC 6665 4.1.2.4)."""
        return notify.call_id == self.sip_call_id and notify.to.tag == self._local.tag

    def on_notify(self, notify: Request, now: float) -> None:
        """Follow the Subscription-State of a NOTIFY (RFC 6665 4.1.3)."""
        value = notify.headers.get("Subscription-State") or "active"
        state, _, _ = value.partition(";")
        if state.strip().lower() != "terminated":
            return
        parameters = parse_parameters(value, len(state))
        reason = (find_parameter(parameters, "reason") or ("", ""))[1] or ""
        asked_s = read_seconds((find_parameter(parameters, "retry-after") or ("", None))[1])
        if reason.lower() in {"rejected", "noresource", "invariant"}:
            self._take(WatchInput.HOPELESS, now)
            return
        is_brief = reason.lower() in {"deactivated", "timeout"}
        self._retry_s = _AGAIN_S if is_brief else float(asked_s or _RETRY_S)
        self._take(WatchInput.ENDED, now)

    def _take(self, happening: WatchInput, now: float) -> None:
        row = TRANSITIONS.get((self.state, happening))
        if row is None:
            raise UnexpectedEventError(self.state, happening)
        if row.state is not self.state:
            self._stop_timer()
        self.state = row.state
        for step in row.steps:
            self._perform(step, now)

    def _perform(self, step: WatchStep, now: float) -> None:
        match step:
            case WatchStep.ASK:
                self._ask(now)
            case WatchStep.REFRESH:
                self._send_in_dialog(EXPIRES_S, now)
            case WatchStep.LEAVE:
                self._send_in_dialog(0, now)
            case WatchStep.WAIT_FOR_REFRESH:
                self._set_timer(now + max(30.0, self._granted_s * self._context.spread(0.7, 0.9)))
            case WatchStep.WAIT_FOR_RETRY:
                self._set_timer(now + self._retry_s * self._context.spread(1.0, 1.2))
                self._retry_s = _RETRY_S

    def _ask(self, now: float) -> None:
        target = self.account.target
        if target is None:
            self._take(WatchInput.FAILED, now)
            return
        self._dialog = None
        self.sip_call_id = self._context.new_token() + self._context.new_token()
        self._local = self.account.address_of_record.with_tag(self._context.new_token())
        exchange = Exchange(
            self._context, self.account, self._make_subscribe(), flow=target.flow, next_cseq=self._next_cseq
        )
        exchange.start(now, self._on_answer_to(exchange), self._on_failed)

    def _make_subscribe(self) -> Request:
        account = self.account
        headers = Headers()
        account.add_routes(headers)
        headers.add("Max-Forwards", "70")
        headers.add("From", str(self._local))
        headers.add("To", str(account.address_of_record))
        headers.add("Call-ID", self.sip_call_id)
        headers.add("CSeq", str(CSeq(self._next_cseq(), "SUBSCRIBE")))
        headers.add("Contact", str(NameAddress("", account.contact_uri())))
        _put_terms(headers, EXPIRES_S)
        headers.add("User-Agent", self._context.config.user_agent)
        return Request("SUBSCRIBE", account.address_of_record.uri, headers)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _on_answer_to(self, exchange: Exchange) -> Callable[[Response, float], None]:
        def answered(response: Response, now: float) -> None:
            if 200 <= response.status < 300:
                self._establish(exchange, response, now)
            elif response.status >= 300:
                self._on_refusal(response, now)

        return answered

    def _establish(self, exchange: Exchange, response: Response, now: float) -> None:
        try:
            self._dialog = Dialog.from_response(
                exchange.request, response, account_id=self.account.account_id, flow=exchange.flow
            )
        except RemoteProtocolError:
            self._take(WatchInput.FAILED, now)
            return
        self._accepted(response, now)

    def _accepted(self, response: Response, now: float) -> None:
        granted_s = read_seconds(response.headers.get("Expires"))
        self._granted_s = EXPIRES_S if granted_s is None else granted_s
        self._take(WatchInput.ACCEPTED, now)

    def _send_in_dialog(self, expires_s: int, now: float) -> None:
        dialog = self._dialog
        if dialog is None:
            return
        request = dialog.make_request("SUBSCRIBE")
        _put_terms(request.headers, expires_s)
        send_in_dialog(self._context, self.account, dialog, request).start(
            now, self._on_answer_in_dialog, self._on_failed
        )

    def _on_answer_in_dialog(self, response: Response, now: float) -> None:
        if 200 <= response.status < 300:
            self._accepted(response, now)
        elif response.status >= 300:
            self._on_refusal(response, now)

    def _on_refusal(self, response: Response, now: float) -> None:
        _log.info(
            "mailbox_watch_refused", account_id=self.account.account_id, status=response.status,
            reason=response.reason,
        )  # fmt: skip
        self._retry_s = float(read_seconds(response.headers.get("Retry-After")) or _RETRY_S)
        if response.status in _HOPELESS:
            self._take(WatchInput.HOPELESS, now)
        else:
            self._take(WatchInput.UNKNOWN if response.status == 481 else WatchInput.FAILED, now)

    def _on_failed(self, _reason: RequestFailure, now: float) -> None:
        self._take(WatchInput.FAILED, now)

    def _set_timer(self, deadline: float) -> None:
        self._stop_timer()
        self._timer = self._context.timers.schedule(deadline, lambda now: self._take(WatchInput.DUE, now))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _put_terms(headers: Headers, expires_s: int) -> None:
    headers.add("Event", EVENT)
    headers.add("Accept", CONTENT_TYPE)
    headers.add("Expires", str(expires_s))
