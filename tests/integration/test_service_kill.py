"""The service is killed in the middle of calls: its next start releases both sides and tells the employee."""

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from linegram.office.account import SipAccount
from linegram.outcomes import EndReason
from linegram.sandbox.employee import Employee
from linegram.sandbox.employee_phone import EmployeePhone
from linegram.sandbox.office import SandboxOffice
from linegram.storage.journal import DatabaseJournal
from linegram.units import TelegramUserId
from tests.cli.command import Command, command, write_settings
from tests.peers.addresses import free_port
from tests.peers.asterisk import Asterisk
from tests.peers.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PBX_HZ = 700
NUMBER = "1008"


class KilledLine:
    """Anna's line with the service in a process of its own."""

    def __init__(self, pbx: Asterisk, office: SandboxOffice, anna: Employee, phone: EmployeePhone) -> None:
        self.pbx = pbx
        self.office = office
        self.anna = anna
        self.phone = phone

    async def open_legs(self) -> int:
        async with await self.office.database() as database:
            return len(await DatabaseJournal(database).stored_legs())

    async def assert_one_binding(self) -> None:
        """The binding of the killed service is replaced, not joined by a second one: calls would fork."""

        async def bindings() -> list[str]:
            listed = await self.pbx.cli("pjsip show contacts")
            return [one for one in listed.splitlines() if f"{NUMBER}/sip:{NUMBER}@" in one]

        assert len(await until(bindings, 20)) == 1

    async def assert_nothing_is_left(self) -> None:
        await self.pbx.wait_for_no_channels()
        assert self.office.world.calls.live() == []
        assert await self.open_legs() == 0
        async with await self.office.database() as database:
            user_id = TelegramUserId(self.anna.person.user_id)
            (record,) = await DatabaseJournal(database).calls_of(user_id)
        assert record.end_reason is EndReason.SERVICE_RESTARTED


@pytest.fixture
async def line(asterisk22: Asterisk, tmp_path: Path) -> AsyncIterator[KilledLine]:
    async with AsyncExitStack() as stack:
        office = await stack.enter_async_context(SandboxOffice(tmp_path))
        person = await office.hire("Anna")
        account = SipAccount(
            login=NUMBER,
            password=f"pw-{NUMBER}",
            server=asterisk22.address,
            port=asterisk22.sip_port,
            owner_id=TelegramUserId(1),
        )
        await office.add_account(account, person)
        write_settings(office, sip__port=free_port("127.0.0.1"))
        anna = await stack.enter_async_context(Employee(office.telegram, person))
        phone = await stack.enter_async_context(EmployeePhone(anna))
        yield KilledLine(asterisk22, office, anna, phone)


async def media_host_pids(service: Command) -> list[int]:
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or "State:\tZ" in Path(f"/proc/{pid}/status").read_text()


async def kill(service: Command) -> None:
    """Kill the service by SIGKILL and wait until its media hosts have left too."""
    hosts = await media_host_pids(service)
    assert hosts
    service.process.send_signal(signal.SIGKILL)
    await service.process.wait()

    async def are_gone() -> bool:
        return all(is_gone(pid) for pid in hosts)

    await until(are_gone, 20)


async def registered(line: KilledLine) -> None:
    async def is_there() -> bool:
        return f"{NUMBER}/sip:{NUMBER}@" in await line.pbx.cli("pjsip show contacts")

    await until(is_there, 30)


async def test_a_talk_is_ended_on_both_sides_by_the_next_start(line: KilledLine) -> None:
    async with command(line.office.folder, "serve") as service:
        await service.until("ready")
        await registered(line)
        await line.pbx.call_and_play(NUMBER, PBX_HZ)
        call = await line.phone.wait_for_ring()
        await call.answer()
        await line.phone.voice.wait_until_hears(PBX_HZ)

        async def are_noted() -> bool:
            return await line.open_legs() == 2

        await until(are_noted, 20)
        await kill(service)
    assert await line.pbx.channels() != []
    async with command(line.office.folder, "serve") as again:
        await again.until("ready")
        assert await call.wait_until_over() == "disconnect"
        await line.anna.wait_for_message("restarted")
        card = await line.anna.wait_for_message("Call ended")
        assert "lasted" in card.message
        await line.assert_one_binding()
        await line.assert_nothing_is_left()


async def test_a_ringing_phone_stops_at_the_next_start(line: KilledLine) -> None:
    async with command(line.office.folder, "serve") as service:
        await service.until("ready")
        await line.anna.send(line.office.calling_account, f"63{PBX_HZ:04d}")
        call = await line.phone.wait_for_ring()

        async def is_noted() -> bool:
            return await line.open_legs() == 1

        await until(is_noted, 20)
        await kill(service)
    async with command(line.office.folder, "serve") as again:
        await again.until("ready")
        await call.wait_until_over()
        await line.anna.wait_for_message("restarted")
        await line.assert_nothing_is_left()
