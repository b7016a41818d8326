"""What the hub tells a worker to do. Imperative; each may be repeated without harm."""

from enum import Enum
from typing import Any

import msgspec

from linegram.link.accounts import SipAccountSettings
from linegram.link.voice import OWN, VoiceParameters
from linegram.units import AccountId, CallId, LegId


class Tone(Enum):
    """A progress tone heard by the employee inside the Telegram call."""

    NONE = "none"
    RING_BACK = "ring_back"
    BUSY = "busy"
    CONGESTION = "congestion"
    WAITING = "waiting"


class DescribeWorker(msgspec.Struct, frozen=True, tag=True):
    """Say what you can do: WorkerDescribed answers."""


class PutAccount(msgspec.Struct, frozen=True, tag=True):
    """Keep this account registered; replaces older settings of the same account."""

    settings: SipAccountSettings


class DropAccount(msgspec.Struct, frozen=True, tag=True):
    """Take the account's binding away and forget it."""

    account_id: AccountId


class DialPbx(msgspec.Struct, frozen=True, tag=True):
    """Place a PBX call: `number` is what the dial rules made, a user part or a whole SIP address."""

    call_id: CallId
    leg_id: LegId
    account_id: AccountId
    number: str


class RingPbx(msgspec.Struct, frozen=True, tag=True):
    """Tell the calling PBX that the employee's Telegram rings (180)."""

    leg_id: LegId


class AnswerPbx(msgspec.Struct, frozen=True, tag=True):
    """Answer the PBX's call (200)."""

    leg_id: LegId


class EndPbx(msgspec.Struct, frozen=True, tag=True):
    """End a PBX leg in whatever state it is: BYE, CANCEL, or a refusal with `status`."""

    leg_id: LegId
    status: int = 480
    text: str = ""
    retry_after_s: int | None = None


class HoldPbx(msgspec.Struct, frozen=True, tag=True):
    """Put the party on a PBX leg on hold, or take it back; PbxHoldChanged tells what came of it."""

    leg_id: LegId
    is_held: bool = True


class TransferPbxCall(msgspec.Struct, frozen=True, tag=True):
    """Ask the PBX to connect a leg's party with `number`, without us; PbxCallTransferEnded answers."""

    leg_id: LegId
    number: str


class JoinPbx(msgspec.Struct, frozen=True, tag=True):
    """Ask the PBX to connect the parties of two legs, without us (attended); PbxCallTransferEnded answers."""

    leg_id: LegId
    other_leg_id: LegId


class PressDigits(msgspec.Struct, frozen=True, tag=True):
    """Press keys towards the PBX, in the first way of the account's that works on this leg."""

    leg_id: LegId
    digits: str


class EndStoredDialog(msgspec.Struct, frozen=True, tag=True):
    """Send BYE in a dialog that an earlier process left behind; `dialog` is from DialogStored."""

    account: SipAccountSettings
    dialog: dict[str, Any]


class OpenVoice(msgspec.Struct, frozen=True, tag=True):
    """Join the Telegram call's voice with this engine, or end the leg if it is not there."""

    call_id: CallId
    leg_id: LegId
    parameters: VoiceParameters
    engine: str = OWN


class SignalVoice(msgspec.Struct, frozen=True, tag=True):
    """Hand signalling bytes from Telegram to the voice leg; kept if the leg is not ready yet."""

    leg_id: LegId
    payload: bytes


class CloseVoice(msgspec.Struct, frozen=True, tag=True):
    """Leave the Telegram call's voice."""

    leg_id: LegId


class ConnectAudio(msgspec.Struct, frozen=True, tag=True):
    """Let the legs of a call hear each other; ends any tone."""

    call_id: CallId


class PlayTone(msgspec.Struct, frozen=True, tag=True):
    """Play a tone into the voice leg of a call until ConnectAudio, another tone or its end."""

    call_id: CallId
    tone: Tone


class EndCall(msgspec.Struct, frozen=True, tag=True):
    """Free all that the worker still holds for a call and report its figures."""

    call_id: CallId


Command = (
    DescribeWorker
    | PutAccount
    | DropAccount
    | DialPbx
    | RingPbx
    | AnswerPbx
    | EndPbx
    | HoldPbx
    | TransferPbxCall
    | JoinPbx
    | PressDigits
    | EndStoredDialog
    | OpenVoice
    | SignalVoice
    | CloseVoice
    | ConnectAudio
    | PlayTone
    | EndCall
)
