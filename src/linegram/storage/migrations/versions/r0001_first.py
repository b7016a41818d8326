"""The first tables: owners and people, SIP accounts, calls, cards, sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the first release."""
    _create_people()
    _create_accounts()
    _create_account_history()
    _create_calls()
    _create_cards()
    _create_secrets()


def _create_people() -> None:
    op.create_table(
        "owners",
        sa.Column("owner_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name="pk_owners"),
    )
    op.create_table(
        "people",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("is_callback", sa.Boolean(), nullable=True),
        sa.Column("has_written", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_people"),
    )


def _create_accounts() -> None:
    op.create_table(
        "sip_accounts",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("login", sa.String(64), nullable=False),
        sa.Column("auth_login", sa.String(128), nullable=False),
        sa.Column("password", sa.LargeBinary(), nullable=False),
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("port", sa.BigInteger(), nullable=False),
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("proxy", sa.String(263), nullable=False),
        sa.Column("transport", sa.String(8), nullable=False),
        sa.Column("codecs", sa.String(256), nullable=False),
        sa.Column("dtmf", sa.String(64), nullable=False),
        sa.Column("dial_rules", sa.Text(), nullable=False),
        sa.Column("is_callback", sa.Boolean(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.owner_id"], name="fk_sip_accounts_owner_id"),
        sa.ForeignKeyConstraint(["user_id"], ["people.user_id"], name="fk_sip_accounts_user_id"),
        sa.PrimaryKeyConstraint("account_id", name="pk_sip_accounts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sip_accounts_owner_id", "sip_accounts", ["owner_id"])
    op.create_index("ix_sip_accounts_user_id", "sip_accounts", ["user_id"])


def _create_account_history() -> None:
    op.create_table(
        "account_statuses",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sip_status", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=True),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["sip_accounts.account_id"],
            name="fk_account_statuses_account_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_account_statuses"),
    )
    op.create_table(
        "account_changes",
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_account_changes"),
    )
    op.create_index("ix_account_changes_account_id", "account_changes", ["account_id"])
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counters"),
    )
    op.bulk_insert(counters, [{"name": "account_changes", "value": 0}])


def _create_calls() -> None:
    op.create_table(
        "open_legs",
        sa.Column("leg_id", sa.String(64), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("recovery", sa.LargeBinary(), nullable=False),
        sa.Column("noted_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("leg_id", name="pk_open_legs"),
    )
    op.create_index("ix_open_legs_call_id", "open_legs", ["call_id"])
    op.create_table(
        "call_records",
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("is_incoming", sa.Boolean(), nullable=False),
        sa.Column("number", sa.String(128), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("answered_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("end_reason", sa.String(32), nullable=False),
        sa.Column("codec", sa.String(32), nullable=False),
        sa.Column("sip_status", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_call_records"),
    )
    op.create_index("ix_call_records_account_id", "call_records", ["account_id"])
    op.create_index("ix_call_records_user_id_started_at", "call_records", ["user_id", "started_at"])


def _create_cards() -> None:
    op.create_table(
        "cards",
        sa.Column("card_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("inline_message_id", sa.String(128), nullable=True),
        sa.Column("is_plain", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", name="pk_cards"),
    )
    op.create_index("ix_cards_inline_message_id", "cards", ["inline_message_id"])
    op.create_index("ix_cards_changed_at", "cards", ["changed_at"])


def _create_secrets() -> None:
    op.create_table(
        "sessions",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("session", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_sessions"),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
