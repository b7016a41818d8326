"""Many employees' lines at one office: each with a SIP account, a device and a real telephone of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from linegram.hub import running_hub
from linegram.link.accounts import RegistrationState
from linegram.link.carrier import MemoryLink
from linegram.office.account import SipAccount
from linegram.sandbox.employee import Employee
from linegram.sandbox.employee_phone import CallStage, EmployeeCall, EmployeePhone
from linegram.sandbox.office import SandboxOffice
from linegram.worker import running_worker
from tests.integration.line import OWNER, Line, wait_for_state
from tests.load.voice_bank import VoiceBank
from tests.peers.asterisk import Asterisk

LIMIT_S = 60.0


@asynccontextmanager
async def running_lines(
    pbx: Asterisk, folder: Path, count: int, *, banks: int = 0
) -> AsyncIterator[list[Line]]:
    """Run a service with `count` employees whose accounts m0000, m0001, ... are registered.

    Every phone's voice is a process of its own, or lives in one of so many `banks`, neighbours in different
    ones.
    """
    async with AsyncExitStack() as stack:
        rooms = [await stack.enter_async_context(VoiceBank(-(-count // banks))) for _ in range(banks)]
        voices = [rooms[number % banks].seats[number // banks] for number in range(count)] if banks else []
        office = await stack.enter_async_context(SandboxOffice(folder))
        people = [await office.hire(f"Employee {number}") for number in range(count)]
        accounts = [await office.add_account(_account(pbx, number), who) for number, who in enumerate(people)]
        link, settings = MemoryLink(), office.settings()
        worker = await stack.enter_async_context(running_worker(settings, link))
        hub = await stack.enter_async_context(running_hub(settings, link))
        lines = []
        for number, (person, account) in enumerate(zip(people, accounts, strict=True)):
            anna = await stack.enter_async_context(Employee(office.telegram, person))
            phone = EmployeePhone(anna)
            phone.voice = voices[number] if voices else phone.voice
            await stack.enter_async_context(phone)
            line = Line(
                pbx=pbx,
                office=office,
                hub=hub,
                worker=worker,
                anna=anna,
                phone=phone,
                number=account.login,
                account=account,
            )
            lines.append(line)
        for account in accounts:
            await wait_for_state(office, account, RegistrationState.ONLINE)
        yield lines


def _account(pbx: Asterisk, number: int) -> SipAccount:
    name = f"m{number:04d}"
    return SipAccount(
        login=name,
        password=f"pw-{name}",
        server=pbx.address,
        port=pbx.sip_port,
        owner_id=OWNER,
        name="Desk",
        codecs=("alaw",),
    )


class Talk:
    """A call on one line in which either party says a frequency of its own."""

    def __init__(self, line: Line, number: int) -> None:
        self.line = line
        self.is_incoming = number % 2 == 0
        self.employee_hz = 400 + 40 * number
        self.pbx_hz = 420 + 40 * number
        self._who = ""
        self._call: EmployeeCall | None = None

    async def begin(self) -> None:
        """Bring the call up, from the PBX or from the employee, until the employee hears the PBX's tone."""
        line, voice = self.line, self.line.phone.voice
        await voice.play_tone(self.employee_hz)
        if self.is_incoming:
            self._who = await line.pbx.call_and_play(line.number, self.pbx_hz)
        else:
            self._who = line.number
            await line.text(f"63{self.pbx_hz:04d}")
        self._call = await line.phone.wait_for_ring(timeout_s=LIMIT_S)
        await self._call.answer(timeout_s=LIMIT_S)
        await self.wait_until_heard()

    @property
    def is_up(self) -> bool:
        """Whether the call has come up and has not ended."""
        return self._call is not None and self._call.stage is CallStage.TALKING

    async def wait_until_heard(self) -> None:
        """Wait until the employee hears the PBX's tone from now on, and the PBX has recorded enough."""
        voice = self.line.phone.voice
        voice.forget_blocks()
        await voice.wait_until_hears(self.pbx_hz, timeout_s=LIMIT_S)
        await self.line.talk(self._who)

    async def end(self) -> None:
        """Hang up on the employee's side."""
        assert self._call is not None
        await self._call.hang_up()

    async def assert_heard(self) -> None:
        """Find the employee's tone in what the PBX has recorded."""
        await self.line.assert_heard(self._who, self.employee_hz)


async def talk_at_once(lines: list[Line], *, steps_at_once: int = 4) -> None:
    """Let everybody talk at the same time, every second one calling out, and prove what is heard.

    The calls come up, and go, `steps_at_once` at a time: the employees' phones share this machine with us.
    """
    talks = [Talk(line, number) for number, line in enumerate(lines)]
    groups = [talks[first : first + steps_at_once] for first in range(0, len(talks), steps_at_once)]
    for group in groups:
        await asyncio.gather(*(talk.begin() for talk in group))
    assert all(talk.is_up for talk in talks)
    await asyncio.gather(*(talk.wait_until_heard() for talk in talks))
    assert all(talk.is_up for talk in talks)
    for group in groups:
        await asyncio.gather(*(talk.end() for talk in group))
    await lines[0].wait_for_silence()
    for talk in talks:
        await talk.assert_heard()
