"""Places one call of a field test: the calling account's phone, a media host, and our ear on loopback.

The voice goes the product's way, engine and media host included; only the PBX
is missing.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from linegram.agent.hosts import HostPool, PoolEvent
from linegram.audio.frame import PcmFrame
from linegram.calls import ports
from linegram.cli.fieldtest.ear import RATE_HZ, Ear, remote_media
from linegram.cli.fieldtest.listening import Heard, listen
from linegram.cli.fieldtest.plan import Trial, Way
from linegram.cli.fieldtest.programme import Programme
from linegram.cli.fieldtest.results import Measured
from linegram.errors import UnavailableError
from linegram.link.events import CallMeasured, VoiceConnected, VoiceEnded, VoiceSignalled
from linegram.link.figures import LegFigures
from linegram.link.voice import VoiceParameters
from linegram.outcomes import EndReason
from linegram.telegram.phone import CallingAccountPhone
from linegram.telegram.phone_wire import PhoneProtocol
from linegram.units import CallId, LegId, TelegramUserId

_ANSWER_WITHIN_S: Final = 120.0
_CONNECT_WITHIN_S: Final = 30.0
_MEASURE_WITHIN_S: Final = 3.0

LineEvent = ports.PhoneEvent | PoolEvent


@dataclass(kw_only=True)
class _Call:
    """One call as it goes; times are monotonic seconds."""

    user_id: TelegramUserId
    pool: HostPool
    call_id: CallId = field(default_factory=lambda: CallId(uuid.uuid4().hex))
    leg_id: LegId = field(default_factory=lambda: LegId(uuid.uuid4().hex))
    began: float = field(default_factory=time.monotonic)
    rang: float | None = None
    answered: float | None = None
    connected: float | None = None
    parameters: VoiceParameters | None = None
    ending: EndReason | None = None
    heard: PcmFrame | None = None
    figures: LegFigures = field(default_factory=LegFigures)


class FieldLine:
    """A calling account's line to one telephone. `take` gets the events of phone and media hosts.

    `pools` are started media hosts by their engine: a call must not wait for a host to start.
    """

    def __init__(self, phone: CallingAccountPhone, pools: Mapping[str, HostPool]) -> None:
        self._phone = phone
        self._pools = pools
        self._events: asyncio.Queue[LineEvent] = asyncio.Queue()

    def take(self, event: LineEvent) -> None:
        """Take what happened at Telegram or in a media host."""
        self._events.put_nowait(event)

    async def make(self, trial: Trial, user_id: TelegramUserId, programme: Programme) -> Measured:
        """Make one call from its ring to its end; nothing is left of it, however it went."""
        self._phone.offer(PhoneProtocol(versions=trial.versions, is_p2p_allowed=trial.is_p2p_allowed))
        while not self._events.empty():
            self._events.get_nowait()
        call = _Call(user_id=user_id, pool=self._pools[trial.engine])
        if trial.way is Way.OUT:
            self._phone.request(call.leg_id, user_id)
        try:
            await self._go_through(call, trial.engine, programme)
        finally:
            await self._release(call)
        return _measured(call, programme)

    # ---- the course of a call

    async def _go_through(self, call: _Call, engine: str, programme: Programme) -> None:
        await self._until(call, lambda: call.parameters is not None, _ANSWER_WITHIN_S)
        if call.parameters is None:
            return
        try:
            await call.pool.open_voice_leg(call.call_id, call.leg_id, call.parameters, engine)
        except UnavailableError:
            call.ending = EndReason.NO_CAPACITY
            return
        await self._until(call, lambda: call.connected is not None, _CONNECT_WITHIN_S)
        if call.connected is None:
            call.ending = call.ending or EndReason.VOICE_NOT_CONNECTED
            return
        await self._talk(call, programme)

    async def _talk(self, call: _Call, programme: Programme) -> None:
        ear = Ear(programme)
        try:
            far_leg_id = LegId(uuid.uuid4().hex)
            local = await call.pool.open_pbx_leg(call.call_id, far_leg_id)
            call.pool.connect_pbx_leg(far_leg_id, remote_media(ear.local))
            call.pool.connect_audio(call.call_id)
            ear.connect(local)
            await self._until(call, lambda: False, programme.length_s)
            call.ending = call.ending or EndReason.COMPLETED
        finally:
            call.heard = ear.close()

    async def _release(self, call: _Call) -> None:
        self._phone.end(call.leg_id, ports.DiscardReason.HANG_UP)
        call.pool.close_voice(call.leg_id)
        call.pool.end_call(call.call_id)
        if call.answered is not None:
            call.ending = call.ending or EndReason.CANCELLED
            await self._until_measured(call)

    async def _until_measured(self, call: _Call) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_MEASURE_WITHIN_S):
                while True:
                    event = await self._events.get()
                    if isinstance(event, CallMeasured) and event.call_id == call.call_id:
                        call.figures = event.voice or LegFigures()
                        return

    async def _until(self, call: _Call, is_so: Callable[[], bool], within_s: float) -> None:
        """Take events until something is so, the call has ended, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not is_so() and call.ending is None:
                    self._note(call, await self._events.get())

    def _note(self, call: _Call, event: LineEvent) -> None:
        if isinstance(event, ports.PhoneCallArrived):
            self._be_called(call, event)
        elif getattr(event, "leg_id", None) == call.leg_id:
            self._note_of_leg(call, event)

    def _be_called(self, call: _Call, event: ports.PhoneCallArrived) -> None:
        """Accept the call that is awaited; decline everybody else's."""
        if event.user_id != call.user_id or call.answered is not None:
            self._phone.end(event.leg_id, ports.DiscardReason.BUSY)
            return
        call.leg_id, call.began = event.leg_id, time.monotonic()
        self._phone.accept(event.leg_id)

    def _note_of_leg(self, call: _Call, event: LineEvent) -> None:
        match event:
            case ports.PhoneRinging():
                call.rang = time.monotonic()
            case ports.PhoneAnswered(_, parameters):
                call.answered, call.parameters = time.monotonic(), parameters
            case ports.PhoneSignalled(leg_id, payload):
                call.pool.signal_voice(leg_id, payload)
            case VoiceSignalled(leg_id, payload):
                self._phone.signal(leg_id, payload)
            case VoiceConnected():
                call.connected = time.monotonic()
            case ports.PhoneEnded(_, reason) | VoiceEnded(_, reason):
                call.ending = call.ending or reason
            case _:
                pass


def _measured(call: _Call, programme: Programme) -> Measured:
    parameters = call.parameters
    return Measured(
        ending=(call.ending or EndReason.NO_ANSWER).value,
        rang_ms=_ms(call.began, call.rang),
        answered_ms=_ms(call.began, call.answered),
        connected_ms=_ms(call.answered, call.connected),
        agreed_versions=() if parameters is None else parameters.versions,
        relays=0 if parameters is None else len(parameters.servers),
        heard=Heard() if call.heard is None else listen(call.heard, RATE_HZ, programme),
        figures=call.figures,
    )


def _ms(start: float | None, end: float | None) -> int | None:
    return None if start is None or end is None else round((end - start) * 1000)
