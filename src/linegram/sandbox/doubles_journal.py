"""A call journal that forgets at the end of the test.

One suite holds it and the stored one to the same promises
(`tests/calls/test_journal_contract.py`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from linegram.calls.engine_choice import RememberedEngine
from linegram.calls.ports import CallRecord, StoredLeg
from linegram.link.figures import LegFigures
from linegram.units import CallId, LegId, TelegramUserId


class MemoryJournal:
    """Implements `CallJournal` and `EngineStore` in memory; `notes` are the writes in their order."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.notes: list[StoredLeg | CallRecord] = []
        self.alive_at: float | None = None
        self._clock = clock
        self._engines: dict[TelegramUserId, RememberedEngine] = {}
        self._legs: dict[LegId, StoredLeg] = {}
        self._records: dict[CallId, CallRecord] = {}
        self._figures: dict[tuple[CallId, str], LegFigures] = {}

    async def leg_opened(self, call_id: CallId, leg_id: LegId, recovery: dict[str, Any]) -> None:
        """Remember how to end this leg; a later note for the same leg replaces it."""
        leg = StoredLeg(call_id=call_id, leg_id=leg_id, recovery=recovery)
        self.notes.append(leg)
        self._legs.pop(leg_id, None)
        self._legs[leg_id] = leg

    async def call_closed(self, record: CallRecord) -> None:
        """Keep the record and forget the call's legs; a repetition changes nothing."""
        self.notes.append(record)
        self._legs = {leg_id: leg for leg_id, leg in self._legs.items() if leg.call_id != record.call_id}
        self._records.setdefault(record.call_id, record)

    async def find_call(self, call_id: CallId) -> CallRecord | None:
        """Return the record of a finished call."""
        return self._records.get(call_id)

    async def stored_legs(self) -> Sequence[StoredLeg]:
        """Return the legs that are still noted as open, the oldest note first."""
        return list(self._legs.values())

    async def call_measured(self, call_id: CallId, figures: Mapping[str, LegFigures]) -> None:
        """Keep the figures of a call's legs; a repetition changes nothing."""
        for side, leg in figures.items():
            self._figures.setdefault((call_id, side), leg)

    async def figures_of(self, call_id: CallId) -> Mapping[str, LegFigures]:
        """Return the figures of a call's legs."""
        return {side: leg for (one, side), leg in self._figures.items() if one == call_id}

    async def call_forgotten(self, call_id: CallId) -> None:
        """Forget the legs of a call of which no record can be made."""
        self._legs = {leg_id: leg for leg_id, leg in self._legs.items() if leg.call_id != call_id}

    async def note_alive(self) -> None:
        """Remember that the service lives now."""
        self.alive_at = self._clock()

    async def last_alive(self) -> float | None:
        """Return when the service was last noted to live."""
        return self.alive_at

    async def keep_engine(self, user_id: TelegramUserId, remembered: RememberedEngine) -> None:
        """Remember the engine that connected; replaces what was remembered before."""
        self._engines[user_id] = remembered

    async def kept_engines(self) -> Mapping[TelegramUserId, RememberedEngine]:
        """Return what is remembered of everybody, however old."""
        return dict(self._engines)
