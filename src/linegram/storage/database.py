"""The database as a place to read and write in: opening, upgrading, transactions.

SQLite by default, PostgreSQL by its URL. A failure of the database is an
UnavailableError with a sentence; the statements stay out of it, for they may
name people.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import Any, Final, Self

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from linegram.errors import RefusedError, UnavailableError
from linegram.storage.migrations.upgrade import upgrade
from linegram.storage.tables import SettingRow
from linegram.storage.vault import Vault

BUSY_TIMEOUT_S: Final = 5.0
_WRITES: Final = "linegram_writes"
_KEY_PROBE: Final = "key probe"


class Database:
    """An open database, upgraded to what this version of Linegram needs."""

    def __init__(self, engine: AsyncEngine, vault: Vault, clock: Callable[[], float]) -> None:
        self.vault = vault
        self.clock = clock
        self._reader = engine
        self._writer = engine.execution_options(**{_WRITES: True})

    @classmethod
    async def open(cls, url: str, vault: Vault, *, clock: Callable[[], float] = time) -> Self:
        """Open the database, creating or upgrading it, and prove that the key fits.

        Raises RefusedError for a wrong address, a wrong key or a database from a newer Linegram,
        UnavailableError if it does not answer.
        """
        address = _address(url)
        await _upgraded(address)
        database = cls(_engine(address), vault, clock)
        try:
            await database._prove_key()
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._reader.dialect.name

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A transaction that changes nothing and does not wait for writers."""
        async with _unavailable_if_broken(), AsyncSession(self._reader) as session, session.begin():
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A transaction that is kept as a whole or not at all; on SQLite one at a time, from its start."""
        async with _unavailable_if_broken(), AsyncSession(self._writer) as session, session.begin():
            yield session

    async def _prove_key(self) -> None:
        """Open what the first start sealed: a wrong key is found now and not in the middle of a call."""
        async with self.writing() as session:
            probe = await session.get(SettingRow, _KEY_PROBE)
            if probe is None:
                session.add(SettingRow(name=_KEY_PROBE, value=self.vault.seal_text(_KEY_PROBE)))
            else:
                self.vault.open(probe.value)


def _address(url: str) -> URL:
    """Read the address of a database; it may hold a password, so no sentence repeats it."""
    try:
        address = make_url(url)
    except ArgumentError:
        raise RefusedError("storage.url is not the address of a database.") from None
    if address.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        raise RefusedError("storage.url must begin with sqlite+aiosqlite:// or postgresql+asyncpg://.")
    if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
        raise RefusedError("storage.url must name a file: sqlite+aiosqlite:///linegram.db.")
    try:
        address.get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        raise RefusedError(f"storage.url needs the Python package {error.name}, which is not here.") from None
    return address


async def _upgraded(address: URL) -> None:
    if address.get_backend_name() == "sqlite":
        _make_private_file(address)
    # Without foreign keys: SQLite migrations rebuild tables, and dropping the old one must not cascade.
    engine = _engine(address, has_foreign_keys=False).execution_options(**{_WRITES: True})
    try:
        async with _unavailable_if_broken(), engine.begin() as connection:
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


def _make_private_file(address: URL) -> None:
    """Create the file before SQLite does, so that only its owner may read it."""
    path = Path(address.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"The database {path} cannot be opened: {error.strerror}.") from error


def _engine(address: URL, *, has_foreign_keys: bool = True) -> AsyncEngine:
    if address.get_backend_name() != "sqlite":
        return create_async_engine(address, hide_parameters=True, pool_pre_ping=True)
    engine = create_async_engine(address, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see below
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        cursor.execute(f"PRAGMA foreign_keys={'ON' if has_foreign_keys else 'OFF'}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begun(connection: Connection) -> None:
        # A writer takes the lock first: a reader that becomes a writer later may be refused without waiting.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@asynccontextmanager
async def _unavailable_if_broken() -> AsyncIterator[None]:
    try:
        yield
    except (IntegrityError, ProgrammingError, DataError):
        raise  # our mistake, not the database's
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise UnavailableError(f"The database does not work: {cause}.") from error
