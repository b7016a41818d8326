"""Every error of Telegram that a call can meet becomes one Refusal."""

from types import SimpleNamespace
from typing import cast

import pytest
from telethon.errors import rpc_message_to_error
from telethon.errors.rpcbaseerrors import AuthKeyError, RPCError

from linegram.errors import RemoteProtocolError
from linegram.outcomes import EndReason
from linegram.telegram.errors import REFUSALS, error_name, is_answer_lost, refusal_of, wait_of
from linegram.telegram.phone_events import Refusal


def telethon_error(code: int, text: str) -> RPCError:
    """Make the exception that Telethon makes of an rpc_error."""
    made = rpc_message_to_error(SimpleNamespace(error_code=code, error_message=text), None)
    return cast("RPCError", made)


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (403, "USER_PRIVACY_RESTRICTED", EndReason.PRIVACY_BLOCKED),
        (403, "USER_IS_BLOCKED", EndReason.CALLING_ACCOUNT_BLOCKED),
        (400, "PARTICIPANT_VERSION_OUTDATED", EndReason.APP_OUTDATED),
        (406, "CALL_PROTOCOL_COMPAT_LAYER_INVALID", EndReason.NO_COMMON_VERSION),
        (400, "CALL_PROTOCOL_FLAGS_INVALID", EndReason.INTERNAL_ERROR),
        (400, "CALL_PROTOCOL_LAYER_INVALID", EndReason.INTERNAL_ERROR),
        (400, "USER_ID_INVALID", EndReason.EMPLOYEE_UNKNOWN),
        (400, "INPUT_USER_DEACTIVATED", EndReason.EMPLOYEE_GONE),
        (400, "PEER_FLOOD", EndReason.FLOOD_LIMITED),
        (400, "CALL_ALREADY_ACCEPTED", EndReason.ANSWERED_ELSEWHERE),
        (400, "CALL_ALREADY_DECLINED", EndReason.CANCELLED),
        (400, "CALL_PEER_INVALID", EndReason.CANCELLED),
        (500, "CALL_OCCUPY_FAILED", EndReason.CALLING_ACCOUNT_BUSY),
        (500, "RANDOM_ID_DUPLICATE", EndReason.TELEGRAM_REFUSED),
        (401, "AUTH_KEY_UNREGISTERED", EndReason.TELEGRAM_REFUSED),
        (400, "SOMETHING_NEW", EndReason.TELEGRAM_REFUSED),
        (406, "SOMETHING_NEW", EndReason.TELEGRAM_REFUSED),
        (-503, "Timeout", EndReason.TELEGRAM_REFUSED),
    ],
)
def test_an_error_of_telegram_becomes_one_reason(code: int, text: str, reason: EndReason) -> None:
    assert refusal_of(telethon_error(code, text)).reason is reason


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_every_row_is_found_by_the_exception_that_telethon_makes(name: str) -> None:
    assert refusal_of(telethon_error(400, name)) == REFUSALS[name]


def test_a_flood_wait_says_for_how_long() -> None:
    error = telethon_error(420, "FLOOD_WAIT_17")
    assert refusal_of(error) == Refusal(EndReason.FLOOD_LIMITED, retry_after_s=17)
    assert wait_of(error) == 17
    assert error_name(error) == "FLOOD_WAIT_n"


def test_a_flood_without_seconds_waits_at_least_one() -> None:
    assert refusal_of(telethon_error(420, "FLOOD")) == Refusal(EndReason.FLOOD_LIMITED, retry_after_s=1)


def test_an_unknown_406_keeps_its_own_name() -> None:
    error = telethon_error(406, "CALL_PROTOCOL_COMPAT_LAYER_INVALID")
    assert isinstance(error, AuthKeyError)
    assert error_name(error) == "CALL_PROTOCOL_COMPAT_LAYER_INVALID"


@pytest.mark.parametrize("error", [ConnectionError("gone"), TimeoutError(), OSError(101, "unreachable")])
def test_a_broken_connection_is_telegram_unreachable(error: Exception) -> None:
    assert refusal_of(error).reason is EndReason.TELEGRAM_UNREACHABLE


def test_a_group_that_is_not_safe_is_a_failed_key_exchange() -> None:
    assert refusal_of(RemoteProtocolError("the modulus is not a safe prime")).reason is EndReason.KEY_MISMATCH


def test_an_exception_of_another_kind_is_our_own_fault() -> None:
    assert refusal_of(ValueError("odd")).reason is EndReason.INTERNAL_ERROR


def test_only_telegrams_own_trouble_is_retried() -> None:
    retried = {name for name, refusal in REFUSALS.items() if refusal.may_retry}
    assert retried == {"CALL_OCCUPY_FAILED", "RANDOM_ID_DUPLICATE"}


def test_an_answer_is_lost_with_the_connection_or_to_a_repetition() -> None:
    assert is_answer_lost(ConnectionError())
    assert is_answer_lost(TimeoutError())
    assert is_answer_lost(telethon_error(500, "RANDOM_ID_DUPLICATE"))
    assert not is_answer_lost(telethon_error(403, "USER_IS_BLOCKED"))
    assert not is_answer_lost(ValueError())
