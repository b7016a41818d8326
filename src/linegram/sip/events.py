"""What an endpoint tells its application: facts in the past tense, plain data."""

from dataclasses import dataclass
from enum import Enum
from typing import NewType

from linegram.sip.caller_identity import CallerIdentity
from linegram.sip.flow import Flow
from linegram.sip.headers import NameAddress
from linegram.sip.message_summary import MessageSummary
from linegram.sip.uri import SipUri
from linegram.units import AccountId

CallHandle = NewType("CallHandle", int)
"""Names one call of one endpoint; rises, never reused."""


class RegistrationState(Enum):
    """What an account's registration has come to."""

    REGISTERED = "registered"
    RETRYING = "retrying"
    REFUSED = "refused"
    UNREGISTERED = "unregistered"


class EndCause(Enum):
    """How a call ended, as seen from SIP."""

    LOCAL_BYE = "local BYE"
    REMOTE_BYE = "remote BYE"
    LOCAL_CANCEL = "local CANCEL"
    REMOTE_CANCEL = "remote CANCEL"
    LOCAL_REJECT = "local reject"
    REMOTE_REJECT = "remote reject"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    NOT_ACKNOWLEDGED = "not acknowledged"
    DIALOG_LOST = "dialog lost"


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """The registration of an account got a new state, status or set of other bindings.

    `status` is 0 when nobody answered. `other_contacts` are the AoR's bindings that are not ours.
    """

    account_id: AccountId
    state: RegistrationState
    status: int
    reason: str
    expires_s: float = 0.0
    other_contacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetNeeded:
    """An account's server must be located; `SipEndpoint.set_targets` takes the answer.

    `redirected_to` is where its registrar sends us instead of the configured server.
    """

    account_id: AccountId
    redirected_to: SipUri | None = None


@dataclass(frozen=True, slots=True)
class FlowFailed:
    """A connection is up but dead; the shell drops it, and the next message opens another."""

    flow: Flow
    reason: str


@dataclass(frozen=True, slots=True)
class InviteReceived:
    """Somebody calls one of our accounts. `sdp` is empty when the offer is left to us.

    `replaces` is the call that this one takes the place of, once it is answered (RFC 3891).
    """

    handle: CallHandle
    account_id: AccountId
    caller: CallerIdentity
    called: NameAddress
    sdp: bytes
    sip_call_id: str
    replaces: CallHandle | None = None


@dataclass(frozen=True, slots=True)
class ProgressReceived:
    """The far side is being alerted.

    `fork` tells the branches of a forked call apart; `sdp` answers our offer for early media.
    """

    handle: CallHandle
    status: int
    reason: str
    sdp: bytes
    fork: str


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The far side answered our INVITE; `sdp` is its answer (that of its own 18x when the 200 had none)."""

    handle: CallHandle
    sdp: bytes


@dataclass(frozen=True, slots=True)
class CallConfirmed:
    """The caller acknowledged our answer; `sdp` answers the offer that we made in it, else it is empty."""

    handle: CallHandle
    sdp: bytes


@dataclass(frozen=True, slots=True)
class ReofferReceived:
    """The far side wants to change the media; `sdp` is empty when it asks us for an offer."""

    handle: CallHandle
    sdp: bytes


@dataclass(frozen=True, slots=True)
class ReofferConfirmed:
    """The far side's re-INVITE is complete; `sdp` answers the offer that it asked us for, else is empty."""

    handle: CallHandle
    sdp: bytes


@dataclass(frozen=True, slots=True)
class ReofferAnswered:
    """The far side took our re-INVITE."""

    handle: CallHandle
    sdp: bytes


@dataclass(frozen=True, slots=True)
class ReofferRefused:
    """The far side declined our re-INVITE; the call goes on as before."""

    handle: CallHandle
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class InfoReceived:
    """An INFO came inside a call (DTMF, as a rule); it has been answered."""

    handle: CallHandle
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class MessagesWaiting:
    """The server told how many voice messages wait for an account."""

    account_id: AccountId
    summary: MessageSummary


@dataclass(frozen=True, slots=True)
class ReferProgressed:
    """The far end took our REFER, or tells how far its call to the third party has come (a 1xx)."""

    handle: CallHandle
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class ReferEnded:
    """What came of our REFER: the status of the far end's call to the third party.

    Without `is_accepted` it is the refusal of the REFER itself: nobody was called.
    """

    handle: CallHandle
    status: int
    reason: str
    is_accepted: bool


@dataclass(frozen=True, slots=True)
class ReferReceived:
    """The far end asks us to call `target`; `SipEndpoint.accept_refer` or `reject_refer` answers.

    `replaces` is the value of the Replaces header for that call, empty without one.
    """

    handle: CallHandle
    target: SipUri
    replaces: str
    referred_by: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call is over; exactly one for each handle.

    `status` and `reason` are those of the final response, 0 when there was none. `reason_header` is the
    Reason header of a BYE, CANCEL or response. `contacts` are where a 3xx redirects to.
    """

    handle: CallHandle
    cause: EndCause
    status: int = 0
    reason: str = ""
    retry_after_s: int | None = None
    reason_header: str = ""
    contacts: tuple[str, ...] = ()


SipEvent = (
    RegistrationChanged
    | TargetNeeded
    | FlowFailed
    | InviteReceived
    | ProgressReceived
    | CallAnswered
    | CallConfirmed
    | ReofferReceived
    | ReofferConfirmed
    | ReofferAnswered
    | ReofferRefused
    | InfoReceived
    | MessagesWaiting
    | ReferProgressed
    | ReferEnded
    | ReferReceived
    | CallEnded
)
