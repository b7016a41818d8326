"""Insert a row, or change the one with the same key, in one statement on both databases."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite

from linegram.storage.database import Database
from linegram.storage.tables import Table


def upsert(
    database: Database,
    table: type[Table],
    values: Mapping[str, Any],
    *,
    key: str,
    blank: Mapping[str, Any] | None = None,
) -> Executable:
    """Statement that stores `values`; of a row that is there already only these columns change.

    `blank` fills the other columns of a new row.
    """
    insert = _insert(database, table).values({**(blank or {}), **values})
    changed = {name: insert.excluded[name] for name in values if name != key}
    return insert.on_conflict_do_update(index_elements=[key], set_=changed)


def insert_once(database: Database, table: type[Table], values: Mapping[str, Any], *, key: str) -> Executable:
    """Statement that stores `values`, or leaves the row that is there already as it is."""
    return _insert(database, table).values({**values}).on_conflict_do_nothing(index_elements=[key])


def _insert(database: Database, table: type[Table]) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if database.dialect == "postgresql" else sqlite.insert(table)
