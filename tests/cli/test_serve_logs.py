"""The log's last line of defence: values of secret names, and bot tokens in any text, are masked."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from linegram.cli.logs import HIDDEN, configure_logs, mask_secrets
from linegram.config import LogSettings

TOKEN = "123456789:" + "AAbb_cc-" * 4


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "name", ["password", "sip_password", "api_hash", "bot_token", "token", "auth_key", "key", "client_secret"]
)
def test_the_value_of_a_secret_name_is_masked(name: str) -> None:
    assert mask_secrets(None, "info", {"event": "x", name: "hush"}) == {"event": "x", name: HIDDEN}


@pytest.mark.parametrize("name", ["key_file", "account_id", "keyword", "event"])
def test_other_names_stay(name: str) -> None:
    assert mask_secrets(None, "info", {name: "seen"}) == {name: "seen"}


def test_secrets_inside_of_values_are_masked_too() -> None:
    event = {
        "event": f"GET /bot{TOKEN}/getMe",
        "request": {"url": f"x/{TOKEN}", "password": 1},
        "n": 5,
        "reason": OSError(TOKEN),
        "numbers": [1, 2],
    }
    assert mask_secrets(None, "info", event) == {
        "event": f"GET /bot{HIDDEN}/getMe",
        "request": {"url": f"x/{HIDDEN}", "password": HIDDEN},
        "n": 5,
        "reason": f"OSError('{HIDDEN}')",
        "numbers": [1, 2],
    }


def test_our_lines_and_those_of_libraries_are_json_with_the_same_fields_and_mask() -> None:
    stream = io.StringIO()
    configure_logs(LogSettings(format="json"), stream=stream)
    structlog.get_logger().info("call_ended", reason="busy", api_hash="hush")
    structlog.get_logger().debug("not_wanted")
    logging.getLogger("some.library").warning("polling %s failed", TOKEN)
    logging.getLogger("aiogram.dispatcher").info("chatter")
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (ours["event"], ours["level"], ours["api_hash"]) == ("call_ended", "info", HIDDEN)
    assert (theirs["event"], theirs["logger"]) == (f"polling {HIDDEN} failed", "some.library")
    assert {"timestamp", "level"} <= theirs.keys()


def test_libraries_do_not_tell_their_statements_even_when_everything_is_logged() -> None:
    stream = io.StringIO()
    configure_logs(LogSettings(level="debug"), stream=stream)
    logging.getLogger("aiosqlite").debug("executing INSERT ... '+431234567'")
    logging.getLogger("telethon.network").debug("chatter")
    structlog.get_logger().debug("wanted")
    assert stream.getvalue().count("\n") == 1


def test_an_exception_with_a_token_in_it_is_masked_on_the_console() -> None:
    stream = io.StringIO()
    configure_logs(LogSettings(level="warning"), stream=stream)
    try:
        raise ValueError(TOKEN)
    except ValueError:
        structlog.get_logger().exception("it_broke")
    text = stream.getvalue()
    assert "ValueError" in text
    assert "it_broke" in text
    assert TOKEN not in text
