"""What a SIP ending is called: final responses and end causes become `EndReason`. Tables only."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from linegram.outcomes import EndReason as R
from linegram.sip.events import CallEnded, EndCause

_EXACT_STATUS: Final[Mapping[int, R]] = MappingProxyType(
    {
        401: R.PBX_CREDENTIALS,
        403: R.NUMBER_FORBIDDEN,
        404: R.NUMBER_NOT_FOUND,
        407: R.PBX_CREDENTIALS,
        408: R.PBX_UNREACHABLE,
        410: R.NUMBER_NOT_FOUND,
        415: R.CODEC_MISMATCH,
        480: R.FAR_UNAVAILABLE,
        484: R.NUMBER_NOT_FOUND,
        485: R.NUMBER_NOT_FOUND,
        486: R.BUSY,
        487: R.CANCELLED,
        488: R.CODEC_MISMATCH,
        503: R.PBX_OVERLOADED,
        600: R.BUSY,
        603: R.DECLINED,
        604: R.NUMBER_NOT_FOUND,
        606: R.CODEC_MISMATCH,
        607: R.DECLINED,
    }
)


def reason_of_status(status: int) -> R:
    """Name the ending behind a PBX's final response to our INVITE (RFC 3261 section 21)."""
    return _EXACT_STATUS.get(status, R.PBX_FAILED)


_BY_CAUSE: Final[Mapping[EndCause, R]] = MappingProxyType(
    {
        EndCause.LOCAL_BYE: R.COMPLETED,
        EndCause.REMOTE_BYE: R.COMPLETED,
        EndCause.LOCAL_CANCEL: R.CANCELLED,
        EndCause.REMOTE_CANCEL: R.CANCELLED,
        EndCause.LOCAL_REJECT: R.COMPLETED,
        EndCause.TIMEOUT: R.PBX_UNREACHABLE,
        EndCause.UNREACHABLE: R.PBX_UNREACHABLE,
        EndCause.NOT_ACKNOWLEDGED: R.PBX_UNREACHABLE,
        EndCause.DIALOG_LOST: R.PBX_FAILED,
    }
)
_ELSEWHERE: Final = "cause=200"


def reason_of_end(ended: CallEnded) -> R:
    """Name the ending of a SIP call. A CANCEL with cause 200 means answered elsewhere (RFC 3326)."""
    if ended.cause is EndCause.REMOTE_REJECT:
        return reason_of_status(ended.status)
    if ended.cause is EndCause.REMOTE_CANCEL and _ELSEWHERE in ended.reason_header.replace(" ", ""):
        return R.ANSWERED_ELSEWHERE
    return _BY_CAUSE[ended.cause]
