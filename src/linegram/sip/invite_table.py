"""The life of an outgoing INVITE as a table. Only data lives here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class InviteState(Enum):
    """Where an outgoing INVITE stands. CANCEL_WANTED: no 1xx yet, so CANCEL must wait."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    CANCEL_WANTED = "cancel wanted"
    CANCELLING = "cancelling"
    ANSWERED = "answered"
    ENDED = "ended"


class InviteInput(Enum):
    """What can happen to it."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    NO_RESPONSE = "no response"
    HANG_UP = "hang up"
    GIVE_UP = "give up"
    ELSEWHERE = "elsewhere"


class InviteStep(Enum):
    """What is done, in the order of the row."""

    REPORT_PROGRESS = "report progress"
    ESTABLISH = "ACK and establish the call"
    ACKNOWLEDGE = "ACK again; ACK and BYE another fork"
    SEND_CANCEL = "send CANCEL"
    REPORT_END = "report the end"
    ABANDON = "abandon the transaction"
    TURN = "send it to another place of the server"


@dataclass(frozen=True, slots=True)
class Row:
    """The new state and what to do."""

    state: InviteState
    steps: tuple[InviteStep, ...] = ()


_ENDED: Final = Row(InviteState.ENDED, (InviteStep.REPORT_END,))
_CANCELLED: Final = Row(InviteState.CANCELLING, (InviteStep.SEND_CANCEL,))
_CROSSED: Final = Row(InviteState.ENDED, (InviteStep.ACKNOWLEDGE, InviteStep.REPORT_END))

TRANSITIONS: Final[Mapping[tuple[InviteState, InviteInput], Row]] = {
    (InviteState.TRYING, InviteInput.PROVISIONAL): Row(InviteState.PROCEEDING, (InviteStep.REPORT_PROGRESS,)),
    (InviteState.TRYING, InviteInput.SUCCESS): Row(InviteState.ANSWERED, (InviteStep.ESTABLISH,)),
    (InviteState.TRYING, InviteInput.FAILURE): _ENDED,
    (InviteState.TRYING, InviteInput.NO_RESPONSE): _ENDED,
    (InviteState.TRYING, InviteInput.ELSEWHERE): Row(InviteState.TRYING, (InviteStep.TURN,)),
    (InviteState.TRYING, InviteInput.HANG_UP): Row(InviteState.CANCEL_WANTED),
    (InviteState.PROCEEDING, InviteInput.PROVISIONAL): Row(
        InviteState.PROCEEDING, (InviteStep.REPORT_PROGRESS,)
    ),
    (InviteState.PROCEEDING, InviteInput.SUCCESS): Row(InviteState.ANSWERED, (InviteStep.ESTABLISH,)),
    (InviteState.PROCEEDING, InviteInput.FAILURE): _ENDED,
    (InviteState.PROCEEDING, InviteInput.NO_RESPONSE): _ENDED,
    (InviteState.PROCEEDING, InviteInput.ELSEWHERE): Row(InviteState.TRYING, (InviteStep.TURN,)),
    (InviteState.PROCEEDING, InviteInput.HANG_UP): _CANCELLED,
    (InviteState.CANCEL_WANTED, InviteInput.PROVISIONAL): _CANCELLED,
    (InviteState.CANCEL_WANTED, InviteInput.SUCCESS): _CROSSED,
    (InviteState.CANCEL_WANTED, InviteInput.FAILURE): _ENDED,
    (InviteState.CANCEL_WANTED, InviteInput.NO_RESPONSE): _ENDED,
    (InviteState.CANCEL_WANTED, InviteInput.HANG_UP): Row(InviteState.CANCEL_WANTED),
    (InviteState.CANCELLING, InviteInput.PROVISIONAL): Row(InviteState.CANCELLING),
    (InviteState.CANCELLING, InviteInput.SUCCESS): _CROSSED,
    (InviteState.CANCELLING, InviteInput.FAILURE): _ENDED,
    (InviteState.CANCELLING, InviteInput.NO_RESPONSE): _ENDED,
    (InviteState.CANCELLING, InviteInput.HANG_UP): Row(InviteState.CANCELLING),
    # RFC 3261 9.1: no final answer within 64*T1 of the CANCEL.
    (InviteState.CANCELLING, InviteInput.GIVE_UP): Row(
        InviteState.ENDED, (InviteStep.ABANDON, InviteStep.REPORT_END)
    ),
    # RFC 3261 13.2.2.4: the 2xx again, or that of another fork.
    (InviteState.ANSWERED, InviteInput.SUCCESS): Row(InviteState.ANSWERED, (InviteStep.ACKNOWLEDGE,)),
    (InviteState.ENDED, InviteInput.SUCCESS): Row(InviteState.ENDED, (InviteStep.ACKNOWLEDGE,)),
}
