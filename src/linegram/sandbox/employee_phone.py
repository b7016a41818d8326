"""An employee's telephone: the call signalling of his Telegram app around a real ntgcalls voice process."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Any, Self

import structlog
from telethon import functions
from telethon.errors import RPCError
from telethon.tl import types

from linegram.errors import LinegramError, UnavailableError
from linegram.sandbox.employee import DEFAULT_WAIT_S, Employee
from linegram.sandbox.employee_voice_messages import (
    Agree,
    Begin,
    Connect,
    End,
    KeyParameters,
    RelayServer,
    Signal,
)
from linegram.sandbox.employee_voice_process import VoiceProcess
from linegram.sandbox.world.people import Person

_log = structlog.get_logger()


class CallStage(Enum):
    """How far the employee sees his call."""

    WAITING = "waiting"
    RINGING = "ringing"
    CONNECTING = "connecting"
    TALKING = "talking"
    OVER = "over"


class EmployeeCall:
    """One call as the employee's app sees it."""

    def __init__(self, phone: "EmployeePhone", phone_call: Any, *, is_outgoing: bool) -> None:
        self.peer = types.InputPhoneCall(phone_call.id, phone_call.access_hash)
        self.is_outgoing = is_outgoing
        self.stage = CallStage.WAITING if is_outgoing else CallStage.RINGING
        self.reason = ""
        self.duration_s: int | None = None
        self.versions: tuple[str, ...] = ()
        self.failure: Exception | None = None
        self.requested = phone_call
        self.confirmed: Any = None
        self._phone = phone
        self._started_s = time.monotonic()
        self._changed = asyncio.Event()

    # ---- what people do

    async def answer(self, *, timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Pick up; returns when both can talk."""
        try:
            await self._phone.answer(self)
            await self.wait_for(CallStage.TALKING, timeout_s=timeout_s)
        except (RPCError, LinegramError) as error:
            self.fail(error)
            raise

    async def hang_up(self) -> None:
        """End the call, whatever its stage: a caller's hang-up before the answer is a missed call."""
        is_unanswered = self.stage in (CallStage.WAITING, CallStage.RINGING)
        await self._discard(
            types.PhoneCallDiscardReasonMissed() if is_unanswered else types.PhoneCallDiscardReasonHangup()
        )

    async def decline(self) -> None:
        """Refuse an incoming call: Telegram's apps say busy."""
        await self._discard(types.PhoneCallDiscardReasonBusy())

    async def _discard(self, reason: Any) -> None:
        if self.stage is CallStage.OVER:
            return
        duration_s = int(time.monotonic() - self._started_s) if self.stage is CallStage.TALKING else 0
        self.end(type(reason).__name__.removeprefix("PhoneCallDiscardReason").lower(), duration_s)
        await self._phone.discard(self, reason, duration_s)

    # ---- what is waited for

    async def wait_for(self, stage: CallStage, *, timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Return when the call has come to a stage; raises UnavailableError if it ended before."""
        async with asyncio.timeout(timeout_s):
            while self.stage is not stage:
                if self.failure is not None:
                    raise self.failure
                if self.stage is CallStage.OVER:
                    raise UnavailableError(f"the call is over: {self.reason}")
                await self._changed.wait()

    async def wait_until_over(self, *, timeout_s: float = DEFAULT_WAIT_S) -> str:
        """Return the reason when the call has ended: missed, busy, hangup, disconnect, or ''."""
        await self.wait_for(CallStage.OVER, timeout_s=timeout_s)
        return self.reason

    # ---- for the phone

    def come_to(self, stage: CallStage) -> None:
        """Go to another stage; nothing comes after the end."""
        if self.stage in (stage, CallStage.OVER):
            return
        self.stage = stage
        if stage is CallStage.TALKING:
            self._started_s = time.monotonic()
        self._wake()

    def end(self, reason: str, duration_s: int | None = None) -> None:
        """Note that the call is over."""
        if self.stage is not CallStage.OVER:
            self.reason, self.duration_s = reason, duration_s
            self.come_to(CallStage.OVER)

    def fail(self, error: Exception) -> None:
        """Have the error raised by everybody who waits."""
        self.failure = error
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class EmployeePhone:
    """The telephone of an employee's device; one call at a time, a second caller hears busy.

    `is_reporting_rings` False makes a device that never tells the caller it rings.
    """

    def __init__(
        self,
        employee: Employee,
        *,
        rate_hz: int = 16_000,
        versions: tuple[str, ...] = (),
        engine: str = "",
    ) -> None:
        """Prepare; `engine` empty means ntgcalls if it is installed, else Linegram's own."""
        self.employee = employee
        self.voice = VoiceProcess(rate_hz=rate_hz, engine=engine)
        self.is_reporting_rings = True
        self.current: EmployeeCall | None = None
        self._versions = versions
        self._rings: asyncio.Queue[EmployeeCall] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._early: list[Any] = []
        self._early_signals: list[bytes] = []
        self._is_voice_begun = False

    async def __aenter__(self) -> Self:
        """Start the voice process and listen for calls."""
        await self.voice.__aenter__()
        self.voice.on_signalled = self._signalled
        self.voice.on_state = self._voice_changed
        self.employee.on_update(self._take_update)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up, and let the voice process leave."""
        if self.current is not None and self.employee.client.is_connected():
            with suppress(RPCError, UnavailableError, ConnectionError):
                await self.current.hang_up()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.voice.__aexit__(kind, error, trace)

    # ---- calling and being called

    async def dial(self, to: Person) -> EmployeeCall:
        """Ring somebody; returns as soon as Telegram took the request."""
        peer = await self.employee.peer(to)
        hash_of_half = (await self._begin(None)).body
        request = functions.phone.RequestCallRequest(
            types.InputUser(peer.user_id, peer.access_hash), hash_of_half, self._protocol()
        )
        answer = await self.employee.client(request)
        call = EmployeeCall(self, answer.phone_call, is_outgoing=True)
        self.current = call
        early = [phone_call for phone_call in self._early if phone_call.id == call.peer.id]
        self._early.clear()
        for phone_call in early:
            self._take_call(phone_call)
        return call

    async def call(self, to: Person, *, timeout_s: float = DEFAULT_WAIT_S) -> EmployeeCall:
        """Ring somebody and return when both can talk."""
        call = await self.dial(to)
        await call.wait_for(CallStage.TALKING, timeout_s=timeout_s)
        return call

    async def wait_for_ring(self, *, timeout_s: float = DEFAULT_WAIT_S) -> EmployeeCall:
        """Return the next incoming call."""
        async with asyncio.timeout(timeout_s):
            return await self._rings.get()

    async def answer(self, call: EmployeeCall) -> None:
        """Make our key half for an incoming call and accept it."""
        half = (await self._begin(call.requested.g_a_hash)).body
        call.come_to(CallStage.CONNECTING)
        await self.employee.client(functions.phone.AcceptCallRequest(call.peer, half, self._protocol()))

    async def discard(self, call: EmployeeCall, reason: Any, duration_s: int) -> None:
        """Tell Telegram that a call is over, and take its voice down."""
        self._forget(call)
        request = functions.phone.DiscardCallRequest(call.peer, duration_s, reason, 0)
        await asyncio.gather(self.employee.client(request), self._end_voice())

    def _protocol(self) -> Any:
        ready = self.voice.protocol
        if ready is None:
            raise UnavailableError("the phone is not switched on")
        return types.PhoneCallProtocol(
            ready.min_layer,
            ready.max_layer,
            list(self._versions or ready.versions),
            udp_p2p=True,
            udp_reflector=True,
        )

    async def _begin(self, g_a_hash: bytes | None) -> Any:
        config = await self.employee.client(functions.messages.GetDhConfigRequest(0, 256))
        parameters = KeyParameters(config.g, config.p, config.random)
        answered = await self.voice.ask(Begin(parameters, g_a_hash))
        self._is_voice_begun = True
        early, self._early_signals = self._early_signals, []
        for body in early:
            self._spawn(self._pass_signal(body))
        return answered

    # ---- updates

    def _take_update(self, update: Any) -> None:
        if isinstance(update, types.UpdatePhoneCall):
            self._take_call(update.phone_call)
        elif isinstance(update, types.UpdatePhoneCallSignalingData):
            if self._is_voice_begun:
                self._spawn(self._pass_signal(update.data))
            else:
                self._early_signals.append(update.data)

    def _take_call(self, phone_call: Any) -> None:
        if isinstance(phone_call, types.PhoneCallRequested):
            self._ring(phone_call)
            return
        call = self.current
        if call is None or call.peer.id != phone_call.id:
            self._early.append(phone_call)
            return
        match phone_call:
            case types.PhoneCallWaiting() if phone_call.receive_date is not None:
                call.come_to(CallStage.RINGING)
            case types.PhoneCallAccepted():
                self._spawn(self._confirm(call, phone_call))
            case types.PhoneCall():
                self._spawn(self._join(call, phone_call))
            case types.PhoneCallDiscarded():
                reason = type(phone_call.reason).__name__ if phone_call.reason else ""
                call.end(reason.removeprefix("PhoneCallDiscardReason").lower(), phone_call.duration)
                self._forget(call)
                self._spawn(self._end_voice())

    def _ring(self, phone_call: Any) -> None:
        if self.current is not None and self.current.peer.id == phone_call.id:
            return
        call = EmployeeCall(self, phone_call, is_outgoing=False)
        if self.current is not None:
            self._spawn(call.decline())
            return
        self.current = call
        if self.is_reporting_rings:
            self._spawn(self._report_ring(call))
        self._rings.put_nowait(call)

    async def _report_ring(self, call: EmployeeCall) -> None:
        await self.employee.client(functions.phone.ReceivedCallRequest(call.peer))

    async def _confirm(self, call: EmployeeCall, accepted: Any) -> None:
        """Caller: the other has picked up; hand our half over and connect."""
        call.come_to(CallStage.CONNECTING)
        agreed = await self.voice.ask(Agree(accepted.g_b, 0))
        request = functions.phone.ConfirmCallRequest(
            call.peer, agreed.body, agreed.key_fingerprint, self._protocol()
        )
        await self._connect(call, (await self.employee.client(request)).phone_call)

    async def _join(self, call: EmployeeCall, confirmed: Any) -> None:
        """Callee: check the caller's half against his hash and fingerprint, and connect."""
        await self.voice.ask(Agree(confirmed.g_a_or_b, confirmed.key_fingerprint))
        await self._connect(call, confirmed)

    async def _connect(self, call: EmployeeCall, confirmed: Any) -> None:
        call.confirmed = confirmed
        call.versions = tuple(confirmed.protocol.library_versions)
        custom = confirmed.custom_parameters.data if confirmed.custom_parameters else None
        servers = tuple(_server(connection) for connection in confirmed.connections)
        await self.voice.ask(Connect(servers, call.versions, bool(confirmed.p2p_allowed), custom))

    # ---- voice

    def _signalled(self, body: bytes) -> None:
        if self.current is not None:
            request = functions.phone.SendSignalingDataRequest(self.current.peer, body)
            self._spawn(self._send_signal(request))

    async def _send_signal(self, request: Any) -> None:
        await self.employee.client(request)

    async def _pass_signal(self, body: bytes) -> None:
        await self.voice.ask(Signal(body))

    def _voice_changed(self, state: str) -> None:
        call = self.current
        if call is None or call.stage in (CallStage.WAITING, CallStage.RINGING):
            return  # the voice of the call before this one
        if state == "CONNECTED":
            call.come_to(CallStage.TALKING)
        elif state in ("TIMEOUT", "FAILED"):
            call.end("disconnect")
            self._spawn(self.discard(call, types.PhoneCallDiscardReasonDisconnect(), 0))

    async def _end_voice(self) -> None:
        self._is_voice_begun = False
        self._early_signals.clear()
        await self.voice.ask(End())

    def _forget(self, call: EmployeeCall) -> None:
        if self.current is call:
            self.current = None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background; its failure becomes the failure of the present call."""
        call = self.current
        task = asyncio.create_task(work, name="employee phone")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._finished(done, call))

    def _finished(self, task: asyncio.Task[None], call: EmployeeCall | None) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        _log.info("employee_phone_step_failed", error=str(error))
        if call is not None and isinstance(error, Exception):
            call.fail(error)


def _server(connection: Any) -> RelayServer:
    if isinstance(connection, types.PhoneConnection):
        where = (connection.id, connection.ip, connection.ipv6, connection.port)
        return RelayServer(
            *where,
            "",
            "",
            is_turn=True,
            is_stun=False,
            peer_tag=connection.peer_tag,
            is_tcp=bool(connection.tcp),
        )
    return RelayServer(
        connection.id,
        connection.ip,
        connection.ipv6,
        connection.port,
        connection.username,
        connection.password,
        bool(connection.turn),
        bool(connection.stun),
    )
