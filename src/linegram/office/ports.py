"""What the office needs from storage, declared here and implemented there."""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

import msgspec

from linegram.office.account import AccountStatus, SipAccount
from linegram.units import AccountId, TelegramUserId


class Action(Enum):
    """What was done to an account. The value is stored: never rename one."""

    ADDED = "added"
    CHANGED = "changed"
    SWITCHED_ON = "switched_on"
    SWITCHED_OFF = "switched_off"
    ASSIGNED = "assigned"
    RECLAIMED = "reclaimed"
    REMOVED = "removed"


class Actor(msgspec.Struct, frozen=True):
    """Who does it: a person in Telegram, or the operator at the command line, who may do everything."""

    user_id: TelegramUserId | None

    @property
    def is_operator(self) -> bool:
        """Whether this is the command line."""
        return self.user_id is None


OPERATOR = Actor(None)


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an account. Revisions rise by one over the whole office; `at` is UTC epoch seconds."""

    revision: int
    account_id: AccountId
    action: Action
    actor: Actor
    at: float
    detail: str = ""


class AccountStore(Protocol):
    """Where SIP accounts are kept. Every write is one transaction and one new revision."""

    async def add(self, account: SipAccount, actor: Actor) -> SipAccount:
        """Store a new account and return it with its number; its owner becomes known if he was not."""

    async def change(self, account: SipAccount, actor: Actor, action: Action) -> None:
        """Replace the settings of a stored account. Raises RefusedError if it is gone."""

    async def remove(self, account_id: AccountId, actor: Actor) -> None:
        """Erase an account with its password. An unknown one is fine."""

    async def find(self, account_id: AccountId) -> SipAccount | None:
        """The account with this number."""

    async def of_user(self, user_id: TelegramUserId) -> Sequence[SipAccount]:
        """The accounts that this person calls with, by number."""

    async def of_owner(self, owner_id: TelegramUserId) -> Sequence[SipAccount]:
        """The accounts that this person owns, by number."""

    async def all(self) -> Sequence[SipAccount]:
        """Every account, by number."""

    async def statuses(self) -> Sequence[AccountStatus]:
        """What became of every account's registration, by number."""
