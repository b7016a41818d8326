"""A call after its 2xx, the same for both directions: BYE, INFO, re-INVITE, REFER (RFC 3261 14, 15)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from linegram.errors import UnexpectedEventError
from linegram.sip.account import Account
from linegram.sip.acknowledgement import AnswerRepeater, send_bye, send_in_dialog
from linegram.sip.bodies import answer_of
from linegram.sip.call_table import CallTable
from linegram.sip.context import EndpointContext
from linegram.sip.dialog import Dialog
from linegram.sip.events import (
    CallConfirmed,
    CallEnded,
    CallHandle,
    EndCause,
    InfoReceived,
)
from linegram.sip.message import Request, Response
from linegram.sip.refers import Refers
from linegram.sip.reoffers import Reoffers
from linegram.sip.session_refresh import SessionRefresh
from linegram.sip.transaction import ServerTransaction
from linegram.sip.update import send_refresh
from linegram.sip.uri import SipUri


class CallState(Enum):
    """Where an answered call stands. UNCONFIRMED: our 2xx waits for its ACK."""

    UNCONFIRMED = "unconfirmed"
    TALKING = "talking"
    LEAVING = "leaving"
    ENDED = "ended"


class CallInput(Enum):
    """What can happen to it."""

    ACKED = "acked"
    NEVER_ACKED = "never acked"
    HANG_UP = "hang up"
    REMOTE_BYE = "remote BYE"
    LOST = "dialog lost"


class CallStep(Enum):
    """What is done, in the order of the row. A report is made once, with the cause named by the row."""

    SEND_BYE = "send BYE"
    REPORT_CONFIRMED = "report confirmed"
    REPORT_END = "report the end"
    RELEASE = "release the dialog"


@dataclass(frozen=True, slots=True)
class Row:
    """The new state, what to do, and the cause if it ends the call."""

    state: CallState
    steps: tuple[CallStep, ...] = ()
    cause: EndCause = EndCause.LOCAL_BYE


_OURS: Final = (CallStep.SEND_BYE, CallStep.REPORT_END, CallStep.RELEASE)
_THEIRS: Final = Row(CallState.ENDED, (CallStep.REPORT_END, CallStep.RELEASE), EndCause.REMOTE_BYE)

# RFC 3261 15: the callee must not send BYE before its 2xx is acknowledged or given up.
TRANSITIONS: Final[Mapping[tuple[CallState, CallInput], Row]] = {
    (CallState.UNCONFIRMED, CallInput.ACKED): Row(CallState.TALKING, (CallStep.REPORT_CONFIRMED,)),
    (CallState.UNCONFIRMED, CallInput.NEVER_ACKED): Row(CallState.ENDED, _OURS, EndCause.NOT_ACKNOWLEDGED),
    (CallState.UNCONFIRMED, CallInput.HANG_UP): Row(CallState.LEAVING, (CallStep.REPORT_END,)),
    (CallState.UNCONFIRMED, CallInput.REMOTE_BYE): _THEIRS,
    (CallState.UNCONFIRMED, CallInput.LOST): Row(CallState.ENDED, _OURS, EndCause.DIALOG_LOST),
    (CallState.TALKING, CallInput.ACKED): Row(CallState.TALKING),
    (CallState.TALKING, CallInput.HANG_UP): Row(CallState.ENDED, _OURS),
    (CallState.TALKING, CallInput.REMOTE_BYE): _THEIRS,
    (CallState.TALKING, CallInput.LOST): Row(CallState.ENDED, _OURS, EndCause.DIALOG_LOST),
    (CallState.LEAVING, CallInput.ACKED): Row(CallState.ENDED, (CallStep.SEND_BYE, CallStep.RELEASE)),
    (CallState.LEAVING, CallInput.NEVER_ACKED): Row(CallState.ENDED, (CallStep.SEND_BYE, CallStep.RELEASE)),
    (CallState.LEAVING, CallInput.HANG_UP): Row(CallState.LEAVING),
    (CallState.LEAVING, CallInput.REMOTE_BYE): Row(CallState.ENDED, (CallStep.RELEASE,)),
    (CallState.LEAVING, CallInput.LOST): Row(CallState.ENDED, (CallStep.SEND_BYE, CallStep.RELEASE)),
    (CallState.ENDED, CallInput.ACKED): Row(CallState.ENDED),
    (CallState.ENDED, CallInput.LOST): Row(CallState.ENDED),
}


class EstablishedCall:
    """One answered call and its dialog."""

    __slots__ = (
        "_account",
        "_calls",
        "_context",
        "_ending",
        "_has_update",
        "_repeater",
        "_session",
        "dialog",
        "handle",
        "refers",
        "reoffers",
        "state",
    )

    def __init__(
        self,
        context: EndpointContext,
        calls: CallTable,
        account: Account,
        *,
        dialog: Dialog,
        handle: CallHandle,
    ) -> None:
        self._context = context
        self._calls = calls
        self._account = account
        self.dialog = dialog
        self.handle = handle
        self.state = CallState.TALKING
        self._ending = CallEnded(handle, EndCause.LOCAL_BYE)
        self._has_update = False
        self._repeater: AnswerRepeater | None = None
        self._session = SessionRefresh(
            context, refresh=self._refresh_session, expire=self._on_session_expired
        )
        self.refers = Refers(context, account, dialog, handle)
        self.reoffers = Reoffers(
            context, account, dialog, handle, session=self._session, on_lost=self.on_dialog_lost
        )
        calls.put(handle, self)
        calls.dialogs[dialog.key] = self

    def begin(self, response: Response, sdp: bytes, now: float) -> None:
        """Take up the call that this 2xx to our INVITE made; `sdp` is what we offered."""
        self._learn_abilities(response)
        self.reoffers.sdp = sdp
        self._session.learn(response, now)

    def await_ack(self, transaction: ServerTransaction, response: Response, now: float) -> None:
        """Send the 2xx that establishes the call, until its ACK comes."""
        self.state = CallState.UNCONFIRMED
        self._learn_abilities(transaction.request)
        self.reoffers.sdp = response.body
        self._session.answer(transaction.request, response, now)
        self._repeater = AnswerRepeater(self._context, transaction, response, self._on_never_acked)
        self._repeater.start(now)

    def take(
        self, happening: CallInput, now: float, ending: CallEnded | None = None, sdp: bytes = b""
    ) -> None:
        """Follow the row of the present state; `ending` adds details to the cause that the row names."""
        row = TRANSITIONS.get((self.state, happening))
        if row is None:
            raise UnexpectedEventError(self.state, happening)
        self.state = row.state
        self._ending = ending or CallEnded(self.handle, row.cause)
        for step in row.steps:
            self._perform(step, now, sdp)

    def hang_up(self, now: float, reason_header: str = "") -> None:
        """Send BYE now, or as soon as our 2xx is acknowledged."""
        self.take(
            CallInput.HANG_UP, now, CallEnded(self.handle, EndCause.LOCAL_BYE, reason_header=reason_header)
        )

    def send_info(self, content_type: str, body: bytes, now: float) -> None:
        """Send an INFO; only a 408 or 481 to it has consequences (RFC 6086 4.2.2)."""
        request = self.dialog.make_request("INFO")
        request.headers.add("Content-Type", content_type)
        request.body = body
        exchange = send_in_dialog(self._context, self._account, self.dialog, request)
        exchange.start(now, self._on_info_response)

    def reoffer(self, sdp: bytes, now: float) -> bool:
        """Send a re-INVITE; False when one of either side's is under way (14.1)."""
        return self.state is CallState.TALKING and self.reoffers.send(sdp, now)

    def refer(self, target: SipUri, now: float) -> bool:
        """Ask the far end to call `target`; False when an earlier REFER is open or the call is not up."""
        return self.state is CallState.TALKING and self.refers.send(target, now)

    def receive(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """Answer a request of the far side inside the dialog."""
        if not self.dialog.is_in_order(request):
            self._respond(transaction, 500, now)
            return
        match request.method:
            case "BYE":
                self._respond(transaction, 200, now)
                reason = request.headers.get("Reason") or ""
                self.take(
                    CallInput.REMOTE_BYE,
                    now,
                    CallEnded(self.handle, EndCause.REMOTE_BYE, reason_header=reason),
                )
            case "INVITE" | "UPDATE" if self.state is CallState.TALKING:
                self._learn_abilities(request)
                self.reoffers.receive(transaction, now)
            case "INVITE" | "UPDATE":
                self.reoffers.refuse_for_now(transaction, now)
            case "INFO":
                self._respond(transaction, 200, now)
                self._context.emit(InfoReceived(self.handle, request.content_type or "", request.body))
            case "REFER":
                self.refers.receive(transaction, now)
            case "NOTIFY":
                self.refers.on_notify(transaction, now)
            case "OPTIONS":
                self._respond(transaction, 200, now)
            case _:
                self._respond(transaction, 405, now)

    def on_ack(self, ack: Request, now: float) -> None:
        """Take the ACK for our 2xx, of the first INVITE or of a re-INVITE."""
        if self._repeater is not None:
            self._repeater.stop()
            self._repeater = None
            self.take(CallInput.ACKED, now, sdp=answer_of(ack))
        else:
            self.reoffers.on_ack(ack, now)

    def on_dialog_lost(self, status: int, reason: str, now: float) -> None:
        """End a call that the far side no longer knows (12.2.1.2)."""
        self.take(CallInput.LOST, now, CallEnded(self.handle, EndCause.DIALOG_LOST, status, reason))

    def _learn_abilities(self, message: Request | Response) -> None:
        allowed = message.headers.get_all("Allow")
        if allowed:
            self._has_update = "UPDATE" in allowed

    def _refresh_session(self, now: float) -> bool:
        """Send a sign of life: an UPDATE where the far end knows it, else our last offer again."""
        if not self._has_update:
            return self.reoffer(self.reoffers.sdp, now)
        send_refresh(
            self._context,
            self._account,
            self.dialog,
            self._session,
            now=now,
            on_lost=self._on_sign_of_life_lost,
        )
        return True

    def _on_sign_of_life_lost(self, status: int, reason: str, now: float) -> None:
        if self.state is not CallState.ENDED:
            self.on_dialog_lost(status, reason, now)

    def _on_session_expired(self, now: float) -> None:
        self.on_dialog_lost(408, "no sign of life from the far end", now)

    def _respond(self, transaction: ServerTransaction, status: int, now: float) -> None:
        transaction.respond(self._context.make_response(transaction.request, status), now)

    def _on_never_acked(self, now: float) -> None:
        self._repeater = None
        self.take(CallInput.NEVER_ACKED, now)

    def _on_info_response(self, response: Response, now: float) -> None:
        if response.status in {408, 481}:
            self._on_sign_of_life_lost(response.status, response.reason, now)

    def _perform(self, step: CallStep, now: float, sdp: bytes) -> None:
        actions: Mapping[CallStep, Callable[[], None]] = {
            CallStep.SEND_BYE: lambda: send_bye(
                self._context, self._account, self.dialog, now, reason_header=self._ending.reason_header
            ),
            CallStep.REPORT_CONFIRMED: lambda: self._context.emit(CallConfirmed(self.handle, sdp)),
            CallStep.REPORT_END: lambda: self._calls.end(self._ending),
            CallStep.RELEASE: lambda: self._release(now),
        }
        actions[step]()

    def _release(self, now: float) -> None:
        self._session.stop()
        self.reoffers.abandon(now)
        self.refers.abandon(now)
        if self._repeater is not None:
            self._repeater.stop()
            self._repeater = None
        self._calls.dialogs.pop(self.dialog.key, None)
