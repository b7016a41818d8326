"""Moving a call to somebody else: REFER, and the NOTIFYs that tell how it goes (RFC 3515, 3892, 4488).

Ours: we ask the far end to call a third party. Theirs: the far end asks us.
Who calls whom then, and what becomes of this call, is decided by the application.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, Protocol

from linegram.errors import RemoteProtocolError, UnexpectedEventError
from linegram.sip.account import Account
from linegram.sip.acknowledgement import send_in_dialog
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import Dialog
from linegram.sip.grammar import find_parameter, parse_parameters
from linegram.sip.headers import NameAddress
from linegram.sip.message import REASON_PHRASES, Request, Response
from linegram.sip.timers import Timer
from linegram.sip.transaction import RequestFailure, ServerTransaction
from linegram.sip.uri import SipUri

EVENT: Final = "refer"
SIPFRAG: Final = "message/sipfrag"
_STATUS_LINE: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})(?: ([^\r\n]*))?(?:\r|\n|$)").match
_NOTIFY_EXPIRES_S: Final = 180


class ReferState(Enum):
    """Where a REFER of ours stands."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    ENDED = "ended"


class ReferInput(Enum):
    """What can happen to it. A NOTIFY may overtake the 202, and says the same."""

    SUCCESS = "2xx"
    FAILURE = "3xx-6xx, or no response"
    PROGRESS = "NOTIFY of a 1xx"
    OUTCOME = "NOTIFY of a final status"
    TIME_OUT = "time out"


class ReferStep(Enum):
    """What is reported."""

    REPORT_PROGRESS = "report progress"
    REPORT_END = "report the end"


class Row(NamedTuple):
    """The new state and what to do."""

    state: ReferState
    steps: tuple[ReferStep, ...] = ()


_OVER: Final = Row(ReferState.ENDED, (ReferStep.REPORT_END,))

TRANSITIONS: Final[Mapping[tuple[ReferState, ReferInput], Row]] = {
    (ReferState.ASKED, ReferInput.SUCCESS): Row(ReferState.ACCEPTED, (ReferStep.REPORT_PROGRESS,)),
    (ReferState.ASKED, ReferInput.FAILURE): _OVER,
    (ReferState.ASKED, ReferInput.PROGRESS): Row(ReferState.ACCEPTED, (ReferStep.REPORT_PROGRESS,)),
    (ReferState.ASKED, ReferInput.OUTCOME): _OVER,
    (ReferState.ASKED, ReferInput.TIME_OUT): _OVER,
    (ReferState.ACCEPTED, ReferInput.SUCCESS): Row(ReferState.ACCEPTED),
    (ReferState.ACCEPTED, ReferInput.FAILURE): _OVER,
    (ReferState.ACCEPTED, ReferInput.PROGRESS): Row(ReferState.ACCEPTED, (ReferStep.REPORT_PROGRESS,)),
    (ReferState.ACCEPTED, ReferInput.OUTCOME): _OVER,
    (ReferState.ACCEPTED, ReferInput.TIME_OUT): _OVER,
    # The 202 or its loss, and notifications that were on their way.
    **{(ReferState.ENDED, late): Row(ReferState.ENDED) for late in ReferInput},
}


class ReferReport(NamedTuple):
    """What is known: `is_accepted` tells a refusal of the REFER from a failure of the call it asked for."""

    status: int
    reason: str
    is_accepted: bool


class ReferListener(Protocol):
    """The call that moves."""

    def on_refer_progress(self, report: ReferReport) -> None:
        """The far end took the REFER, or the third party is being called."""

    def on_refer_ended(self, report: ReferReport) -> None:
        """The third party answered or did not, or the REFER was refused; nothing more comes."""


class OutgoingRefer:
    """A REFER of ours, until the far end says what came of it."""

    __slots__ = ("_account", "_context", "_cseq", "_dialog", "_listener", "_report", "_timer", "state")

    def __init__(
        self, context: EndpointContext, account: Account, dialog: Dialog, listener: ReferListener
    ) -> None:
        self._context = context
        self._account = account
        self._dialog = dialog
        self._listener = listener
        self._report = ReferReport(0, "", is_accepted=False)
        self._cseq = 0
        self._timer: Timer | None = None
        self.state = ReferState.ASKED

    def start(self, target: SipUri, now: float) -> None:
        """Ask; a Replaces header in `target` makes the third party's call take a call's place."""
        request = self._dialog.make_request("REFER")
        request.headers.add("Refer-To", str(NameAddress("", target)))
        request.headers.add("Referred-By", str(NameAddress("", self._dialog.local.uri)))
        self._cseq = request.cseq.number
        exchange = send_in_dialog(self._context, self._account, self._dialog, request)
        exchange.before_repeat = lambda _, again: self._asked_again(again)
        exchange.start(now, self._on_response, self._on_failed)
        limit_s = self._context.config.refer_limit_s
        self._timer = self._context.timers.schedule(now + limit_s, self._on_limit)

    def is_meant_by(self, notify: Request) -> bool:
        """Say whether a NOTIFY is about this REFER; without an id it is about the only one (2.4.6)."""
        event, parameters = _event_of(notify)
        identity = find_parameter(parameters, "id")
        return event == EVENT and (identity is None or identity[1] == str(self._cseq))

    def on_notify(self, notify: Request) -> None:
        """Learn how it goes. Raises RemoteProtocolError for a body that is no status line."""
        has_ended = (notify.headers.get("Subscription-State") or "").strip().lower().startswith("terminated")
        if not notify.body and has_ended:
            self._take(ReferInput.OUTCOME, self._report)
            return
        status, reason = _read_sipfrag(notify)
        is_final = status >= 200 or has_ended
        happening = ReferInput.OUTCOME if is_final else ReferInput.PROGRESS
        self._take(happening, ReferReport(status, reason, is_accepted=True))

    def abandon(self) -> None:
        """Report nothing more: the call is over."""
        self.state = ReferState.ENDED
        self._stop_timer()

    def _asked_again(self, again: Request) -> None:
        self._cseq = again.cseq.number

    def _on_response(self, response: Response, _now: float) -> None:
        if response.status >= 300:
            report = ReferReport(response.status, response.reason, is_accepted=False)
            self._take(ReferInput.FAILURE, report)
        elif response.status >= 200:
            self._take(ReferInput.SUCCESS, ReferReport(100, "Trying", is_accepted=True))

    def _on_failed(self, reason: RequestFailure, _now: float) -> None:
        self._take(ReferInput.FAILURE, ReferReport(408, reason.value, is_accepted=False))

    def _on_limit(self, _now: float) -> None:
        self._timer = None
        is_accepted = self.state is ReferState.ACCEPTED
        self._take(ReferInput.TIME_OUT, ReferReport(408, "no outcome", is_accepted=is_accepted))

    def _take(self, happening: ReferInput, report: ReferReport) -> None:
        row = TRANSITIONS.get((self.state, happening))
        if row is None:
            raise UnexpectedEventError(self.state, happening)
        self.state = row.state
        if row.steps:
            self._report = report
        for step in row.steps:
            if step is ReferStep.REPORT_PROGRESS:
                self._listener.on_refer_progress(report)
            else:
                self._stop_timer()
                self._listener.on_refer_ended(report)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@dataclass(frozen=True, slots=True)
class ReferRequest:
    """What a REFER of theirs asks for: call `target`, in the place of the call that `replaces` names."""

    target: SipUri
    replaces: str
    referred_by: str

    @classmethod
    def of(cls, request: Request) -> "ReferRequest":
        """Read a REFER. Raises RemoteProtocolError unless it names exactly one target of a call (2.4.1)."""
        values = request.headers.get_all("Refer-To")
        if len(values) != 1:
            raise RemoteProtocolError("refer-to: exactly one expected")
        uri = NameAddress.parse(values[0]).uri
        if (uri.parameter("method") or "INVITE").upper() != "INVITE":
            raise RemoteProtocolError("REFER to something else than a call", status_hint=501)
        named = {name.lower(): value for name, value in uri.headers}
        target = SipUri(uri.scheme, uri.user, uri.host, uri.port, uri.parameters)
        return cls(target, named.get("replaces", ""), request.headers.get("Referred-By") or "")


class IncomingRefer:
    """A REFER of theirs: taken or refused, then told how the call that it asked for goes."""

    __slots__ = ("_account", "_context", "_dialog", "_event", "_is_open", "_is_silent", "_transaction")

    def __init__(
        self, context: EndpointContext, account: Account, dialog: Dialog, transaction: ServerTransaction
    ) -> None:
        self._context = context
        self._account = account
        self._dialog = dialog
        self._transaction = transaction
        request = transaction.request
        self._event = f"{EVENT};id={request.cseq.number}"
        self._is_silent = (request.headers.get("Refer-Sub") or "").strip().lower() == "false"
        self._is_open = False

    @property
    def is_open(self) -> bool:
        """Whether an outcome is still owed."""
        return self._is_open

    def accept(self, now: float) -> None:
        """Answer 202, and notify at once that the call is being placed (2.4.4)."""
        response = self._context.make_response(self._transaction.request, 202)
        response.headers.add("Contact", self._dialog.contact)
        if self._is_silent:
            response.headers.add("Refer-Sub", "false")
        self._transaction.respond(response, now)
        self._is_open = True
        self.report(100, "Trying", now)

    def reject(self, status: int, reason: str | None, now: float) -> None:
        """Refuse; the call stays as it is."""
        self._transaction.respond(self._context.make_response(self._transaction.request, status, reason), now)

    def report(self, status: int, reason: str | None, now: float) -> None:
        """Tell how the call goes; a final status is the last word."""
        if not self._is_open:
            return
        is_final = status >= 200
        self._is_open = not is_final
        if not self._is_silent:
            self._notify(status, reason, now, is_final=is_final)

    def _notify(self, status: int, reason: str | None, now: float, *, is_final: bool) -> None:
        request = self._dialog.make_request("NOTIFY")
        state = "terminated;reason=noresource" if is_final else f"active;expires={_NOTIFY_EXPIRES_S}"
        request.headers.add("Event", self._event)
        request.headers.add("Subscription-State", state)
        request.headers.add("Content-Type", f"{SIPFRAG};version=2.0")
        phrase = REASON_PHRASES.get(status, "Unknown") if reason is None else reason
        request.body = f"SIP/2.0 {status} {phrase}\r\n".encode()
        send_in_dialog(self._context, self._account, self._dialog, request).start(now)


def _event_of(notify: Request) -> tuple[str, tuple[tuple[str, str | None], ...]]:
    value = notify.headers.get("Event") or ""
    name, _, _ = value.partition(";")
    return name.strip().lower(), parse_parameters(value, len(name))


def _read_sipfrag(notify: Request) -> tuple[int, str]:
    match = _STATUS_LINE(notify.body.lstrip())
    if match is None:
        raise RemoteProtocolError("NOTIFY of a REFER without a status line")
    return int(match[1]), (match[2] or b"").decode(errors="replace").strip()
