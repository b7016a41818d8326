"""What survives a crash: open legs and finished calls. Implements `calls.ports.CallJournal`."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, select

from linegram.calls.ports import CallRecord, StoredLeg
from linegram.link.figures import LegFigures
from linegram.outcomes import EndReason
from linegram.storage.database import Database
from linegram.storage.tables import CallRow, FiguresRow, OpenLegRow, SettingRow
from linegram.storage.upsert import insert_once, upsert
from linegram.units import AccountId, CallId, LegId, TelegramUserId

_NUMBER_LENGTH = 128
_ALIVE_AT = "alive at"


class DatabaseJournal:
    """Keeps the journal; how to end a leg may hold keys of the call and is sealed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def leg_opened(self, call_id: CallId, leg_id: LegId, recovery: dict[str, Any]) -> None:
        """Remember how to end this leg; a later note for the same leg replaces it."""
        values = {
            "leg_id": leg_id,
            "call_id": call_id,
            "recovery": self._database.vault.seal(msgspec.msgpack.encode(recovery)),
            "noted_at": self._database.clock(),
        }
        async with self._database.writing() as session:
            await session.execute(upsert(self._database, OpenLegRow, values, key="leg_id"))

    async def call_closed(self, record: CallRecord) -> None:
        """Keep the record and forget the call's legs, in one transaction; a repetition changes nothing."""
        values = {name: getattr(record, name) for name in record.__struct_fields__}
        values["end_reason"] = record.end_reason.value
        values["number"] = record.number[:_NUMBER_LENGTH]
        async with self._database.writing() as session:
            await session.execute(delete(OpenLegRow).where(OpenLegRow.call_id == record.call_id))
            await session.execute(insert_once(self._database, CallRow, values, key="call_id"))

    async def call_forgotten(self, call_id: CallId) -> None:
        """Forget the legs of a call of which no record can be made."""
        async with self._database.writing() as session:
            await session.execute(delete(OpenLegRow).where(OpenLegRow.call_id == call_id))

    async def note_alive(self) -> None:
        """Remember that the service lives now, with calls."""
        sealed = self._database.vault.seal_text(repr(self._database.clock()))
        values = {"name": _ALIVE_AT, "value": sealed}
        async with self._database.writing() as session:
            await session.execute(upsert(self._database, SettingRow, values, key="name"))

    async def last_alive(self) -> float | None:
        """Return when the service was last noted to live, in UTC epoch seconds."""
        async with self._database.reading() as session:
            row = await session.get(SettingRow, _ALIVE_AT)
            return None if row is None else float(self._database.vault.open_text(row.value))

    async def call_measured(self, call_id: CallId, figures: Mapping[str, LegFigures]) -> None:
        """Keep the figures of a call's legs, in one transaction; a repetition changes nothing."""
        async with self._database.writing() as session:
            for side, leg in figures.items():
                values = {"leg_key": f"{call_id}:{side}", "call_id": call_id, "side": side}
                values |= msgspec.structs.asdict(leg)
                await session.execute(insert_once(self._database, FiguresRow, values, key="leg_key"))

    async def figures_of(self, call_id: CallId) -> Mapping[str, LegFigures]:
        """Return the figures of a call's legs."""
        async with self._database.reading() as session:
            rows = await session.scalars(select(FiguresRow).where(FiguresRow.call_id == call_id))
            return {row.side: _figures(row) for row in rows}

    async def stored_legs(self) -> Sequence[StoredLeg]:
        """Return the legs that are still noted as open, the oldest note first."""
        async with self._database.reading() as session:
            rows = await session.scalars(select(OpenLegRow).order_by(OpenLegRow.noted_at, OpenLegRow.leg_id))
            return [self._leg(row) for row in rows]

    async def find_call(self, call_id: CallId) -> CallRecord | None:
        """Return the record of a finished call."""
        async with self._database.reading() as session:
            row = await session.get(CallRow, call_id)
            return None if row is None else _record(row)

    async def calls_of(self, user_id: TelegramUserId, *, limit: int = 50) -> Sequence[CallRecord]:
        """A person's finished calls, the newest first."""
        query = select(CallRow).where(CallRow.user_id == user_id)
        async with self._database.reading() as session:
            rows = await session.scalars(query.order_by(CallRow.started_at.desc()).limit(limit))
            return [_record(row) for row in rows]

    def _leg(self, row: OpenLegRow) -> StoredLeg:
        recovery = msgspec.msgpack.decode(self._database.vault.open(row.recovery), type=dict[str, Any])
        return StoredLeg(call_id=CallId(row.call_id), leg_id=LegId(row.leg_id), recovery=recovery)


def _figures(row: FiguresRow) -> LegFigures:
    return LegFigures(**{name: getattr(row, name) for name in LegFigures.__struct_fields__})


def _record(row: CallRow) -> CallRecord:
    return CallRecord(
        call_id=CallId(row.call_id),
        account_id=None if row.account_id is None else AccountId(row.account_id),
        user_id=TelegramUserId(row.user_id),
        is_incoming=row.is_incoming,
        number=row.number,
        started_at=row.started_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        end_reason=EndReason(row.end_reason),
        codec=row.codec,
        sip_status=row.sip_status,
        engine=row.engine,
        engine_reason=row.engine_reason,
    )
