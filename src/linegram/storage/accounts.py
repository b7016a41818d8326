"""SIP accounts in the database. Implements `office.ports.AccountStore`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from linegram.errors import RefusedError
from linegram.link.accounts import RegistrationState, SipTransport
from linegram.office.account import AccountStatus, SipAccount
from linegram.office.codecs import parse_codecs, parse_dtmf, render_codecs, render_dtmf
from linegram.office.ports import AccountChange, Action, Actor
from linegram.storage.database import Database
from linegram.storage.people import BLANK_PERSON
from linegram.storage.tables import AccountRow, ChangeRow, CounterRow, OwnerRow, PersonRow, StatusRow
from linegram.storage.upsert import insert_once, upsert
from linegram.storage.vault import Vault
from linegram.units import AccountId, TelegramUserId

_COUNTER = "account_changes"
_BLANK_STATUS = {"state": RegistrationState.OFFLINE.value, "sip_status": 0, "text": ""}


class AccountRepository:
    """Reads and writes accounts; every write adds one revision, which a running service notices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: SipAccount, actor: Actor) -> SipAccount:
        """Store a new account and return it with its number; its owner becomes known if he was not."""
        async with self._database.writing() as session:
            await self._know_people(session, account)
            row = AccountRow(**self._columns(account))
            session.add(row)
            await session.flush()
            await self._note(session, row, actor, Action.ADDED)
            return _account(row, self._database.vault)

    async def change(self, account: SipAccount, actor: Actor, action: Action) -> None:
        """Replace the settings of a stored account. Raises RefusedError if it is gone."""
        async with self._database.writing() as session:
            await self._know_people(session, account)
            row = await session.get(AccountRow, account.account_id)
            if row is None:
                raise RefusedError(f"There is no account {account.account_id}.")
            for name, value in self._columns(account).items():
                setattr(row, name, value)
            await self._note(session, row, actor, action)

    async def remove(self, account_id: AccountId, actor: Actor) -> None:
        """Erase an account with its password. An unknown one is fine."""
        async with self._database.writing() as session:
            row = await session.get(AccountRow, account_id)
            if row is not None:
                await session.execute(delete(AccountRow).where(AccountRow.account_id == account_id))
                await self._note(session, row, actor, Action.REMOVED)

    async def find(self, account_id: AccountId) -> SipAccount | None:
        """The account with this number."""
        found = await self._accounts(AccountRow.account_id == account_id)
        return found[0] if found else None

    async def of_user(self, user_id: TelegramUserId) -> Sequence[SipAccount]:
        """The accounts that this person calls with, by number."""
        return await self._accounts(AccountRow.user_id == user_id)

    async def of_owner(self, owner_id: TelegramUserId) -> Sequence[SipAccount]:
        """The accounts that this person owns, by number."""
        return await self._accounts(AccountRow.owner_id == owner_id)

    async def all(self) -> Sequence[SipAccount]:
        """Every account, by number."""
        return await self._accounts()

    async def owners(self) -> Sequence[TelegramUserId]:
        """Everybody who owns accounts or may, the first one first."""
        async with self._database.reading() as session:
            found = await session.scalars(select(OwnerRow.owner_id).order_by(OwnerRow.created_at))
            return [TelegramUserId(owner_id) for owner_id in found]

    async def add_owner(self, owner_id: TelegramUserId) -> None:
        """Let this person own accounts. Repeatable."""
        async with self._database.writing() as session:
            values = {"owner_id": owner_id, "created_at": self._database.clock()}
            await session.execute(insert_once(self._database, OwnerRow, values, key="owner_id"))

    async def latest_revision(self) -> int:
        """Number of the last change; 0 before the first."""
        async with self._database.reading() as session:
            return await session.scalar(select(func.max(ChangeRow.revision))) or 0

    async def changes_since(self, revision: int) -> Sequence[AccountChange]:
        """The changes after `revision`, in order: what a running service has to catch up with."""
        async with self._database.reading() as session:
            found = await session.scalars(
                select(ChangeRow).where(ChangeRow.revision > revision).order_by(ChangeRow.revision)
            )
            return [_change(row) for row in found]

    async def statuses(self) -> Sequence[AccountStatus]:
        """What became of every account's registration, by number."""
        async with self._database.reading() as session:
            return [
                _status(row)
                for row in await session.scalars(select(StatusRow).order_by(StatusRow.account_id))
            ]

    async def set_status(self, status: AccountStatus) -> None:
        """Remember what the PBX said now; the time of last use stays. An unknown account is fine."""
        await self._put_status(
            status.account_id,
            state=status.state.value,
            sip_status=status.sip_status,
            text=status.text,
            changed_at=self._database.clock(),
        )

    async def mark_used(self, account_id: AccountId) -> None:
        """Remember that the account was used for a call now. An unknown account is fine."""
        await self._put_status(account_id, last_used_at=self._database.clock())

    async def last_used_at(self) -> dict[AccountId, float]:
        """When each account was used last; those never used are absent."""
        return {
            status.account_id: status.last_used_at
            for status in await self.statuses()
            if status.last_used_at is not None
        }

    async def _put_status(self, account_id: AccountId, **values: Any) -> None:
        async with self._database.writing() as session:
            if await session.get(AccountRow, account_id) is None:
                return
            known = {"account_id": account_id} | values
            await session.execute(
                upsert(self._database, StatusRow, known, key="account_id", blank=_BLANK_STATUS)
            )

    async def _accounts(self, *conditions: ColumnElement[bool]) -> Sequence[SipAccount]:
        async with self._database.reading() as session:
            rows = await session.scalars(
                select(AccountRow).where(*conditions).order_by(AccountRow.account_id)
            )
            return [_account(row, self._database.vault) for row in rows]

    async def _know_people(self, session: AsyncSession, account: SipAccount) -> None:
        """Make the rows that the account points to."""
        now = self._database.clock()
        owner = {"owner_id": account.owner_id, "created_at": now}
        await session.execute(insert_once(self._database, OwnerRow, owner, key="owner_id"))
        if account.user_id is not None:
            person = {"user_id": account.user_id, "changed_at": now}
            await session.execute(
                insert_once(self._database, PersonRow, {**BLANK_PERSON, **person}, key="user_id")
            )

    async def _note(self, session: AsyncSession, row: AccountRow, actor: Actor, action: Action) -> None:
        """Add a revision, numbered by a row that this transaction holds: no later one commits first."""
        revision = await session.scalar(
            update(CounterRow)
            .where(CounterRow.name == _COUNTER)
            .values(value=CounterRow.value + 1)
            .returning(CounterRow.value)
        )
        session.add(
            ChangeRow(
                revision=revision,
                account_id=row.account_id,
                action=action.value,
                actor_id=actor.user_id,
                at=self._database.clock(),
                detail=row.name or f"{row.login}@{row.server}",
            )
        )

    def _columns(self, account: SipAccount) -> dict[str, Any]:
        return {
            "owner_id": account.owner_id,
            "user_id": account.user_id,
            "name": account.name,
            "login": account.login,
            "auth_login": account.auth_login,
            "password": self._database.vault.seal_text(account.password),
            "server": account.server,
            "port": account.port,
            "domain": account.domain,
            "proxy": account.proxy,
            "transport": account.transport.value,
            "codecs": render_codecs(account.codecs),
            "dtmf": render_dtmf(account.dtmf),
            "dial_rules": account.dial_rules,
            "is_callback": account.is_callback,
            "is_enabled": account.is_enabled,
            "changed_at": self._database.clock(),
        }


def _account(row: AccountRow, vault: Vault) -> SipAccount:
    return SipAccount(
        account_id=AccountId(row.account_id),
        owner_id=TelegramUserId(row.owner_id),
        user_id=None if row.user_id is None else TelegramUserId(row.user_id),
        name=row.name,
        login=row.login,
        auth_login=row.auth_login,
        password=vault.open_text(row.password),
        server=row.server,
        port=row.port,
        domain=row.domain,
        proxy=row.proxy,
        transport=SipTransport(row.transport),
        codecs=parse_codecs(row.codecs),
        dtmf=parse_dtmf(row.dtmf),
        dial_rules=row.dial_rules,
        is_callback=row.is_callback,
        is_enabled=row.is_enabled,
    )


def _status(row: StatusRow) -> AccountStatus:
    return AccountStatus(
        account_id=AccountId(row.account_id),
        state=RegistrationState(row.state),
        sip_status=row.sip_status,
        text=row.text,
        changed_at=row.changed_at,
        last_used_at=row.last_used_at,
    )


def _change(row: ChangeRow) -> AccountChange:
    return AccountChange(
        revision=row.revision,
        account_id=AccountId(row.account_id),
        action=Action(row.action),
        actor=Actor(None if row.actor_id is None else TelegramUserId(row.actor_id)),
        at=row.at,
        detail=row.detail,
    )
