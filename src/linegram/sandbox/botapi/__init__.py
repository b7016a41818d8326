"""The sandbox's HTTP Bot API: what core.telegram.org/bots/api says, over the sandbox's world."""

from linegram.sandbox.botapi.faults import BotApiFaults
from linegram.sandbox.botapi.server import SandboxBotApi

__all__ = ["BotApiFaults", "SandboxBotApi"]
