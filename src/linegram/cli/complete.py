"""Whether the settings are enough to start with: seen before anything is started."""

import re
from typing import Final

from linegram.config import Settings
from linegram.errors import RefusedError

_BOT_TOKEN: Final = re.compile(r"\d+:\S+")


def require_complete(settings: Settings) -> None:
    """Raise RefusedError that names every setting without which nothing works, or the one that cannot be."""
    if missing := settings.missing():
        raise RefusedError(f"Not set yet: {', '.join(missing)}. `linegram init` asks for what is missing.")
    if not _BOT_TOKEN.fullmatch(settings.telegram.bot_token.get_secret_value()):
        raise RefusedError("telegram.bot_token is no bot token: one looks like 123456789:AAbbCCddEEffGG.")
    key_file = settings.telegram.public_key_file
    if key_file is not None and not key_file.is_file():
        raise RefusedError(f"There is no file {key_file} (telegram.public_key_file).")
