"""What an ending means on each side: SIP refusal, Telegram discard reason, progress tone.

Tables only. Each has a row for every `EndReason`; a test counts them. The
sentences that people read are in `bot/texts/`, one per `EndReason` as well.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from linegram.calls.ports import DiscardReason
from linegram.link.commands import Tone
from linegram.outcomes import EndReason as R


class SipRefusal(NamedTuple):
    """The final response that refuses a PBX's call."""

    status: int
    text: str


SIP_REFUSAL: Final[Mapping[R, SipRefusal]] = MappingProxyType(
    {
        R.COMPLETED: SipRefusal(480, "Ended Before Answer"),
        R.CANCELLED: SipRefusal(487, "Request Terminated"),
        R.BUSY: SipRefusal(486, "Busy Here"),
        R.DECLINED: SipRefusal(603, "Decline"),
        R.NO_ANSWER: SipRefusal(480, "No Answer"),
        R.ANSWERED_ELSEWHERE: SipRefusal(486, "Answered Elsewhere"),
        R.MOVED_TO_CONFERENCE: SipRefusal(480, "Moved To Telegram Conference"),
        R.DIRECT_CALL_EXPIRED: SipRefusal(408, "Employee Did Not Call"),
        R.EMPLOYEE_OFFLINE: SipRefusal(480, "Employee Offline"),
        R.EMPLOYEE_UNKNOWN: SipRefusal(404, "Employee Has Never Written To Calling Account"),
        R.EMPLOYEE_GONE: SipRefusal(410, "Telegram Account Deleted"),
        R.PRIVACY_BLOCKED: SipRefusal(403, "Blocked By Telegram Privacy"),
        R.CALLING_ACCOUNT_BLOCKED: SipRefusal(403, "Calling Account Blocked By Employee"),
        R.APP_OUTDATED: SipRefusal(480, "Telegram App Outdated"),
        R.NO_COMMON_VERSION: SipRefusal(488, "No Common Call Version"),
        R.FLOOD_LIMITED: SipRefusal(503, "Telegram Limits Calls"),
        R.CALLING_ACCOUNT_BUSY: SipRefusal(486, "Calling Account Busy"),
        R.TELEGRAM_UNREACHABLE: SipRefusal(503, "Telegram Unreachable"),
        R.TELEGRAM_REFUSED: SipRefusal(500, "Telegram Refused"),
        R.KEY_MISMATCH: SipRefusal(500, "Call Key Mismatch"),
        R.NUMBER_NOT_FOUND: SipRefusal(404, "Not Found"),
        R.NUMBER_FORBIDDEN: SipRefusal(403, "Forbidden"),
        R.FAR_UNAVAILABLE: SipRefusal(480, "Temporarily Unavailable"),
        R.CODEC_MISMATCH: SipRefusal(488, "No Common Codec"),
        R.PBX_CREDENTIALS: SipRefusal(403, "Credentials Refused"),
        R.PBX_UNREACHABLE: SipRefusal(408, "PBX Unreachable"),
        R.PBX_OVERLOADED: SipRefusal(503, "PBX Overloaded"),
        R.PBX_FAILED: SipRefusal(500, "PBX Failed"),
        R.NO_LINE: SipRefusal(404, "Account Not Assigned"),
        R.VOICE_NOT_CONNECTED: SipRefusal(500, "Telegram Voice Not Connected"),
        R.VOICE_LOST: SipRefusal(500, "Telegram Voice Lost"),
        R.VOICE_ENGINE_MISSING: SipRefusal(503, "Voice Engine Missing"),
        R.NO_MEDIA: SipRefusal(500, "No Media"),
        R.MEDIA_HOST_DIED: SipRefusal(500, "Media Host Died"),
        R.NO_CAPACITY: SipRefusal(503, "No Capacity"),
        R.WORKER_LOST: SipRefusal(503, "Worker Lost"),
        R.SERVICE_STOPPED: SipRefusal(503, "Service Stopped"),
        R.SERVICE_RESTARTED: SipRefusal(503, "Service Restarted"),
        R.INTERNAL_ERROR: SipRefusal(500, "Internal Error"),
    }
)

_DISCARDS: Final[Mapping[DiscardReason, tuple[R, ...]]] = MappingProxyType(
    {
        DiscardReason.MISSED: (R.CANCELLED, R.NO_ANSWER, R.DIRECT_CALL_EXPIRED, R.EMPLOYEE_OFFLINE),
        DiscardReason.BUSY: (R.BUSY, R.DECLINED, R.NO_LINE),
        DiscardReason.DISCONNECT: (
            R.KEY_MISMATCH,
            R.VOICE_NOT_CONNECTED,
            R.VOICE_LOST,
            R.VOICE_ENGINE_MISSING,
            R.MEDIA_HOST_DIED,
            R.WORKER_LOST,
            R.SERVICE_STOPPED,
            R.SERVICE_RESTARTED,
            R.INTERNAL_ERROR,
            R.NO_CAPACITY,
        ),
    }
)

DISCARD_REASON: Final[Mapping[R, DiscardReason]] = MappingProxyType(
    {
        **dict.fromkeys(R, DiscardReason.HANG_UP),
        **{reason: discard for discard, reasons in _DISCARDS.items() for reason in reasons},
    }
)
"""Endings that are not ours to explain to Telegram are an ordinary hang-up."""

_BUSY_TONE: Final = (R.BUSY, R.DECLINED)

ENDING_TONE: Final[Mapping[R, Tone]] = MappingProxyType(
    {**dict.fromkeys(R, Tone.CONGESTION), **dict.fromkeys(_BUSY_TONE, Tone.BUSY)}
)
"""What an employee hears in his Telegram call when the dialled party refuses."""
