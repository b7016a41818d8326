"""A telephone for the sandbox's PBX: our own SIP user agent with a tone and a recording."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import TypeVar

from linegram.agent.media_terms import local_audio
from linegram.sandbox.pbx import SandboxPbx
from linegram.sandbox.pbx_audio import PhoneAudio
from linegram.sandbox.pbx_extensions import tone
from linegram.sip import events as sip
from linegram.sip.account import AccountConfig
from linegram.sip.offer_answer import answer, make_offer, read_answer
from linegram.sip.sdp import Sdp
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.units import AccountId

HOST = "127.0.0.1"
ACCOUNT = AccountId(1)
Kind = TypeVar("Kind")


class Softphone:
    """One account; at most one call."""

    def __init__(self, transport: SipTransport, events: "asyncio.Queue[sip.SipEvent]") -> None:
        self.transport = transport
        self.audio: PhoneAudio | None = None
        self._events = events
        self._handle: sip.CallHandle | None = None

    async def wait_for(self, kind: type[Kind]) -> Kind:
        """Return the next event of this kind; passes over others."""
        async with asyncio.timeout(10):
            while not isinstance(event := await self._events.get(), kind):
                continue
            return event

    async def dial(self, number: str, codecs: tuple[str, ...], hz: float) -> PhoneAudio:
        """Call a number, and say a tone once it is answered; early media is answered with it too."""
        audio = self.audio = PhoneAudio(HOST, tone(hz), Random(2))
        offer = make_offer(local_audio(audio.local, codecs, "7"))
        self._handle = self.transport.perform(
            lambda endpoint, now: endpoint.invite(ACCOUNT, number, sdp=bytes(offer), now=now)
        )
        async with asyncio.timeout(10):
            while not isinstance(event := await self._events.get(), sip.CallAnswered | sip.ProgressReceived):
                assert not isinstance(event, sip.CallEnded), event
            while not event.sdp:
                event = await self.wait_for(sip.CallAnswered)
        audio.connect(read_answer(offer, Sdp.parse(event.sdp)))
        return audio

    async def pick_up(self, hz: float) -> PhoneAudio:
        """Answer the next call with a tone."""
        invited = await self.wait_for(sip.InviteReceived)
        self._handle = invited.handle
        audio = self.audio = PhoneAudio(HOST, tone(hz), Random(3))
        agreed = answer(Sdp.parse(invited.sdp), local_audio(audio.local, ("alaw",), "8"))
        self.transport.perform(lambda endpoint, now: endpoint.ring(invited.handle, now))
        self.transport.perform(lambda endpoint, now: endpoint.answer(invited.handle, bytes(agreed.sdp), now))
        audio.connect(agreed.stream)
        return audio

    def invite(self, number: str) -> None:
        """Call a number without waiting for anything."""
        self.audio = PhoneAudio(HOST, tone(500), Random(4))
        offer = bytes(make_offer(local_audio(self.audio.local, ("alaw",), "9")))
        self._handle = self.transport.perform(
            lambda endpoint, now: endpoint.invite(ACCOUNT, number, sdp=offer, now=now)
        )

    def hang_up(self) -> None:
        """End the call."""
        handle = self._handle
        assert handle is not None
        self.transport.perform(lambda endpoint, now: endpoint.hang_up(handle, now))


@asynccontextmanager
async def softphone(pbx: SandboxPbx, *, user: str = "101", password: str = "pw") -> AsyncIterator[Softphone]:
    """Run a telephone that tries to register."""
    events: asyncio.Queue[sip.SipEvent] = asyncio.Queue()
    settings = TransportSettings(HOST, 0, is_tcp_listening=False)
    transport = await SipTransport.open(settings, events.put_nowait)
    phone = Softphone(transport, events)
    try:
        host, port = pbx.address
        transport.put_account(
            AccountConfig(ACCOUNT, server_host=host, server_port=port, username=user, password=password)
        )
        yield phone
    finally:
        await transport.close()
        if phone.audio is not None:
            phone.audio.close()
