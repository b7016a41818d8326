"""One employee's line, complete and real: a PBX, Linegram, Telegram (sandbox), a phone that can be heard."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linegram.calls.ports import CallRecord
from linegram.hub import Hub, running_hub
from linegram.link.accounts import RegistrationState
from linegram.link.carrier import MemoryLink
from linegram.office.account import AccountStatus, SipAccount
from linegram.sandbox.employee import Employee
from linegram.sandbox.employee_phone import EmployeePhone
from linegram.sandbox.mtproto.asker import CallTimeouts
from linegram.sandbox.office import SandboxOffice
from linegram.sandbox.world.people import Person
from linegram.storage.accounts import AccountRepository
from linegram.storage.journal import DatabaseJournal
from linegram.units import TelegramUserId
from linegram.worker import Worker, running_worker
from tests.peers.asterisk import Asterisk
from tests.peers.waiting import until

OWNER = TelegramUserId(1)
RECORDED_BYTES_PER_S = 32_000


@dataclass(kw_only=True)
class Line:
    """What a test of calls works with. `number` is the extension of Anna's account at the PBX."""

    pbx: Asterisk
    office: SandboxOffice
    hub: Hub
    worker: Worker
    anna: Employee
    phone: EmployeePhone
    number: str
    account: SipAccount

    async def text(self, number: str) -> int:
        """Let Anna send a number to the calling account; returns her newest message's id before it."""
        mark = self.anna.mark()
        await self.anna.send(self.office.calling_account, number)
        return mark

    async def status(self) -> AccountStatus:
        """Return what the PBX last said to the account."""
        async with await self.office.database() as database:
            statuses = await AccountRepository(database).statuses()
            return next(status for status in statuses if status.account_id == self.account.account_id)

    async def finished_record(self) -> CallRecord:
        """Return the record of Anna's last call once it is written: a dead PBX is given up after 32 s."""

        async def is_empty() -> bool:
            return not len(self.hub.runner.desk)

        await until(is_empty, 45)
        return await self.last_record()

    async def last_record(self) -> CallRecord:
        """Return the record of Anna's last call that is over; it is written just after the desk is empty."""
        await self.hub.runner.settle()
        async with await self.office.database() as database:
            return (await DatabaseJournal(database).calls_of(TelegramUserId(self.anna.person.user_id)))[0]

    async def card(self, match: str, *, after: int = 0) -> Any:
        """Wait until a card (or sentence) in Anna's chat says this."""
        return await self.anna.wait_for_message(match, after=after)

    async def wait_for_silence(self) -> None:
        """Wait until no call is left at the PBX, in the hub, in the media hosts."""
        await self.pbx.wait_for_no_channels()

        async def is_quiet() -> bool:
            return not len(self.hub.runner.desk) and not self.worker.pool.call_count

        await until(is_quiet, 20)
        assert self.office.world.calls.live() == []

    async def talk(self, who: str, seconds: float = 1.5) -> None:
        """Wait until a recording of the PBX has grown by so many seconds of what it hears."""
        before = self.pbx.recorded_bytes(who)

        async def is_long_enough() -> bool:
            return self.pbx.recorded_bytes(who) - before >= seconds * RECORDED_BYTES_PER_S

        await until(is_long_enough, 20)

    async def assert_heard(self, who: str, frequency_hz: int) -> None:
        """Read the recording of a call that has ended: the last second of it must hold this tone."""
        recording = await self.pbx.recording(who)
        end_s = recording.duration_s - 0.3
        share = recording.part(end_s - 1.0, end_s).share_of(frequency_hz)
        assert share > 0.7, f"{frequency_hz} Hz has {share:.2f} of the energy, not most of it"


@asynccontextmanager
async def running_line(
    pbx: Asterisk,
    folder: Path,
    *,
    number: str = "1001",
    sections: dict[str, dict[str, Any]] | None = None,
    timeouts: CallTimeouts | None = None,
    awaited: RegistrationState = RegistrationState.ONLINE,
    clock: Callable[[], float] = time.time,
    prepare: Callable[[SandboxOffice, Person], Awaitable[None]] | None = None,
    **account: Any,
) -> AsyncIterator[Line]:
    """Run a service with one account at a PBX and Anna's phone; wait for the account's `awaited` state.

    `sections` are settings of the service, `timeouts` of Telegram, `clock` is the hub's; `prepare` may
    write into the database before the service starts; `account` are settings of the SIP account.
    """
    async with AsyncExitStack() as stack:
        office = await stack.enter_async_context(SandboxOffice(folder))
        office.telegram.settings.call_timeouts = timeouts or CallTimeouts()
        person = await office.hire("Anna")
        stored = await office.add_account(
            SipAccount(
                login=number,
                server=pbx.address,
                owner_id=OWNER,
                name="Desk",
                **{"password": f"pw-{number}", "port": pbx.sip_port, **account},
            ),
            person,
        )
        if prepare is not None:
            await prepare(office, person)
        link = MemoryLink()
        settings = office.settings(**(sections or {}))
        worker = await stack.enter_async_context(running_worker(settings, link))
        hub = await stack.enter_async_context(running_hub(settings, link, clock=clock))
        anna = await stack.enter_async_context(Employee(office.telegram, person))
        phone = await stack.enter_async_context(EmployeePhone(anna))
        await wait_for_state(office, stored, awaited)
        yield Line(
            pbx=pbx,
            office=office,
            hub=hub,
            worker=worker,
            anna=anna,
            phone=phone,
            number=number,
            account=stored,
        )


async def wait_for_state(office: SandboxOffice, account: SipAccount, state: RegistrationState) -> None:
    """Wait until the stored status of an account says this."""
    async with await office.database() as database:
        repository = AccountRepository(database)

        async def is_so() -> bool:
            statuses = await repository.statuses()
            return any(s.account_id == account.account_id and s.state is state for s in statuses)

        await until(is_so, 20)
