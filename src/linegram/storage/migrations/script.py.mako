"""${message}."""

import sqlalchemy as sa
from alembic import op

from linegram.storage.tables import SealedColumn

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Create what is new."""
    ${upgrades if upgrades else "raise NotImplementedError"}
