"""How a Telegram call ended, seen from its state: tables only. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from linegram.calls.ports import DiscardReason
from linegram.outcomes import EndReason
from linegram.telegram.phone_events import PeerReason, State

_TALKED: Final = {
    PeerReason.MISSED: EndReason.COMPLETED,
    PeerReason.BUSY: EndReason.COMPLETED,
    PeerReason.HANG_UP: EndReason.COMPLETED,
    PeerReason.DISCONNECT: EndReason.VOICE_LOST,
    PeerReason.MIGRATED: EndReason.MOVED_TO_CONFERENCE,
    PeerReason.NONE: EndReason.COMPLETED,
}

# An app that is in a call refuses a second one with "busy" before it rings;
# after it rang, "busy" is what Telegram calls a press on "decline".
_NOT_REACHED: Final = {
    PeerReason.MISSED: EndReason.EMPLOYEE_OFFLINE,
    PeerReason.BUSY: EndReason.BUSY,
    PeerReason.HANG_UP: EndReason.DECLINED,
    PeerReason.DISCONNECT: EndReason.EMPLOYEE_OFFLINE,
    PeerReason.MIGRATED: EndReason.MOVED_TO_CONFERENCE,
    PeerReason.NONE: EndReason.EMPLOYEE_OFFLINE,
}
_RANG: Final = {
    PeerReason.MISSED: EndReason.NO_ANSWER,
    PeerReason.BUSY: EndReason.DECLINED,
    PeerReason.HANG_UP: EndReason.DECLINED,
    PeerReason.DISCONNECT: EndReason.EMPLOYEE_OFFLINE,
    PeerReason.MIGRATED: EndReason.MOVED_TO_CONFERENCE,
    PeerReason.NONE: EndReason.NO_ANSWER,
}
_ANSWERED: Final = {
    PeerReason.MISSED: EndReason.CANCELLED,
    PeerReason.BUSY: EndReason.DECLINED,
    PeerReason.HANG_UP: EndReason.CANCELLED,
    PeerReason.DISCONNECT: EndReason.VOICE_NOT_CONNECTED,
    PeerReason.MIGRATED: EndReason.MOVED_TO_CONFERENCE,
    PeerReason.NONE: EndReason.CANCELLED,
}

# Of an incoming call our other devices can dispose, too: an answer there ends it
# here without a reason, a press on "decline" there with "busy".
_OFFERED: Final = {
    PeerReason.MISSED: EndReason.CANCELLED,
    PeerReason.BUSY: EndReason.DECLINED,
    PeerReason.HANG_UP: EndReason.CANCELLED,
    PeerReason.DISCONNECT: EndReason.CANCELLED,
    PeerReason.MIGRATED: EndReason.MOVED_TO_CONFERENCE,
    PeerReason.NONE: EndReason.ANSWERED_ELSEWHERE,
}
_ACCEPTED: Final = _OFFERED | {PeerReason.DISCONNECT: EndReason.VOICE_NOT_CONNECTED}

PEER_ENDINGS: Final[Mapping[State, Mapping[PeerReason, EndReason]]] = MappingProxyType(
    {
        State.WAITING: _NOT_REACHED,
        State.RINGING: _RANG,
        State.CONFIRMING: _ANSWERED,
        State.OFFERED: _OFFERED,
        State.ACCEPTING: _ACCEPTED,
        State.DOUBTED: _ACCEPTED,
        State.READY: _TALKED,
    }
)
"""phoneCallDiscarded in a state → the ending."""

_WE_TALKED: Final = {
    DiscardReason.MISSED: EndReason.COMPLETED,
    DiscardReason.BUSY: EndReason.COMPLETED,
    DiscardReason.HANG_UP: EndReason.COMPLETED,
    DiscardReason.DISCONNECT: EndReason.VOICE_LOST,
}
_WE_CANCELLED: Final = dict.fromkeys(DiscardReason, EndReason.CANCELLED)
_WE_DECLINED: Final = {
    DiscardReason.MISSED: EndReason.NO_ANSWER,
    DiscardReason.BUSY: EndReason.BUSY,
    DiscardReason.HANG_UP: EndReason.DECLINED,
    DiscardReason.DISCONNECT: EndReason.DECLINED,
}

ASKED_ENDINGS: Final[Mapping[State, Mapping[DiscardReason, EndReason]]] = MappingProxyType(
    {
        State.NEW: _WE_CANCELLED,
        State.REQUESTING: _WE_CANCELLED,
        State.WAITING: _WE_CANCELLED,
        State.RINGING: _WE_CANCELLED,
        State.CONFIRMING: _WE_CANCELLED,
        State.OFFERED: _WE_DECLINED,
        State.ACCEPTING: _WE_CANCELLED,
        State.DOUBTED: _WE_CANCELLED,
        State.READY: _WE_TALKED,
    }
)
"""The hub ended the call in a state → the ending."""

EXPIRED: Final[Mapping[State, tuple[EndReason, DiscardReason]]] = MappingProxyType(
    {
        State.NEW: (EndReason.TELEGRAM_UNREACHABLE, DiscardReason.DISCONNECT),
        State.REQUESTING: (EndReason.TELEGRAM_UNREACHABLE, DiscardReason.DISCONNECT),
        State.WAITING: (EndReason.EMPLOYEE_OFFLINE, DiscardReason.MISSED),
        State.RINGING: (EndReason.NO_ANSWER, DiscardReason.MISSED),
        State.CONFIRMING: (EndReason.TELEGRAM_UNREACHABLE, DiscardReason.DISCONNECT),
        State.OFFERED: (EndReason.NO_ANSWER, DiscardReason.MISSED),
        State.ACCEPTING: (EndReason.TELEGRAM_UNREACHABLE, DiscardReason.DISCONNECT),
        State.DOUBTED: (EndReason.ANSWERED_ELSEWHERE, DiscardReason.DISCONNECT),
    }
)
"""The state's timer ran out → the ending, and what Telegram is told."""
