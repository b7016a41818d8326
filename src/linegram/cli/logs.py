"""What a service writes to its log, and how. One line per event, on standard error.

Secrets are not logged anywhere on purpose; the mask here is for the day on
which somebody does it by mistake, or a library does.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor

from linegram.config import LogSettings

HIDDEN: Final = "***"

_SECRET_NAME: Final = re.compile(
    r"password|passwd|secret|token|api_?hash|auth_?key|session_string|recovery|^key$", re.IGNORECASE
)
_BOT_TOKEN: Final = re.compile(r"(?<!\d)\d{5,}:[A-Za-z0-9_-]{30,}")
# Below warnings they tell everything, statements with the numbers of people in them too.
_CHATTY_LIBRARIES: Final = (
    "aiogram",
    "telethon",
    "linegram.telethon",
    "aiosqlite",
    "sqlalchemy",
    "asyncio",
    "alembic",
)


def configure_logs(settings: LogSettings, *, stream: TextIO | None = None) -> None:
    """Send every log line of this process, those of libraries too, to standard error as the settings say."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(shared, settings))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _CHATTY_LIBRARIES:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _formatter(shared: list[Processor], settings: LogSettings) -> logging.Formatter:
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def mask_secrets(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Hide the values of secret names, and bot tokens inside any text."""
    return {name: _masked(name, value) for name, value in event.items()}


def _masked(name: str, value: Any) -> Any:
    if name.startswith("_"):
        return value  # structlog's own
    if _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, str):
        return _BOT_TOKEN.sub(HIDDEN, value)
    if isinstance(value, Mapping):
        return {inner: _masked(str(inner), one) for inner, one in value.items()}
    if value is None or isinstance(value, int | float):
        return value
    shown = repr(value)  # an exception, a list: rendered later, by its text
    return _BOT_TOKEN.sub(HIDDEN, shown) if _BOT_TOKEN.search(shown) else value
