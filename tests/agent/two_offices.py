"""Two pools of media hosts whose voice legs talk to each other; the test carries the signalling."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from linegram.agent.host_fleet import FleetSettings
from linegram.agent.hosts import HostPool, HostPoolSettings, PoolEvent
from linegram.link.events import VoiceConnected, VoiceSignalled
from linegram.link.voice import VoiceParameters
from linegram.media.control import HostSettings
from linegram.units import CallId, LegId
from tests.agent.rtp_phone import RtpPhone, until

_Event = TypeVar("_Event")
_first_ports = itertools.count(16400 + os.getpid() % 40 * 300, 100)


def pool_settings(
    *,
    calls_per_host: int = 8,
    most_hosts: int = 2,
    spare_hosts: int = 0,
    host: HostSettings | None = None,
) -> HostPoolSettings:
    first = next(_first_ports)
    return HostPoolSettings(
        bind_ip="127.0.0.1",
        first_rtp_port=first,
        last_rtp_port=first + 99,
        fleet=FleetSettings(
            calls_per_host=calls_per_host,
            most_hosts=most_hosts,
            spare_hosts=spare_hosts,
            host=host or HostSettings(),
        ),
    )


class Office:
    """A pool, its events, and the far offices that its signalling goes to."""

    def __init__(self, settings: HostPoolSettings, *, is_caller: bool) -> None:
        self.pool = HostPool(settings, self._take)
        self.events: list[PoolEvent] = []
        self.is_caller = is_caller
        self.far_of: Callable[[LegId], Office | None] = lambda _: None

    def of(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def saw(self, kind: type[PoolEvent], *, count: int = 1, within_s: float = 15.0) -> bool:
        return await until(lambda: len(self.of(kind)) >= count, within_s)

    async def saw_event(self, event: PoolEvent, *, within_s: float = 15.0) -> bool:
        return await until(lambda: event in self.events, within_s)

    async def open_voice(self, number: int, key: bytes) -> None:
        parameters = VoiceParameters(
            key=key,
            is_outgoing=self.is_caller,
            versions=("13.0.0", "9.0.0"),
            servers=(),
            is_p2p_allowed=True,
        )
        await self.pool.open_voice_leg(call(number), voice_leg(number), parameters)

    async def open_phone(self, number: int, codec: str, tone_hz: int) -> RtpPhone:
        phone = RtpPhone(codec, tone_hz)
        phone.to = await self.pool.open_pbx_leg(call(number), pbx_leg(number))
        return phone

    def _take(self, event: PoolEvent) -> None:
        self.events.append(event)
        far = self.far_of(event.leg_id) if isinstance(event, VoiceSignalled) else None
        if isinstance(event, VoiceSignalled) and far is not None:
            far.pool.signal_voice(event.leg_id, event.payload)


def call(number: int) -> CallId:
    return CallId(f"call-{number}")


def pbx_leg(number: int) -> LegId:
    return LegId(f"pbx-{number}")


def voice_leg(number: int) -> LegId:
    return LegId(f"voice-{number}")


async def join_voice(offices: tuple[Office, Office], number: int) -> None:
    """Connect the voice legs of call `number` of both offices."""
    key = os.urandom(256)
    await asyncio.gather(*(office.open_voice(number, key) for office in offices))
    for office in offices:
        assert await office.saw_event(VoiceConnected(voice_leg(number)))


@asynccontextmanager
async def two_offices(
    make_settings: Callable[[], HostPoolSettings] = pool_settings,
) -> AsyncIterator[tuple[Office, Office]]:
    ours, far = Office(make_settings(), is_caller=True), Office(pool_settings(), is_caller=False)
    ours.far_of, far.far_of = lambda _: far, lambda _: ours
    await asyncio.gather(ours.pool.start(), far.pool.start())
    try:
        yield ours, far
    finally:
        await asyncio.gather(ours.pool.close(), far.pool.close())
