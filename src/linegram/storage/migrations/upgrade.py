"""Brings a database to the newest revision, inside the caller's transaction."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from linegram.errors import RefusedError


def migration_config(connection: Connection) -> Config:
    """Alembic's configuration for this package and this connection; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Upgrade to `revision`. Raises RefusedError if a newer Linegram wrote this database."""
    try:
        command.upgrade(migration_config(connection), revision)
    except CommandError as error:
        raise RefusedError(f"This database is from another version of Linegram: {error}.") from error
