"""How fast calls come about: `python -m bench.call_setup [calls]`.

The whole service in this process, with the sandbox's Telegram and PBX beside it in the same event loop (their
time counts against us) and a real ntgcalls phone in a process of its own. Calls of the PBX, one by one.

invite_to_telegram: from the INVITE's datagram being read from our UDP socket to phone.requestCall arriving at
the Telegram server, less the time from the call's first step to its card standing in the chat.
answer_to_audio: from the press on Answer (before its first request to Telegram) to the later of two moments:
the employee's ear gets the PBX's tone, the PBX's ear gets the employee's tone. It holds Telegram's key
exchange and the engine's own connection set-up, which nobody can leave out.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog

from linegram.hub import running_hub
from linegram.link.carrier import MemoryLink
from linegram.office.account import SipAccount
from linegram.sandbox.demo_call import Conversation
from linegram.sandbox.employee import Employee
from linegram.sandbox.employee_phone import EmployeePhone
from linegram.sandbox.mtproto.faults import Fault, Faults
from linegram.sandbox.office import SandboxOffice
from linegram.sandbox.pbx import SandboxPbx
from linegram.sandbox.pbx_call import Stage
from linegram.sandbox.pbx_extensions import tone
from linegram.sip.transport.sip_transport import SipTransport
from linegram.units import TelegramUserId
from linegram.worker import running_worker

LINE, PASSWORD = "101", "not-a-secret"
HELLO_HZ = 700.0
WARM_UP = 2


@dataclass
class Moments:
    """When what was last seen happened, on the monotonic clock."""

    times_s: dict[str, float] = field(default_factory=dict)

    def note(self, name: str) -> None:
        """Something happened now."""
        self.times_s[name] = time.monotonic()

    def between_ms(self, first: str, last: str) -> float:
        """How much later one thing happened than the other."""
        return (self.times_s[last] - self.times_s[first]) * 1000


class NotingFaults(Faults):
    """No faults: notes when each request arrives at the Telegram server."""

    def __init__(self, moments: Moments) -> None:
        super().__init__()
        self._moments = moments

    def take(self, method: str, user_id: int | None, request: object) -> Fault | None:
        """Note the request and let it be."""
        self._moments.note(method)
        return super().take(method, user_id, request)


@dataclass(frozen=True)
class Times:
    """The figures of one call in milliseconds."""

    invite_to_telegram: float
    card_post: float
    answer_to_audio: float


class Office:
    """A running service with one line, and the means to time its calls."""

    def __init__(self, pbx: SandboxPbx, phone: EmployeePhone, moments: Moments) -> None:
        self._pbx = pbx
        self._phone = phone
        self._moments = moments

    async def call(self) -> Times:
        """Let the PBX call, answer, talk, hang up."""
        call = self._pbx.call(LINE, number="4711", sound=tone(HELLO_HZ))
        ringing = await self._phone.wait_for_ring()
        conversation = Conversation(call, self._phone, far="PBX", near="employee")
        self._phone.voice.forget_blocks()
        pressed_s = time.monotonic()
        await conversation.greet(ringing.answer())
        await call.wait_for(Stage.ANSWERED)
        await conversation.wait_until_both_hear(HELLO_HZ)
        audible_s = await conversation.both_heard_s(pressed_s, HELLO_HZ)
        call.hang_up()
        await ringing.wait_until_over()
        await call.wait_for(Stage.OVER)
        card_ms = self._moments.between_ms("CallArrived", "CardShown")
        request_ms = self._moments.between_ms("INVITE", "phone.requestCall")
        return Times(request_ms - card_ms, card_ms, (audible_s - pressed_s) * 1000)


@asynccontextmanager
async def running_office(folder: Path, moments: Moments) -> AsyncIterator[Office]:
    """Run everything and wait until the account is registered."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        office = await enter(SandboxOffice(folder))
        office.telegram.faults = NotingFaults(moments)
        pbx = await enter(SandboxPbx({LINE: PASSWORD}))
        person = await office.hire("Anna")
        host, port = pbx.address
        account = SipAccount(
            login=LINE,
            password=PASSWORD,
            server=host,
            port=port,
            owner_id=TelegramUserId(person.user_id),
            name="Desk",
            codecs=("alaw",),
        )
        await office.add_account(account, person)
        link, settings = MemoryLink(), office.settings()
        await enter(running_worker(settings, link))
        await enter(running_hub(settings, link))
        await pbx.wait_for_registration(LINE)
        phone = await enter(EmployeePhone(await enter(Employee(office.telegram, person))))
        yield Office(pbx, phone, moments)


def note_log_lines(moments: Moments) -> None:
    """Note the steps of calls as the service logs them; print nothing."""

    def take(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if line.get("event") == "call_advanced":
            moments.note(line["event_name"])
        raise structlog.DropEvent

    structlog.configure(processors=[take])


def note_invites(moments: Moments) -> Any:
    """Note when our SIP socket has read an INVITE, for as long as the returned patch is entered."""
    read = vars(SipTransport)["_on_datagram"]

    def noting(transport: SipTransport, datagram: bytes, host: str, port: int) -> None:
        if datagram.startswith(b"INVITE "):
            moments.note("INVITE")
        read(transport, datagram, host, port)

    return patch.object(SipTransport, "_on_datagram", noting)


async def measure(calls: int) -> list[Times]:
    """Time so many calls; the first ones only warm everything up."""
    moments = Moments()
    note_log_lines(moments)
    with tempfile.TemporaryDirectory() as folder, note_invites(moments):
        async with running_office(Path(folder), moments) as office:
            return [await office.call() for _ in range(WARM_UP + calls)][WARM_UP:]


def p95(values: list[float]) -> float:
    """Give the value that 95 of 100 do not exceed."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def main(calls: int = 20) -> None:
    """Print the figures and, as the last line, the machine-readable result."""
    times = asyncio.run(measure(calls))
    invite, card, audio = (
        [one.invite_to_telegram for one in times],
        [one.card_post for one in times],
        [one.answer_to_audio for one in times],
    )
    for name, values in (("INVITE to Telegram", invite), ("card", card), ("answer to audio", audio)):
        print(f"{name}: median {statistics.median(values):.0f} ms, p95 {p95(values):.0f} ms of {calls} calls")
    figures = {
        "invite_to_telegram_ms_p95": p95(invite),
        "card_post_ms_median": statistics.median(card),
        "answer_to_audio_ms_p95": p95(audio),
        "answer_to_audio_ms_median": statistics.median(audio),
    }
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:2]))
