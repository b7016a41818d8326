"""A real transport on loopback and the events that it delivered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from linegram.sip.events import RegistrationChanged, RegistrationState, SipEvent
from linegram.sip.location import Located, Wish
from linegram.sip.transport.resolver import Resolver
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings

E = TypeVar("E")
P = TypeVar("P", bound="Party")

LIMIT_S = 20.0


class Party:
    """One transport and the events that it delivered."""

    def __init__(self) -> None:
        self.events: list[SipEvent] = []
        self._changed = asyncio.Event()
        self._taken = 0
        self.transport: SipTransport
        self.on_event: Callable[[SipEvent], None] = lambda _event: None

    def take(self, event: SipEvent) -> None:
        self.events.append(event)
        self.on_event(event)
        self._changed.set()

    async def wait_for(self, kind: type[E]) -> E:
        """The latest event of a kind, as soon as there is one."""
        async with asyncio.timeout(LIMIT_S):
            while not (found := [event for event in self.events if isinstance(event, kind)]):
                self._changed.clear()
                await self._changed.wait()
        return found[-1]

    async def resolved(self) -> None:
        """Wait until the names of all accounts are resolved."""
        async with asyncio.timeout(LIMIT_S):
            await self.transport.located()

    async def next_event(self) -> SipEvent:
        """The next event that nobody has taken by this."""
        async with asyncio.timeout(LIMIT_S):
            while self._taken >= len(self.events):
                self._changed.clear()
                await self._changed.wait()
        self._taken += 1
        return self.events[self._taken - 1]

    async def wait_for_state(self, state: RegistrationState) -> RegistrationChanged:
        """The first registration event with that state."""
        while True:
            event = await self.next_event()
            if isinstance(event, RegistrationChanged) and event.state is state:
                return event


@asynccontextmanager
async def party(host: str = "127.0.0.1", resolver: Resolver | None = None) -> AsyncIterator[Party]:
    """Run a transport for the length of a test."""
    async with transport_of(Party(), host, resolver) as here:
        yield here


@asynccontextmanager
async def transport_of(
    here: P, host: str = "127.0.0.1", resolver: Resolver | None = None
) -> AsyncIterator[P]:
    """Give a party its transport for the length of a test."""
    here.transport = await SipTransport.open(TransportSettings(host, 0), here.take, resolver=resolver)
    try:
        yield here
    finally:
        await here.transport.close(limit_s=0.5)


class NoResolver:
    """Knows no name."""

    async def resolve(self, wish: Wish) -> Located:
        return Located(problem=f"DNS has no address for {wish.host}")
