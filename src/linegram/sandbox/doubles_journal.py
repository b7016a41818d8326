"""A call journal that forgets at the end of the test.

One suite holds it and the stored one to the same promises
(`tests/calls/test_journal_contract.py`).
"""

from collections.abc import Sequence
from typing import Any

from linegram.calls.ports import CallRecord, StoredLeg
from linegram.units import CallId, LegId


class MemoryJournal:
    """Implements `CallJournal` in memory; `notes` are the writes in their order."""

    def __init__(self) -> None:
        self.notes: list[StoredLeg | CallRecord] = []
        self._legs: dict[LegId, StoredLeg] = {}
        self._records: dict[CallId, CallRecord] = {}

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
