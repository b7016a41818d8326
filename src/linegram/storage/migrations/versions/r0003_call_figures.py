"""What the legs of finished calls measured."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COUNTS = (
    "packets_sent",
    "packets_passed",
    "packets_received",
    "packets_lost",
    "packets_late",
    "packets_duplicate",
    "concealed_ms",
    "far_muted_ms",
)
_MEASURES = ("duration_s", "sent_kbps", "received_kbps", "jitter_ms", "playout_ms")
_OPINIONS = ("round_trip_ms", "far_loss_percent", "far_jitter_ms", "mos", "worst_mos", "far_mos")


def upgrade() -> None:
    """Make the table of figures; calls before this have none."""
    op.create_table(
        "call_figures",
        sa.Column("leg_key", sa.String(72), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("side", sa.String(8), nullable=False),
        sa.Column("codec", sa.String(32), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        *(sa.Column(name, sa.Double(), nullable=False) for name in _MEASURES),
        *(sa.Column(name, sa.Double(), nullable=True) for name in _OPINIONS),
        sa.PrimaryKeyConstraint("leg_key", name="pk_call_figures"),
    )
    op.create_index("ix_call_figures_call_id", "call_figures", ["call_id"])
