"""The demo: a whole office on this machine, one call in and one call out, everybody heard.

Real are the hub, the worker with its media hosts, SIP, RTP, MTProto, the Bot API, WebRTC;
the servers of Telegram and the PBX are those of the sandbox.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from telethon.tl import types

from linegram.audio.codec import available_codecs
from linegram.hub import running_hub
from linegram.link.carrier import MemoryLink
from linegram.link.events import CallMeasured, Event
from linegram.link.voice import OWN
from linegram.office.account import SipAccount
from linegram.sandbox.demo_call import CallRecord, Conversation
from linegram.sandbox.employee import Employee
from linegram.sandbox.employee_phone import EmployeePhone
from linegram.sandbox.office import SandboxOffice
from linegram.sandbox.pbx import SandboxPbx
from linegram.sandbox.pbx_call import PbxCall, Stage
from linegram.sandbox.pbx_extensions import telephone, tone
from linegram.sandbox.reflector import outside_address
from linegram.units import TelegramUserId
from linegram.worker import running_worker

ANNA, BORIS, VERA = "Anna", "Boris", "Vera"
LINE: Final = "101"
BORIS_NUMBER: Final = "4711"
VERA_NUMBER: Final = "205"
_PASSWORD: Final = "not-a-secret"  # noqa: S105 - of an account that lives for a minute on loopback
_SAME_ENGINE: Final = "ntgcalls is not installed: Anna's telephone speaks by Linegram's own engine, too"
_HELLO_HZ: Final = 700.0
_READS_CARD_S: Final = 1.0
_VERA_RINGS_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened. `at_s` counts from the start of the demo."""

    at_s: float
    who: str
    what: str


Note = Callable[[Moment], None]


class _MeasuringLink(MemoryLink):
    """Also shows the demo what the worker measured at the end of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.measured: asyncio.Queue[CallMeasured] = asyncio.Queue()

    def report(self, event: Event) -> None:
        """Carry an event to the hub."""
        super().report(event)
        if isinstance(event, CallMeasured):
            self.measured.put_nowait(event)


class Demo:
    """One run. `folder` takes the database and the keys; `note` hears of every moment."""

    def __init__(self, folder: Path, *, talk_s: float, note: Note) -> None:
        self._folder = folder
        self._talk_s = talk_s
        self._note = note
        self._started_s = time.monotonic()
        self._stack = AsyncExitStack()

    async def run(self) -> list[CallRecord]:
        """Open the office, let people talk, close it; raises UnavailableError if something does not work."""
        async with self._stack:
            await self._open()
            return [await self._incoming(), await self._outgoing()]

    def say(self, who: str, what: str) -> None:
        """Note that something happened now."""
        self._note(Moment(time.monotonic() - self._started_s, who, what))

    # ---- the office

    async def _open(self) -> None:
        outside_address()  # raises a sentence where WebRTC cannot work
        enter = self._stack.enter_async_context
        self._office = await enter(SandboxOffice(self._folder))
        self.say(
            "Sandbox",
            "Telegram on {}:{}, Bot API on {}".format(
                *self._office.telegram.address, self._office.bot_api.url
            ),
        )
        self._pbx = await enter(SandboxPbx({LINE: _PASSWORD}))
        self._pbx.on_stage = self._pbx_stage
        self.say("Sandbox", "PBX on {}:{}, account {}".format(*self._pbx.address, LINE))
        person = await self._office.hire(ANNA)
        await self._office.add_account(self._account(TelegramUserId(person.user_id)), person)
        self._link = _MeasuringLink()
        settings = self._office.settings()
        await enter(running_worker(settings, self._link))
        self.say("Worker", "SIP socket bound, media hosts are ready")
        hub = await enter(running_hub(settings, self._link))
        self.say("Hub", f"calling account signed in, bot @{hub.bot_username} answers")
        await self._pbx.wait_for_registration(LINE)
        self.say("PBX", f"account {LINE} registered")
        self._anna = await enter(Employee(self._office.telegram, person))
        self._phone = await enter(EmployeePhone(self._anna))
        self._anna.on_update(self._update)
        self.say(ANNA, "opens Telegram (administrator and employee)")
        if self._phone.voice.engine == OWN:
            self.say("Sandbox", _SAME_ENGINE)
        await self._ask_bot()

    def _account(self, owner_id: TelegramUserId) -> SipAccount:
        host, port = self._pbx.address
        return SipAccount(
            login=LINE, password=_PASSWORD, server=host, port=port, owner_id=owner_id, name="Reception"
        )

    async def _ask_bot(self) -> None:
        mark = self._anna.mark()
        self.say(ANNA, "→ bot: /softphone")
        await self._anna.send(self._office.bot, "/softphone")
        await self._anna.wait_for_message(LINE, after=mark)

    # ---- the calls

    async def _incoming(self) -> CallRecord:
        self.say(BORIS, f"dials Anna's number from {BORIS_NUMBER}")
        call = self._pbx.call(
            LINE, number=BORIS_NUMBER, name=BORIS, sound=tone(_HELLO_HZ), codecs=("alaw", "mulaw")
        )
        ringing = await self._phone.wait_for_ring()
        rang_s = time.monotonic()
        self.say(ANNA, "Telegram rings")
        await self._anna.wait_for_message(BORIS_NUMBER)
        await asyncio.sleep(_READS_CARD_S)
        conversation = Conversation(call, self._phone, far=BORIS, near=ANNA)
        answered_s = time.monotonic()
        self.say(ANNA, "answers")
        await conversation.greet(ringing.answer())
        await call.wait_for(Stage.ANSWERED)
        setup_ms = {"INVITE → Telegram rings": (rang_s - call.times_s[Stage.INVITED]) * 1000}
        record = await self._talk(conversation, "Incoming call", answered_s, setup_ms)
        self.say(BORIS, "hangs up")
        call.hang_up()
        await ringing.wait_until_over()
        return await self._finish(call, record)

    async def _outgoing(self) -> CallRecord:
        codec = "opus" if any(codec.name == "opus" for codec in available_codecs()) else "g722"
        greeting = telephone(lambda: tone(_HELLO_HZ), rings_s=_VERA_RINGS_S, codecs=(codec,))
        self._pbx.add_extension(VERA_NUMBER, greeting)
        texted_s = time.monotonic()
        self.say(ANNA, f"→ office telephone: {VERA_NUMBER}")
        await self._anna.send(self._office.calling_account, VERA_NUMBER)
        ringing = await self._phone.wait_for_ring()
        rang_s = time.monotonic()
        self.say(ANNA, "Telegram rings (call back)")
        picked_up_s = time.monotonic()
        self.say(ANNA, "answers")
        await ringing.answer()
        call = await self._pbx.wait_for_call()
        conversation = Conversation(call, self._phone, far=VERA, near=ANNA)
        await conversation.greet(call.wait_for(Stage.ANSWERED))
        setup_ms = {
            "text → Telegram rings": (rang_s - texted_s) * 1000,
            "Telegram answered → INVITE": (call.times_s[Stage.INVITED] - picked_up_s) * 1000,
        }
        record = await self._talk(conversation, "Outgoing call", call.times_s[Stage.ANSWERED], setup_ms)
        self.say(ANNA, "hangs up")
        await ringing.hang_up()
        await call.wait_for(Stage.OVER)
        return await self._finish(call, record)

    async def _talk(
        self, conversation: Conversation, title: str, answered_s: float, setup_ms: dict[str, float]
    ) -> CallRecord:
        await conversation.wait_until_both_hear(_HELLO_HZ)
        self.say("Audio", f"both hear the other's hello; now both speak for {self._talk_s:g} s")
        record = await conversation.talk(title, self._talk_s)
        heard_s = await conversation.both_heard_s(answered_s, _HELLO_HZ)
        record.setup_ms = {**setup_ms, "answer → audio both ways": (heard_s - answered_s) * 1000}
        return record

    async def _finish(self, call: PbxCall, record: CallRecord) -> CallRecord:
        await call.wait_for(Stage.OVER)
        record.take_figures(await self._link.measured.get(), call.audio)
        return record

    # ---- what is seen meanwhile

    def _pbx_stage(self, call: PbxCall, stage: Stage) -> None:
        if stage is Stage.OVER:
            self.say("PBX", f"call with {call.number} is over: {call.ending}")
        else:
            codec = f", {call.audio.codec}" if stage is Stage.ANSWERED else ""
            self.say("PBX", f"{call.number}: {stage.value}{codec}")

    def _update(self, update: Any) -> None:
        if isinstance(update, types.UpdateNewMessage | types.UpdateEditMessage) and not update.message.out:
            self.say("Chat", _chat_text(update.message))


def _chat_text(message: Any) -> str:
    """Return a message in one line; Telegram's own line about a call has an action instead of a text."""
    if message.message:
        return " | ".join(message.message.splitlines())
    reason = type(message.action.reason).__name__.removeprefix("PhoneCallDiscardReason").lower()
    return f"(Telegram) voice call, {message.action.duration or 0} s, {reason}"
