"""An agent with a real SIP endpoint and a PBX that is another one, on loopback; the audio is a double."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from linegram.agent.agent import Agent
from linegram.agent.hosts import PoolEvent
from linegram.agent.pbx_legs import PbxLegs
from linegram.agent.registrations import Registrations
from linegram.agent.sip_stack import SipStack
from linegram.agent.voice_legs import VoiceLegs
from linegram.link import commands, events
from linegram.link.accounts import RegistrationState, SipAccountSettings
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_audio import AudioDouble
from linegram.sip.account import AccountConfig, KeepAliveMethod
from linegram.sip.audio_stream import PCMA, CodecOffer, LocalAudio
from linegram.sip.events import CallAnswered, CallConfirmed, CallHandle, InviteReceived, SipEvent
from linegram.sip.offer_answer import answer, make_offer
from linegram.sip.sdp import Direction, Sdp
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.sip.uri import SipUri
from linegram.units import AccountId, CallId, LegId
from tests.sip.core.party import LIMIT_S, Party, party

Kind = TypeVar("Kind")

LINE = AccountId(1)
CALL, LEG, VOICE = CallId("call"), LegId("far"), LegId("voice")
THEIRS = LocalAudio("127.0.0.1", 30_000, (PCMA,), "77", has_telephone_event=False)


class SipOffice:
    """Our agent, the PBX, and everything that was reported to the hub."""

    def __init__(self, ours: SipTransport, pbx: Party) -> None:
        self.ours = ours
        self.pbx = pbx
        self.reports: list[events.Event] = []
        self.audio = AudioDouble(self._take_media_event)
        self._changed = asyncio.Event()
        numbers = itertools.count(1)
        stack = SipStack(ours)
        self.registrations = Registrations(stack, self._take_report)
        self.pbx_legs = PbxLegs(
            stack,
            self.audio,
            self._take_report,
            accounts=self.registrations.settings,
            new_id=lambda: f"id-{next(numbers)}",
            new_session_id=lambda: str(next(numbers)),
        )
        self.voice_legs = VoiceLegs(self.audio, self._take_report)
        self.agent = Agent(
            self.registrations, self.pbx_legs, self.voice_legs, pool=self.audio, report=self._take_report
        )

    def _take_report(self, report: events.Event) -> None:
        self.reports.append(report)
        self._changed.set()

    def _take_media_event(self, event: PoolEvent) -> None:
        self.agent.take_media_event(event)

    # ---- the hub's side

    def do(self, *orders: commands.Command) -> None:
        """Give the agent commands."""
        for order in orders:
            self.agent.take_command(order)

    def of(self, kind: type[Kind]) -> list[Kind]:
        """What was reported of one kind."""
        return [report for report in self.reports if isinstance(report, kind)]

    async def report(self, kind: type[Kind]) -> Kind:
        """Wait for the latest report of a kind."""
        await self.until(lambda: bool(self.of(kind)))
        return self.of(kind)[-1]

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Look again after every report."""
        async with asyncio.timeout(LIMIT_S):
            while not is_true():
                self._changed.clear()
                await self._changed.wait()

    async def ended(self, reason: EndReason, leg_id: LegId = LEG) -> events.PbxEnded:
        """Wait for the end of a leg; it must be its only one, and nothing of the leg may be left."""
        await self.until(lambda: any(end.leg_id == leg_id for end in self.of(events.PbxEnded)))
        (end,) = (end for end in self.of(events.PbxEnded) if end.leg_id == leg_id)
        assert end.reason is reason
        assert len(self.pbx_legs) == 0
        assert leg_id not in self.audio.legs
        return end

    @property
    def states(self) -> list[RegistrationState]:
        """The states of registrations that were reported."""
        return [change.state for change in self.of(events.RegistrationChanged)]

    async def put_line(self, *codecs: str) -> None:
        """Give the agent its account, and wait for the answer: this PBX takes calls, but no registrations."""
        host, port = self.pbx.transport.address
        settings = SipAccountSettings(
            account_id=LINE, username="100", password="pw", server=host, port=port, codecs=codecs or ("alaw",)
        )
        self.do(commands.PutAccount(settings))
        await self.until(lambda: self.states[-1:] == [RegistrationState.ERROR])

    # ---- the PBX's side

    def at_pbx(self, action: Callable[..., object]) -> None:
        """Let the PBX do something with its endpoint: `action(endpoint, now)`."""
        self.pbx.transport.perform(action)

    async def dialled(self, number: str = "4711") -> InviteReceived:
        """Dial, and wait until the PBX has the call."""
        self.do(commands.DialPbx(CALL, LEG, LINE, number))
        return await self.pbx.wait_for(InviteReceived)

    async def talking(self) -> CallHandle:
        """Dial, and let the PBX answer; returns the call as the PBX names it."""
        invite = await self.dialled()
        self.answer(invite)
        await self.report(events.PbxAnswered)
        await self.pbx.wait_for(CallConfirmed)
        return invite.handle

    def answer(self, invite: InviteReceived, *codecs: CodecOffer) -> None:
        """Let the PBX answer with the codecs given."""
        theirs = replace(THEIRS, codecs=codecs or (PCMA,))
        sdp = bytes(answer(Sdp.parse(invite.sdp), theirs).sdp)
        self.at_pbx(lambda endpoint, now: endpoint.answer(invite.handle, sdp, now))

    async def called(self, sdp: bytes | None = None) -> tuple[CallHandle, events.PbxCallArrived]:
        """Let the PBX call our line; returns its handle and our report."""
        handle = self.call_line(bytes(make_offer(THEIRS)) if sdp is None else sdp)
        return handle, await self.report(events.PbxCallArrived)

    def call_line(self, sdp: bytes) -> CallHandle:
        """Let the PBX call our line."""
        host, port = self.ours.address
        uri = SipUri.parse(f"sip:100@{host}:{port}")
        return self.pbx.transport.perform(lambda endpoint, now: endpoint.invite(LINE, uri, sdp=sdp, now=now))

    async def talking_to_caller(self) -> tuple[CallHandle, LegId]:
        """Let the PBX call, and answer."""
        handle, arrived = await self.called()
        self.do(commands.RingPbx(arrived.leg_id), commands.AnswerPbx(arrived.leg_id))
        await self.pbx.wait_for(CallAnswered)
        await self.report(events.PbxAnswered)
        return handle, arrived.leg_id


@asynccontextmanager
async def sip_office(*codecs: str) -> AsyncIterator[SipOffice]:
    """Run an agent and a PBX for the length of a test."""
    async with party() as pbx:
        offices: list[SipOffice] = []

        def take(event: SipEvent) -> None:
            offices[0].agent.take_sip_event(event)

        ours = await SipTransport.open(TransportSettings("127.0.0.1", 0), take)
        office = SipOffice(ours, pbx)
        offices.append(office)
        try:
            host, port = ours.address
            for number, user in enumerate(("4711", "4712", "anna"), 1):
                pbx.transport.put_account(
                    AccountConfig(
                        AccountId(number),
                        host,
                        user,
                        "pw",
                        server_port=port,
                        is_registering=False,
                        keep_alive=KeepAliveMethod.OFF,
                    )
                )
            await pbx.resolved()
            await office.put_line(*codecs)
            yield office
        finally:
            await ours.close(limit_s=0.2)


def held(sdp: bytes, direction: Direction) -> bytes:
    """The PBX's description again, with another direction."""
    return bytes(make_offer(replace(THEIRS, direction=direction), Sdp.parse(sdp)))
