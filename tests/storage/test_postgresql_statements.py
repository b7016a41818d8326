"""What we say to PostgreSQL is PostgreSQL's language; a server is not needed to see that."""

import importlib
import io

from alembic.migration import MigrationContext
from alembic.operations import Operations
from cryptography.fernet import Fernet
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.compiler import SQLCompiler

from linegram.storage.database import Database
from linegram.storage.tables import PersonRow
from linegram.storage.upsert import insert_once, upsert
from linegram.storage.vault import Vault


class PostgresDatabase(Database):
    """A database that is only asked for its dialect."""

    def __init__(self) -> None:
        self.vault = Vault([Fernet.generate_key().decode()])

    @property
    def dialect(self) -> str:
        return "postgresql"


def compiled(statement: object) -> str:
    text = statement.compile(dialect=postgresql.dialect())  # type: ignore[attr-defined, no-untyped-call]
    assert isinstance(text, SQLCompiler)
    return " ".join(str(text).split())


def test_upserts_change_only_the_given_columns() -> None:
    values = {"user_id": 1, "name": "Anna"}
    text = compiled(upsert(PostgresDatabase(), PersonRow, values, key="user_id", blank={"language": ""}))
    assert text.endswith("ON CONFLICT (user_id) DO UPDATE SET name = excluded.name")
    assert "language" in text
    once = compiled(insert_once(PostgresDatabase(), PersonRow, values, key="user_id"))
    assert once.endswith("ON CONFLICT (user_id) DO NOTHING")


def test_the_first_revision_can_be_written_as_postgresql() -> None:
    script = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": script}
    )
    with Operations.context(context):
        importlib.import_module("linegram.storage.migrations.versions.r0001_first").upgrade()
    text = script.getvalue()
    assert "account_id SERIAL NOT NULL" in text
    assert "password BYTEA NOT NULL" in text
    assert "INSERT INTO counters (name, value) VALUES ('account_changes', 0)" in text
