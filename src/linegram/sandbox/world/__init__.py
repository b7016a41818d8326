"""The world of the sandbox Telegram: people, chats, inline mode, phone calls, and what each is told.

Knows no wire: `sandbox/mtproto/` and `sandbox/botapi/` show it to clients.
"""

from linegram.sandbox.world.refusals import TelegramRefusalError
from linegram.sandbox.world.world import World

__all__ = ["TelegramRefusalError", "World"]
