"""Which voice engine carries a call, and why. Pure: time is passed in.

Our own engine is tried first. When it does not connect, the one redial uses
the native one; what then connected is remembered for the employee for a day,
because what stood in the way (his app, his network) is likely still there.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

import msgspec

from linegram.link.voice import NTGCALLS, OWN, VoiceParameters
from linegram.units import TelegramUserId

AUTO: Final = "auto"
REMEMBERED_FOR_S: Final = 86_400.0


class EngineReason(Enum):
    """Why an engine was chosen. The value goes into call records: never rename one."""

    DEFAULT = "default"
    CONFIGURED = "set by configuration"
    MTPROTO_ASKED = "mtproto asked"
    REMEMBERED = "remembered"
    OWN_FAILED = "own did not connect"
    NTGCALLS_FAILED = "ntgcalls did not connect"


class EngineChoice(msgspec.Struct, frozen=True):
    """An engine for one Telegram call."""

    engine: str
    reason: EngineReason


class RememberedEngine(msgspec.Struct, frozen=True):
    """The engine that connected when the other one had not; `at` is UTC epoch seconds."""

    engine: str
    at: float


_NATIVE_BY_REQUEST: Final = EngineChoice(NTGCALLS, EngineReason.MTPROTO_ASKED)
_NATIVE_BY_MEMORY: Final = EngineChoice(NTGCALLS, EngineReason.REMEMBERED)
_OWN_BY_DEFAULT: Final = EngineChoice(OWN, EngineReason.DEFAULT)
_AFTER_FAILURE: Final[Mapping[str, EngineChoice]] = MappingProxyType(
    {
        OWN: EngineChoice(NTGCALLS, EngineReason.OWN_FAILED),
        NTGCALLS: EngineChoice(OWN, EngineReason.NTGCALLS_FAILED),
    }
)
_REDIALS: Final = frozenset({EngineReason.OWN_FAILED, EngineReason.NTGCALLS_FAILED})


class EngineDesk:
    """Chooses engines by `mode`: auto, or the name of the only one to be used.

    Until a worker has said what it has, it is taken to have our own engine and no other.
    """

    def __init__(
        self, mode: str = AUTO, remembered: Mapping[TelegramUserId, RememberedEngine] | None = None
    ) -> None:
        self._mode = mode
        self._installed: frozenset[str] = frozenset({OWN})
        self._remembered = dict(remembered or {})

    def worker_has(self, engines: Iterable[str]) -> None:
        """Take note of the engines of the worker."""
        self._installed = frozenset(engines)

    def choose(
        self, user_id: TelegramUserId, parameters: VoiceParameters, failed: EngineChoice | None, now: float
    ) -> EngineChoice:
        """Return the engine for a Telegram call; `failed` did not connect in the one before it.

        A call that asks for what the chosen engine lacks is refused by that engine, with its reason.
        """
        if self._mode != AUTO:
            return EngineChoice(self._mode, EngineReason.CONFIGURED)
        if NTGCALLS not in self._installed:
            return _OWN_BY_DEFAULT
        if parameters.asks_mtproto:
            return _NATIVE_BY_REQUEST
        if failed is not None:
            return _AFTER_FAILURE[failed.engine]
        return _NATIVE_BY_MEMORY if self._recall(user_id, now) == NTGCALLS else _OWN_BY_DEFAULT

    def connected(self, user_id: TelegramUserId, choice: EngineChoice, now: float) -> RememberedEngine | None:
        """Take note that an engine connected; returns what must be remembered, if anything."""
        if choice.reason not in _REDIALS:
            return None
        remembered = self._remembered[user_id] = RememberedEngine(choice.engine, now)
        return remembered

    def _recall(self, user_id: TelegramUserId, now: float) -> str | None:
        remembered = self._remembered.get(user_id)
        if remembered is None:
            return None
        if not 0 <= now - remembered.at < REMEMBERED_FOR_S:
            del self._remembered[user_id]
            return None
        return remembered.engine
