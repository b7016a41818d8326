"""What a worker reports to the hub. Past tense; numbered by the worker in `Numbered`."""

from typing import Any

import msgspec

from linegram.link.accounts import RegistrationState
from linegram.link.figures import LegFigures
from linegram.outcomes import EndReason
from linegram.units import AccountId, CallId, LegId


class WorkerDescribed(msgspec.Struct, frozen=True, tag=True):
    """What the worker can do; `engines` are the names of its voice engines."""

    engines: tuple[str, ...]


class RegistrationChanged(msgspec.Struct, frozen=True, tag=True):
    """An account's registration has a new state; `status` is the SIP status behind it, 0 if none came.

    `other_contacts` are where else the account is registered: a telephone on the desk, as a rule.
    """

    account_id: AccountId
    state: RegistrationState
    status: int = 0
    text: str = ""
    other_contacts: tuple[str, ...] = ()


class PbxCallArrived(msgspec.Struct, frozen=True, tag=True):
    """The PBX calls an account; the worker chose both ids. A caller who is not to be shown has no number."""

    call_id: CallId
    leg_id: LegId
    account_id: AccountId
    sip_call_id: str
    caller_number: str
    caller_name: str = ""
    diverted_by: str = ""


class PbxRinging(msgspec.Struct, frozen=True, tag=True):
    """The dialled party rings; no audio from the PBX yet."""

    leg_id: LegId


class EarlyMediaStarted(msgspec.Struct, frozen=True, tag=True):
    """The PBX sends audio before the answer: announcements or its own ring-back."""

    leg_id: LegId


class PbxAnswered(msgspec.Struct, frozen=True, tag=True):
    """The PBX leg is up: the dialled party answered, or the PBX confirmed our answer."""

    leg_id: LegId
    codec: str


class PbxEnded(msgspec.Struct, frozen=True, tag=True):
    """The PBX leg is over, for whatever reason; nothing more comes from it."""

    leg_id: LegId
    reason: EndReason
    status: int = 0
    text: str = ""
    retry_after_s: int | None = None


class PbxHoldChanged(msgspec.Struct, frozen=True, tag=True):
    """Who holds a PBX leg now: we, the far side. After a HoldPbx that was refused it says what still is."""

    leg_id: LegId
    is_held_by_us: bool
    is_held_by_far: bool


class PbxPartyChanged(msgspec.Struct, frozen=True, tag=True):
    """The PBX put somebody else on a leg; the call goes on with him."""

    leg_id: LegId
    number: str
    name: str = ""


class PbxCallTransferProgressed(msgspec.Struct, frozen=True, tag=True):
    """The PBX has taken a transfer, or tells how far the new call has come (a SIP status)."""

    leg_id: LegId
    status: int


class PbxCallTransferEnded(msgspec.Struct, frozen=True, tag=True):
    """What came of a transfer; `is_done` says that the parties talk without us.

    Not `is_taken`: the PBX does no transfers in this way, and nobody was called.
    """

    leg_id: LegId
    is_done: bool
    is_taken: bool
    status: int = 0
    text: str = ""


class MailboxChanged(msgspec.Struct, frozen=True, tag=True):
    """How many voice messages wait for an account at the PBX."""

    account_id: AccountId
    is_waiting: bool
    new: int = 0
    old: int = 0


class DialogStored(msgspec.Struct, frozen=True, tag=True):
    """What a later process needs to end this PBX leg with BYE."""

    leg_id: LegId
    account_id: AccountId
    dialog: dict[str, Any]


class DigitReceived(msgspec.Struct, frozen=True, tag=True):
    """The PBX side pressed a key."""

    leg_id: LegId
    digit: str


class VoiceSignalled(msgspec.Struct, frozen=True, tag=True):
    """The voice leg has signalling bytes for the far end of the Telegram call."""

    leg_id: LegId
    payload: bytes


class VoiceConnected(msgspec.Struct, frozen=True, tag=True):
    """Audio can flow on the voice leg."""

    leg_id: LegId


class VoiceEnded(msgspec.Struct, frozen=True, tag=True):
    """The voice leg is over, for whatever reason; nothing more comes from it."""

    leg_id: LegId
    reason: EndReason


class CallMeasured(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The figures of a call's audio, once, at its end. Percent, milliseconds, counts.

    Those outside `pbx` and `voice` are of the PBX leg, as they were before there were figures by leg.
    """

    call_id: CallId
    codec: str = ""
    packets_received: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    jitter_ms: float = 0.0
    round_trip_ms: float | None = None
    far_loss_percent: float | None = None
    pbx: LegFigures | None = None
    voice: LegFigures | None = None


Event = (
    WorkerDescribed
    | RegistrationChanged
    | PbxCallArrived
    | PbxRinging
    | EarlyMediaStarted
    | PbxAnswered
    | PbxEnded
    | PbxHoldChanged
    | PbxPartyChanged
    | PbxCallTransferProgressed
    | PbxCallTransferEnded
    | MailboxChanged
    | DialogStored
    | DigitReceived
    | VoiceSignalled
    | VoiceConnected
    | VoiceEnded
    | CallMeasured
)


class Numbered(msgspec.Struct, frozen=True, tag=True):
    """An event with the number its worker gave it: rising by one, so that a gap or a repetition shows."""

    number: int
    event: Event
