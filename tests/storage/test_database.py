"""Databases open, upgrade and refuse with sentences; transactions are whole."""

import asyncio
import sqlite3
import stat
import sys
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, text
from sqlalchemy.exc import StatementError

from linegram.errors import RefusedError, UnavailableError
from linegram.storage.database import Database
from linegram.storage.engines import EngineRepository
from linegram.storage.journal import DatabaseJournal
from linegram.storage.migrations.upgrade import upgrade
from linegram.storage.tables import CounterRow, SessionRow, Table
from linegram.storage.vault import Vault
from linegram.units import CallId


def test_the_migrations_make_exactly_the_tables_that_the_code_uses() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        upgrade(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Table.metadata)
    engine.dispose()
    assert differences == []


async def test_a_database_of_the_first_release_keeps_its_calls(url: str, path: Path, vault: Vault) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, "0001")
        connection.execute(
            text(
                "INSERT INTO call_records VALUES "
                "('old', 1, 2001, 1, '4711', 1.0, 2.5, 3.0, 'completed', 'opus', 200)"
            )
        )
    engine.dispose()
    async with await Database.open(url, vault) as database:
        record = await DatabaseJournal(database).find_call(CallId("old"))
        assert record is not None
        assert (record.number, record.answered_at, record.engine, record.engine_reason) == (
            "4711",
            2.5,
            "",
            "",
        )
        new = msgspec.structs.replace(record, call_id=CallId("new"), engine="own", engine_reason="default")
        await DatabaseJournal(database).call_closed(new)
        assert await DatabaseJournal(database).find_call(CallId("new")) == new
        assert await EngineRepository(database).kept_engines() == {}


async def test_an_empty_database_is_upgraded_and_a_second_start_finds_it_so(url: str, vault: Vault) -> None:
    for _ in range(2):
        async with await Database.open(url, vault) as database, database.reading() as session:
            assert (
                await session.execute(text("SELECT version_num FROM alembic_version"))
            ).scalars().all() == ["0003"]
            assert (await session.get_one(CounterRow, "account_changes")).value == 0


async def test_two_starts_at_once_upgrade_once(url: str, vault: Vault) -> None:
    databases = await asyncio.gather(Database.open(url, vault), Database.open(url, vault))
    for database in databases:
        async with database.reading() as session:
            assert (await session.execute(text("SELECT count(*) FROM counters"))).scalar() == 1
        await database.close()


async def test_sqlite_runs_with_a_log_foreign_keys_and_patience(database: Database) -> None:
    async with database.reading() as session:
        answers = [
            (await session.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert answers == ["wal", 1, 5000]


async def test_only_the_owner_may_read_the_file(database: Database, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_another_key_is_refused_at_the_start(database: Database, url: str) -> None:
    with pytest.raises(RefusedError, match="does not fit this database"):
        await Database.open(url, Vault([Fernet.generate_key().decode()]))


async def test_a_database_from_a_newer_linegram_is_refused(database: Database, url: str, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(RefusedError, match="another version of Linegram"):
        await Database.open(url, database.vault)


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "linegram.db", "sqlite:///x.db", "mysql://h/d", "oracle9://h", "postgresql://u:hush@h/d"),
        *("sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"),
    ],
)
async def test_a_wrong_address_is_a_sentence_that_does_not_repeat_it(vault: Vault, wrong: str) -> None:
    with pytest.raises(RefusedError, match=r"storage\.url") as refused:
        await Database.open(wrong, vault)
    assert "hush" not in str(refused.value)


async def test_a_driver_that_is_not_installed_is_named(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(RefusedError, match="needs the Python package asyncpg"):
        await Database.open("postgresql+asyncpg://u:p@h/d", vault)


async def test_a_file_that_is_no_database_is_a_sentence(path: Path, url: str, vault: Vault) -> None:
    path.write_bytes(b"this is no database, however long one looks at it" * 100)
    with pytest.raises(UnavailableError, match="file is not a database"):
        await Database.open(url, vault)


async def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path, vault: Vault) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="cannot be opened"):
        await Database.open(f"sqlite+aiosqlite:///{tmp_path}/file/x.db", vault)


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.writing() as session:
            (await session.get_one(CounterRow, "account_changes")).value = 5
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.reading() as session:
        assert (await session.get_one(CounterRow, "account_changes")).value == 0


async def test_writers_wait_for_each_other_and_readers_for_nobody(database: Database) -> None:
    async def add_one() -> None:
        async with database.writing() as session:
            counter = await session.get_one(CounterRow, "account_changes")
            counter.value += 1

    async with database.writing() as session:
        (await session.get_one(CounterRow, "account_changes")).value = 100
        await session.flush()
        async with database.reading() as reader:
            assert (await reader.get_one(CounterRow, "account_changes")).value == 0
        waiting = [asyncio.create_task(add_one()) for _ in range(4)]
    await asyncio.gather(*waiting)
    async with database.reading() as reader:
        assert (await reader.get_one(CounterRow, "account_changes")).value == 104


async def test_a_secret_that_nobody_sealed_cannot_be_stored(database: Database) -> None:
    with pytest.raises(StatementError, match="takes only sealed values"):
        async with database.writing() as session:
            session.add(SessionRow(name="x", session=b"plain", changed_at=0.0))
