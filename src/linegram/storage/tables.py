"""The tables. What is secret is a `Sealed` column; times are UTC epoch seconds.

A change here needs a migration; a test compares both.
"""

from typing import Any

from sqlalchemy import BigInteger, Dialect, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from linegram.storage.vault import Sealed


class SealedColumn(TypeDecorator[Sealed]):
    """A column that takes encrypted bytes and nothing else."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Sealed | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Refuse what was not sealed: the mistake must not reach the disk."""
        if value is not None and not isinstance(value, Sealed):
            raise TypeError("a secret column takes only sealed values")
        return value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Sealed | None:  # noqa: ARG002
        """Mark what comes back as sealed."""
        return None if value is None else Sealed(value)


class Table(DeclarativeBase):
    """Base of all tables. Constraints have names, so that a migration can change them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: BigInteger, Sealed: SealedColumn}  # noqa: RUF012


class OwnerRow(Table):
    """Somebody who owns SIP accounts: an administrator, or an employee with a line of his own."""

    __tablename__ = "owners"

    owner_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[float]


class PersonRow(Table):
    """Somebody in Telegram whom the office knows."""

    __tablename__ = "people"

    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(256), default="")
    username: Mapped[str] = mapped_column(String(64), default="")
    language: Mapped[str] = mapped_column(String(16), default="")
    is_callback: Mapped[bool | None]
    has_written: Mapped[bool] = mapped_column(default=False)
    changed_at: Mapped[float]


class AccountRow(Table):
    """A SIP account's settings. Its number is never given to another one."""

    __tablename__ = "sip_accounts"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    account_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("owners.owner_id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("people.user_id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    login: Mapped[str] = mapped_column(String(64))
    auth_login: Mapped[str] = mapped_column(String(128))
    password: Mapped[Sealed]
    server: Mapped[str] = mapped_column(String(255))
    port: Mapped[int]
    domain: Mapped[str] = mapped_column(String(255))
    proxy: Mapped[str] = mapped_column(String(263))
    transport: Mapped[str] = mapped_column(String(8))
    codecs: Mapped[str] = mapped_column(String(256))
    dtmf: Mapped[str] = mapped_column(String(64))
    dial_rules: Mapped[str] = mapped_column(Text)
    is_callback: Mapped[bool]
    is_enabled: Mapped[bool]
    changed_at: Mapped[float]


class StatusRow(Table):
    """What the PBX last said to an account; apart from its settings, which it does not change."""

    __tablename__ = "account_statuses"

    account_id: Mapped[int] = mapped_column(
        Integer, ForeignKey("sip_accounts.account_id", ondelete="CASCADE"), primary_key=True
    )
    state: Mapped[str] = mapped_column(String(16))
    sip_status: Mapped[int] = mapped_column(default=0)
    text: Mapped[str] = mapped_column(Text, default="")
    changed_at: Mapped[float | None]
    last_used_at: Mapped[float | None]


class ChangeRow(Table):
    """Who changed which account, when: what a running service polls, and the audit log. Never a secret."""

    __tablename__ = "account_changes"

    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(32))
    actor_id: Mapped[int | None]
    at: Mapped[float]
    detail: Mapped[str] = mapped_column(Text, default="")


class CounterRow(Table):
    """A number that rises by one in the transaction that uses it: its order is the order of commits."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int]


class SettingRow(Table):
    """Something small that the office remembers by name."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Sealed]


class OpenLegRow(Table):
    """A leg that is up, and how to end it; it may hold keys of the call, so that is sealed."""

    __tablename__ = "open_legs"

    leg_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    recovery: Mapped[Sealed]
    noted_at: Mapped[float]


class CallRow(Table):
    """A finished call. Accounts and people may be gone; their calls stay."""

    __tablename__ = "call_records"
    __table_args__ = (Index("ix_call_records_user_id_started_at", "user_id", "started_at"),)

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int | None] = mapped_column(index=True)
    user_id: Mapped[int]
    is_incoming: Mapped[bool]
    number: Mapped[str] = mapped_column(String(128))
    started_at: Mapped[float]
    answered_at: Mapped[float | None]
    ended_at: Mapped[float]
    end_reason: Mapped[str] = mapped_column(String(32))
    codec: Mapped[str] = mapped_column(String(32))
    sip_status: Mapped[int]
    engine: Mapped[str] = mapped_column(String(16))
    engine_reason: Mapped[str] = mapped_column(String(32))


class FiguresRow(Table):
    """What one leg of a finished call measured; the columns are those of `LegFigures`."""

    __tablename__ = "call_figures"

    leg_key: Mapped[str] = mapped_column(String(72), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    side: Mapped[str] = mapped_column(String(8))
    codec: Mapped[str] = mapped_column(String(32))
    duration_s: Mapped[float]
    packets_sent: Mapped[int]
    packets_passed: Mapped[int]
    packets_received: Mapped[int]
    packets_lost: Mapped[int]
    packets_late: Mapped[int]
    packets_duplicate: Mapped[int]
    sent_kbps: Mapped[float]
    received_kbps: Mapped[float]
    jitter_ms: Mapped[float]
    playout_ms: Mapped[float]
    concealed_ms: Mapped[int]
    far_muted_ms: Mapped[int]
    round_trip_ms: Mapped[float | None]
    far_loss_percent: Mapped[float | None]
    far_jitter_ms: Mapped[float | None]
    mos: Mapped[float | None]
    worst_mos: Mapped[float | None]
    far_mos: Mapped[float | None]


class VoiceEngineRow(Table):
    """The voice engine that connected to an employee when the other one had not."""

    __tablename__ = "voice_engines"

    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    engine: Mapped[str] = mapped_column(String(16))
    at: Mapped[float]


class CardRow(Table):
    """Where a call's card stands in the chat."""

    __tablename__ = "cards"

    card_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int | None]
    message_id: Mapped[int | None]
    inline_message_id: Mapped[str | None] = mapped_column(String(128), index=True)
    is_plain: Mapped[bool] = mapped_column(default=False)
    changed_at: Mapped[float] = mapped_column(index=True)


class SessionRow(Table):
    """A Telegram session of a calling account."""

    __tablename__ = "sessions"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    session: Mapped[Sealed]
    changed_at: Mapped[float]
