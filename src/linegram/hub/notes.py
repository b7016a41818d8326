"""What the hub lets the office remember and people read."""

import time
from types import MappingProxyType

from linegram.bot.language import texts
from linegram.bot.service import BotService
from linegram.calls.card import Card
from linegram.calls.chain import Chain
from linegram.calls.ports import CallRecord
from linegram.calls.routes import OfficeRoutes
from linegram.calls.switchboard import Switchboard, SwitchboardPorts
from linegram.link.carrier import MemoryLink
from linegram.link.events import RegistrationChanged
from linegram.office.watch import registration_status
from linegram.storage.accounts import AccountRepository
from linegram.storage.database import Database
from linegram.storage.people import PeopleRepository
from linegram.telegram.account import AccountState, EmployeeText
from linegram.telegram.cards import AccountCards
from linegram.telegram.phone import CallingAccountPhone
from linegram.units import AccountId, TelegramUserId

_WARNINGS = MappingProxyType({AccountState.SIGNED_OUT: "account-signed-out"})
"""What the owners are told when the calling account comes into a state."""


class Notes:
    """What calls let the office remember and people read: written in the background, in order."""

    def __init__(self, database: Database, cards: AccountCards, bot: BotService) -> None:
        self.accounts, self.people = AccountRepository(database), PeopleRepository(database)
        self.routes = OfficeRoutes()
        self._written, self._said = Chain("hub notes"), Chain("hub chat")
        self._cards, self._bot = cards, bot

    async def close(self) -> None:
        """Write and say what is left."""
        await self._written.close()
        await self._said.close()

    def switchboard_ports(self, link: MemoryLink, phone: CallingAccountPhone) -> SwitchboardPorts:
        """Return what the switchboard acts on."""
        return SwitchboardPorts(
            worker=link,
            phone=phone,
            routes=self.routes,
            registration_changed=self.registration_changed,
            heard_from=self.heard_from,
            line_used=self.line_used,
            say=self.say,
        )

    def pass_on(self, text: EmployeeText, switchboard: Switchboard) -> None:
        """Remember who writes, and let the switchboard read it."""
        self._written.submit(
            lambda: self.people.meet(text.user_id, name=text.name, username=text.username, language="")
        )
        switchboard.take_text(text.user_id, text.text)

    def account_changed(self, state: AccountState) -> None:
        """Warn the owners if the calling account needs a person."""
        text_name = _WARNINGS.get(state)
        if text_name is not None:
            self._said.submit(lambda: self._warn_owners(text_name))

    async def _warn_owners(self, text_name: str) -> None:
        await self._bot.tell(await self.accounts.owners(), text_name)

    def registration_changed(self, change: RegistrationChanged) -> None:
        """Remember what became of a registration."""
        self._written.submit(lambda: self.accounts.set_status(registration_status(change)))

    def heard_from(self, user_id: TelegramUserId) -> None:
        """Remember that the calling account has seen a person."""
        self._written.submit(lambda: self.people.mark_written(user_id))

    def line_used(self, account_id: AccountId) -> None:
        """Remember when a line was used; it is the first choice for the next number."""
        self.routes.used(account_id, time.time())
        self._written.submit(lambda: self.accounts.mark_used(account_id))

    def say(self, user_id: TelegramUserId, text: str) -> None:
        """Say a sentence to an employee."""
        self._said.submit(lambda: self._cards.say(user_id, text))

    def announce(self, record: CallRecord, card: Card) -> None:
        """Tell an employee of a call that an earlier process could not end, and end its card."""
        self.say(record.user_id, texts().say(f"end-{record.end_reason.value}"))
        self._said.submit(lambda: self._bot.editor.edit(record.call_id, card))
