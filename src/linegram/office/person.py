"""A person in Telegram whom the office knows. Pure."""

import msgspec

from linegram.units import TelegramUserId


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who owns or uses a line.

    `has_written`: the calling account has seen this person, and so may call
    him. `is_callback`: his own choice, which goes before that of his lines.
    """

    user_id: TelegramUserId
    name: str = ""
    username: str = ""
    language: str = ""
    is_callback: bool | None = None
    has_written: bool = False

    @property
    def title(self) -> str:
        """What the administrator reads."""
        return self.name or (f"@{self.username}" if self.username else str(self.user_id))
