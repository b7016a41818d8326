"""How a call or a leg can end: one name for each ending, and who is to blame.

Every table that turns an ending into something else (SIP status, Telegram
discard reason, text for a person, call record) lives in `calls/outcomes.py`
and must have a row for each member here; a test counts them.
"""

from collections.abc import Mapping
from enum import Enum, unique
from types import MappingProxyType
from typing import Final


class Blame(Enum):
    """Who can do something about an ending that nobody wanted."""

    NOBODY = "nobody"
    EMPLOYEE = "employee"
    ADMINISTRATOR = "administrator"
    PBX = "pbx"
    TELEGRAM = "telegram"
    LINEGRAM = "linegram"


@unique
class EndReason(Enum):
    """Why a call or leg ended. The value goes into call records and logs: never rename one."""

    # People did what people do.
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    MOVED_TO_CONFERENCE = "moved_to_conference"
    DIRECT_CALL_EXPIRED = "direct_call_expired"

    # The employee cannot be called through Telegram.
    EMPLOYEE_OFFLINE = "employee_offline"
    EMPLOYEE_UNKNOWN = "employee_unknown"
    EMPLOYEE_GONE = "employee_gone"
    PRIVACY_BLOCKED = "privacy_blocked"
    CALLING_ACCOUNT_BLOCKED = "calling_account_blocked"
    APP_OUTDATED = "app_outdated"
    NO_COMMON_VERSION = "no_common_version"

    # Telegram itself.
    FLOOD_LIMITED = "flood_limited"
    CALLING_ACCOUNT_BUSY = "calling_account_busy"
    TELEGRAM_UNREACHABLE = "telegram_unreachable"
    TELEGRAM_REFUSED = "telegram_refused"
    KEY_MISMATCH = "key_mismatch"

    # The PBX and whom it reaches.
    NUMBER_NOT_FOUND = "number_not_found"
    NUMBER_FORBIDDEN = "number_forbidden"
    FAR_UNAVAILABLE = "far_unavailable"
    CODEC_MISMATCH = "codec_mismatch"
    PBX_CREDENTIALS = "pbx_credentials"
    PBX_UNREACHABLE = "pbx_unreachable"
    PBX_OVERLOADED = "pbx_overloaded"
    PBX_FAILED = "pbx_failed"

    # No line fits the number, or the account is off.
    NO_LINE = "no_line"

    # Audio.
    VOICE_NOT_CONNECTED = "voice_not_connected"
    VOICE_LOST = "voice_lost"
    VOICE_ENGINE_MISSING = "voice_engine_missing"
    NO_MEDIA = "no_media"

    # Ourselves.
    MEDIA_HOST_DIED = "media_host_died"
    NO_CAPACITY = "no_capacity"
    WORKER_LOST = "worker_lost"
    SERVICE_STOPPED = "service_stopped"
    SERVICE_RESTARTED = "service_restarted"
    INTERNAL_ERROR = "internal_error"

    @property
    def blame(self) -> Blame:
        """Who can act on this ending."""
        return _BLAME[self]


_BY_BLAME: Final[Mapping[Blame, tuple[EndReason, ...]]] = MappingProxyType(
    {
        Blame.NOBODY: (
            EndReason.COMPLETED,
            EndReason.CANCELLED,
            EndReason.BUSY,
            EndReason.DECLINED,
            EndReason.NO_ANSWER,
            EndReason.ANSWERED_ELSEWHERE,
            EndReason.MOVED_TO_CONFERENCE,
            EndReason.FAR_UNAVAILABLE,
            EndReason.SERVICE_STOPPED,
        ),
        Blame.EMPLOYEE: (
            EndReason.DIRECT_CALL_EXPIRED,
            EndReason.EMPLOYEE_OFFLINE,
            EndReason.EMPLOYEE_UNKNOWN,
            EndReason.EMPLOYEE_GONE,
            EndReason.PRIVACY_BLOCKED,
            EndReason.CALLING_ACCOUNT_BLOCKED,
            EndReason.APP_OUTDATED,
            EndReason.NO_COMMON_VERSION,
            EndReason.NUMBER_NOT_FOUND,
            EndReason.NUMBER_FORBIDDEN,
        ),
        Blame.ADMINISTRATOR: (
            EndReason.PBX_CREDENTIALS,
            EndReason.CODEC_MISMATCH,
            EndReason.NO_LINE,
            EndReason.NO_CAPACITY,
            EndReason.VOICE_ENGINE_MISSING,
        ),
        Blame.PBX: (
            EndReason.PBX_UNREACHABLE,
            EndReason.PBX_OVERLOADED,
            EndReason.PBX_FAILED,
            EndReason.NO_MEDIA,
        ),
        Blame.TELEGRAM: (
            EndReason.FLOOD_LIMITED,
            EndReason.CALLING_ACCOUNT_BUSY,
            EndReason.TELEGRAM_UNREACHABLE,
            EndReason.TELEGRAM_REFUSED,
            EndReason.KEY_MISMATCH,
            EndReason.VOICE_NOT_CONNECTED,
            EndReason.VOICE_LOST,
        ),
        Blame.LINEGRAM: (
            EndReason.MEDIA_HOST_DIED,
            EndReason.WORKER_LOST,
            EndReason.SERVICE_RESTARTED,
            EndReason.INTERNAL_ERROR,
        ),
    }
)

_BLAME: Final[Mapping[EndReason, Blame]] = MappingProxyType(
    {reason: blame for blame, reasons in _BY_BLAME.items() for reason in reasons}
)
