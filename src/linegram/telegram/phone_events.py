"""What happens to a Telegram call, and what is to be done about it: data of the state machine `phone_call`.

Events are in the past tense, commands in the imperative. Pure.
"""

from dataclasses import dataclass
from enum import Enum

from linegram.calls.ports import DiscardReason, PhoneEvent
from linegram.link.voice import VoiceServer
from linegram.outcomes import EndReason
from linegram.telegram.key_exchange import CalleeExchange, CallerExchange


class State(Enum):
    """How far a call is."""

    NEW = "new"
    REQUESTING = "requesting"
    """We asked Telegram for a call; no answer yet."""
    WAITING = "waiting"
    """Telegram knows our call, no device of the employee does."""
    RINGING = "ringing"
    """A device of the employee rings."""
    CONFIRMING = "confirming"
    """The employee answered; our confirmation is on its way."""
    OFFERED = "offered"
    """Somebody calls us; nobody here has decided."""
    ACCEPTING = "accepting"
    """We accepted; the caller's confirmation is on its way."""
    DOUBTED = "doubted"
    """Telegram says that the call was accepted already: by us, the answer lost, or by our other device."""
    READY = "ready"
    """Both have the key: the voice leg may run."""
    ABANDONED = "abandoned"
    """Over for us while Telegram still owes the answer to our request: what it grants late is discarded."""
    ENDED = "ended"


class PeerReason(Enum):
    """Telegram's phoneCallDiscardReason, as we receive it."""

    MISSED = "missed"
    BUSY = "busy"
    HANG_UP = "hang_up"
    DISCONNECT = "disconnect"
    MIGRATED = "migrated"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CallReference:
    """Telegram's name of a call and our right to it."""

    phone_call_id: int
    access_hash: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a step of a call failed.

    `may_retry`: Telegram's own trouble, asking once more is right. `is_gone`:
    Telegram no longer has the call, or no longer for us.
    """

    reason: EndReason
    retry_after_s: int | None = None
    may_retry: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class VoiceTerms:
    """What Telegram settled for the voice of a call: common versions (best first), relays, P2P or not."""

    versions: tuple[str, ...]
    servers: tuple[VoiceServer, ...]
    is_p2p_allowed: bool
    custom_parameters: str | None = None


# ---- events


@dataclass(frozen=True, slots=True)
class CallAsked:
    """The hub wants this employee called."""

    exchange: CallerExchange


@dataclass(frozen=True, slots=True)
class CallOffered:
    """phoneCallRequested: somebody calls us."""

    reference: CallReference


@dataclass(frozen=True, slots=True)
class RequestGranted:
    """Telegram knows our call."""

    reference: CallReference


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """Telegram did not take our request for a call."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class RequestRefusedOnce:
    """It did not, but may if asked again: made by the machine from RequestRefused."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class PeerReached:
    """phoneCallWaiting with a receive_date: a device of the employee has our call."""


@dataclass(frozen=True, slots=True)
class PeerAccepted:
    """phoneCallAccepted: the employee answered our call."""

    g_b: bytes


@dataclass(frozen=True, slots=True)
class CallEstablished:
    """phoneCall: the call stands; for a caller it repeats our fingerprint."""

    g_a_or_b: bytes
    key_fingerprint: int
    terms: VoiceTerms


@dataclass(frozen=True, slots=True)
class KeyRejected:
    """The key exchange failed its checks: made by the machine."""

    problem: str


@dataclass(frozen=True, slots=True)
class StepRefused:
    """Telegram refused a step of a call that it had granted."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class CallTaken:
    """Telegram refused a step because the call was accepted already: made by the machine from StepRefused."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class PeerDiscarded:
    """phoneCallDiscarded: the call is over for Telegram."""

    reason: PeerReason


@dataclass(frozen=True, slots=True)
class AcceptAsked:
    """The hub wants the offered call accepted."""

    exchange: CalleeExchange


@dataclass(frozen=True, slots=True)
class EndAsked:
    """The hub wants the call over."""

    reason: DiscardReason


@dataclass(frozen=True, slots=True)
class SignalArrived:
    """Signalling bytes of the far voice leg came."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class SignalAsked:
    """Our voice leg has signalling bytes for the far one."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The state's timer ran out."""


Event = (
    CallAsked
    | CallOffered
    | RequestGranted
    | RequestRefused
    | RequestRefusedOnce
    | PeerReached
    | PeerAccepted
    | CallEstablished
    | KeyRejected
    | StepRefused
    | CallTaken
    | PeerDiscarded
    | AcceptAsked
    | EndAsked
    | SignalArrived
    | SignalAsked
    | DeadlinePassed
)


# ---- commands


@dataclass(frozen=True, slots=True)
class RequestCall:
    """phone.requestCall, with a fresh random_id each time."""

    g_a_hash: bytes


@dataclass(frozen=True, slots=True)
class ReceiveCall:
    """phone.receivedCall: lets the caller hear the ringing."""

    reference: CallReference


@dataclass(frozen=True, slots=True)
class AcceptCall:
    """phone.acceptCall."""

    reference: CallReference
    g_b: bytes


@dataclass(frozen=True, slots=True)
class ConfirmCall:
    """phone.confirmCall."""

    reference: CallReference
    g_a: bytes
    key_fingerprint: int


@dataclass(frozen=True, slots=True)
class DiscardCall:
    """phone.discardCall, until Telegram has taken it."""

    reference: CallReference
    reason: DiscardReason
    duration_s: int


@dataclass(frozen=True, slots=True)
class SendSignal:
    """phone.sendSignalingData."""

    reference: CallReference
    payload: bytes


@dataclass(frozen=True, slots=True)
class Tell:
    """Hand this event to the hub."""

    event: PhoneEvent


Command = RequestCall | ReceiveCall | AcceptCall | ConfirmCall | DiscardCall | SendSignal | Tell
