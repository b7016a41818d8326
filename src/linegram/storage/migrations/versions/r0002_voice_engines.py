"""Which voice engine carried a call, and which one an employee needs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the engine to call records; of calls before this it is not known. Make the engines' memory."""
    with op.batch_alter_table("call_records") as records:
        records.add_column(sa.Column("engine", sa.String(16), nullable=False, server_default=""))
        records.add_column(sa.Column("engine_reason", sa.String(32), nullable=False, server_default=""))
    with op.batch_alter_table("call_records") as records:
        records.alter_column("engine", server_default=None)
        records.alter_column("engine_reason", server_default=None)
    op.create_table(
        "voice_engines",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("engine", sa.String(16), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_voice_engines"),
    )
