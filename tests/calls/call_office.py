"""A whole switchboard between doubles: a worker, a phone, a chat and a journal that the test plays."""

import asyncio
import itertools
from collections.abc import Callable

from linegram.calls.card import Card, CardButton
from linegram.calls.cards import CardKeeper
from linegram.calls.engine_choice import AUTO, EngineDesk
from linegram.calls.ports import CallRecord, PhoneEvent
from linegram.calls.routes import OfficeRoutes
from linegram.calls.runner import CallPorts, CallRunner
from linegram.calls.switchboard import Switchboard, SwitchboardPorts
from linegram.link.events import Event, RegistrationChanged
from linegram.link.voice import NTGCALLS, OWN
from linegram.office.account import SipAccount
from linegram.sandbox.doubles_cards import ChatDouble
from linegram.sandbox.doubles_clock import HandClock, settle
from linegram.sandbox.doubles_journal import MemoryJournal
from linegram.sandbox.doubles_phone import PhoneDouble
from linegram.sandbox.doubles_worker import Deliver, WorkerDouble
from linegram.units import AccountId, CallId, LegId, TelegramUserId
from tests.office.accounts import make_account

ANN, BOB, EVE = TelegramUserId(2001), TelegramUserId(2002), TelegramUserId(2999)
ANNS_LINE, BOBS_LINE, NOBODYS_LINE = AccountId(1), AccountId(2), AccountId(3)


def accounts(*, is_callback: bool = True) -> list[SipAccount]:
    """Ann and Bob have a line each; the third line is nobody's."""
    return [
        make_account("100", account_id=ANNS_LINE, user_id=ANN, name="Ann's line", is_callback=is_callback),
        make_account("101", account_id=BOBS_LINE, user_id=BOB, name="Bob's line", is_callback=is_callback),
        make_account("102", account_id=NOBODYS_LINE, name="Spare line"),
    ]


class CallOffice:
    """The switchboard and everything around it. Make it inside a running loop: it takes the loop's clock."""

    def __init__(self, *, is_callback: bool = True, deliver: Deliver | None = None) -> None:
        self.clock = HandClock()
        loop = asyncio.get_running_loop()
        deliver = deliver or (lambda news: void(loop.call_soon(news)))
        self.worker = WorkerDouble(self._take_report, deliver)
        self.phone = PhoneDouble(self._take_phone_event, deliver)
        self.chat = ChatDouble()
        self.journal = MemoryJournal(self.clock)
        self.engines = EngineDesk(AUTO)
        self.engines.worker_has((OWN, NTGCALLS))
        self.keeper = CardKeeper(self.chat, self.chat)
        self.said: list[tuple[TelegramUserId, str]] = []
        self.seen: list[TelegramUserId] = []
        self.used: list[AccountId] = []
        self.registrations: list[RegistrationChanged] = []
        self.routes = OfficeRoutes()
        self.routes.renew(accounts(is_callback=is_callback), {})
        numbers = itertools.count(1)
        self.runner = CallRunner(
            CallPorts(
                worker=self.worker,
                phone=self.phone,
                cards=self.keeper,
                journal=self.journal,
                engines=self.engines,
                engine_store=self.journal,
                new_leg_id=lambda: LegId(f"again-{next(numbers)}"),
                clock=self.clock,
            )
        )
        self.switchboard = Switchboard(
            self.runner,
            SwitchboardPorts(
                worker=self.worker,
                phone=self.phone,
                routes=self.routes,
                registration_changed=self.registrations.append,
                heard_from=self.seen.append,
                line_used=self.used.append,
                say=lambda user_id, text: self.said.append((user_id, text)),
            ),
            new_id=lambda: f"id-{next(numbers)}",
            clock=self.clock,
        )

    def _take_report(self, report: Event) -> None:
        self.switchboard.take_report(report)

    def _take_phone_event(self, event: PhoneEvent) -> None:
        self.switchboard.take_phone_event(event)

    # ---- what people do, with everything that follows

    async def do(self, *deeds: Callable[[], object]) -> None:
        """Do each thing and let its consequences happen before the next."""
        for deed in deeds:
            deed()
            await settle()

    async def text(self, number: str, user_id: TelegramUserId = ANN) -> CallId:
        """Let an employee text a number; returns the call that it began."""
        await self.do(lambda: self.switchboard.take_text(user_id, number))
        return self.call_id

    async def press(self, button: CardButton, user_id: TelegramUserId = ANN) -> None:
        """Let somebody press a button of the only card."""
        call_id = self.call_id
        await self.do(lambda: self.switchboard.take_button(user_id, call_id, button, "4711"))

    async def answer_phone(self) -> None:
        """Let the employee's phone ring and be answered, and his voice come up."""
        leg = self.employee_leg
        await self.do(
            lambda: self.phone.open(leg),
            lambda: self.phone.ring(leg),
            lambda: self.phone.answer(leg),
            lambda: self.worker.connect_voice(leg),
        )

    # ---- what can be seen

    @property
    def call_id(self) -> CallId:
        """The only running call."""
        (call,) = self.runner.desk
        return call.call_id

    @property
    def employee_leg(self) -> LegId:
        """The employee's leg of the only running call."""
        (call,) = self.runner.desk
        return call.employee_leg_id

    @property
    def far_leg(self) -> LegId:
        """The PBX leg of the only running call."""
        (call,) = self.runner.desk
        return call.far_leg_id

    @property
    def commands(self) -> list[str]:
        """The names of the commands that the worker got."""
        return [type(command).__name__ for command in self.worker.sent]

    @property
    def records(self) -> list[CallRecord]:
        """The calls that were closed, in their order."""
        return [note for note in self.journal.notes if isinstance(note, CallRecord)]

    def card(self) -> Card:
        """The only card as it stands."""
        ((card_id),) = self.chat.history
        return self.chat.card(card_id)


def void(_: object) -> None:
    """Drop a value."""
