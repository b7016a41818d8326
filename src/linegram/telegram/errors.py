"""What Telegram's refusals mean for a call: error name → Refusal, one row each.

Sources: core.telegram.org pages of phone.requestCall, acceptCall, confirmCall
and discardCall. Knows Telethon's way of wrapping errors, nothing else of it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from telethon.errors import rpcerrorlist
from telethon.errors.rpcbaseerrors import RPCError

from linegram.errors import RemoteProtocolError
from linegram.outcomes import EndReason
from linegram.telegram.phone_events import Refusal

REFUSALS: Final[Mapping[str, Refusal]] = MappingProxyType(
    {
        "USER_PRIVACY_RESTRICTED": Refusal(EndReason.PRIVACY_BLOCKED),
        "USER_IS_BLOCKED": Refusal(EndReason.CALLING_ACCOUNT_BLOCKED),
        "YOU_BLOCKED_USER": Refusal(EndReason.CALLING_ACCOUNT_BLOCKED),
        "PARTICIPANT_VERSION_OUTDATED": Refusal(EndReason.APP_OUTDATED),
        "CALL_PROTOCOL_COMPAT_LAYER_INVALID": Refusal(EndReason.NO_COMMON_VERSION),
        "CALL_PROTOCOL_FLAGS_INVALID": Refusal(EndReason.INTERNAL_ERROR),
        "CALL_PROTOCOL_LAYER_INVALID": Refusal(EndReason.INTERNAL_ERROR),
        "G_A_HASH_INVALID": Refusal(EndReason.INTERNAL_ERROR),
        "USER_ID_INVALID": Refusal(EndReason.EMPLOYEE_UNKNOWN),
        "PEER_ID_INVALID": Refusal(EndReason.EMPLOYEE_UNKNOWN),
        "INPUT_USER_DEACTIVATED": Refusal(EndReason.EMPLOYEE_GONE),
        "PEER_FLOOD": Refusal(EndReason.FLOOD_LIMITED),
        "CALL_ALREADY_ACCEPTED": Refusal(EndReason.ANSWERED_ELSEWHERE, is_gone=True),
        "CALL_ALREADY_DECLINED": Refusal(EndReason.CANCELLED, is_gone=True),
        "CALL_PEER_INVALID": Refusal(EndReason.CANCELLED, is_gone=True),
        "CALL_OCCUPY_FAILED": Refusal(EndReason.CALLING_ACCOUNT_BUSY, may_retry=True),
        "RANDOM_ID_DUPLICATE": Refusal(EndReason.TELEGRAM_REFUSED, may_retry=True),
    }
)

_NAMES: Final[Mapping[type[RPCError], str]] = MappingProxyType(
    {error_type: name for name, error_type in rpcerrorlist.rpc_errors_dict.items()}
    | {error_type: name.replace(r"(\d+)", "n") for name, error_type in rpcerrorlist.rpc_errors_re}
)


def error_name(error: RPCError) -> str:
    """Return Telegram's own name of an error; a number in it, as in FLOOD_WAIT_30, is told as n.

    Telethon keeps it only in the class of errors that it knows. Others arrive
    as the base class of their code with the name as text: an unknown 406 looks
    like a lost session (AuthKeyError) and is none.
    """
    return _NAMES.get(type(error)) or str(error.message or type(error).__name__)


def refusal_of(error: BaseException) -> Refusal:
    """Say what an exception out of a Telegram request means for the call."""
    seconds = wait_of(error)
    if seconds is not None:
        return Refusal(EndReason.FLOOD_LIMITED, retry_after_s=seconds)
    if isinstance(error, RPCError):
        return REFUSALS.get(error_name(error), Refusal(EndReason.TELEGRAM_REFUSED))
    if isinstance(error, OSError | TimeoutError):
        return Refusal(EndReason.TELEGRAM_UNREACHABLE)
    if isinstance(error, RemoteProtocolError):
        return Refusal(EndReason.KEY_MISMATCH)
    return Refusal(EndReason.INTERNAL_ERROR)


def wait_of(error: BaseException) -> int | None:
    """Return how many seconds Telegram wants us to stay away (FLOOD_WAIT_n); None if it does not say."""
    if not isinstance(error, RPCError) or error.code != 420:
        return None
    return int(getattr(error, "seconds", 0)) or 1


def is_answer_lost(error: BaseException) -> bool:
    """Say whether Telegram may have done what was asked although we got an error.

    Telethon sends a request again after a broken connection; Telegram then
    says that it has seen its random_id before.
    """
    if isinstance(error, RPCError):
        return error_name(error) == "RANDOM_ID_DUPLICATE"
    return isinstance(error, OSError | TimeoutError)
