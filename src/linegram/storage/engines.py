"""Which voice engine an employee needs, over restarts. Implements `calls.ports.EngineStore`."""

from collections.abc import Mapping

from sqlalchemy import select

from linegram.calls.engine_choice import RememberedEngine
from linegram.storage.database import Database
from linegram.storage.tables import VoiceEngineRow
from linegram.storage.upsert import upsert
from linegram.units import TelegramUserId


class EngineRepository:
    """Keeps the engine that connected last when the other one had not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep_engine(self, user_id: TelegramUserId, remembered: RememberedEngine) -> None:
        """Remember the engine that connected; replaces what was remembered before."""
        values = {"user_id": user_id, "engine": remembered.engine, "at": remembered.at}
        async with self._database.writing() as session:
            await session.execute(upsert(self._database, VoiceEngineRow, values, key="user_id"))

    async def kept_engines(self) -> Mapping[TelegramUserId, RememberedEngine]:
        """Return what is remembered of everybody, however old."""
        async with self._database.reading() as session:
            rows = await session.scalars(select(VoiceEngineRow))
            return {TelegramUserId(row.user_id): RememberedEngine(row.engine, row.at) for row in rows}
