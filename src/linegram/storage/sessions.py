"""The signed-in Telegram session of a calling account, sealed."""

from linegram.storage.database import Database
from linegram.storage.tables import SessionRow
from linegram.storage.upsert import upsert

FIRST_CALLING_ACCOUNT = "calling-account-1"


class SessionStore:
    """Keeps one session; a pool of calling accounts has one store each."""

    def __init__(self, database: Database, name: str = FIRST_CALLING_ACCOUNT) -> None:
        self._database = database
        self._name = name

    async def load(self) -> str | None:
        """The session as it was saved; None before the first sign-in."""
        async with self._database.reading() as session:
            row = await session.get(SessionRow, self._name)
            return None if row is None else self._database.vault.open_text(row.session)

    async def save(self, session: str) -> None:
        """Keep the session in place of the earlier one."""
        values = {
            "name": self._name,
            "session": self._database.vault.seal_text(session),
            "changed_at": self._database.clock(),
        }
        async with self._database.writing() as transaction:
            await transaction.execute(upsert(self._database, SessionRow, values, key="name"))

    async def forget(self) -> None:
        """Erase the session, so that the next start asks to sign in."""
        async with self._database.writing() as session:
            row = await session.get(SessionRow, self._name)
            if row is not None:
                await session.delete(row)
