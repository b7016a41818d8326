"""One call of the sandbox's PBX with a phone that is registered at it, in either direction."""

import asyncio
import time
from collections.abc import Callable
from enum import Enum
from typing import Final

from linegram.agent.media_terms import local_audio
from linegram.errors import RemoteProtocolError, UnavailableError
from linegram.sandbox.pbx_audio import PhoneAudio
from linegram.sandbox.pbx_extensions import Answer, Extension, PlayEarly, Refuse, Ring, Wait
from linegram.sandbox.pbx_wire import PbxWire
from linegram.sip import events as sip
from linegram.sip.events import CallHandle
from linegram.sip.offer_answer import NoCommonCodecError, answer, make_offer, read_answer
from linegram.sip.sdp import Sdp
from linegram.sip.uri import SipUri
from linegram.units import AccountId

DEFAULT_WAIT_S: Final = 20.0
_NOT_ACCEPTABLE: Final = 488


class Stage(Enum):
    """How far a call has come."""

    INVITED = "INVITE"
    RINGING = "180 Ringing"
    EARLY_MEDIA = "183 with early media"
    ANSWERED = "200 OK"
    OVER = "over"


class PbxCall:
    """A call as the PBX and its telephone see it. `times_s` tells when each stage came (monotonic)."""

    def __init__(
        self,
        wire: PbxWire,
        audio: PhoneAudio,
        *,
        number: str,
        account_id: AccountId,
        codecs: tuple[str, ...],
        watch: Callable[["PbxCall", Stage], None],
    ) -> None:
        self.audio = audio
        self.number = number
        self.account_id = account_id
        self.handle: CallHandle | None = None
        self.stage = Stage.INVITED
        self.status = 0
        self.cause: sip.EndCause | None = None
        self.times_s = {Stage.INVITED: time.monotonic()}
        self._wire = wire
        self._watch = watch
        self._session = local_audio(audio.local, codecs, "1")
        self._our_sdp: Sdp | None = None
        self._following: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    # ---- what a test or the demo asks for

    async def wait_for(self, stage: Stage, *, timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Return when the call has been in a stage; raises UnavailableError if it ended without."""
        async with asyncio.timeout(timeout_s):
            while stage not in self.times_s:
                if self.stage is Stage.OVER:
                    raise UnavailableError(f"The call with {self.number} is over: {self.ending}.")
                await self._changed.wait()

    def hang_up(self) -> None:
        """End the call, whatever its stage. Safe to repeat."""
        handle = self.handle
        if handle is not None:
            self._wire.perform(lambda endpoint, now: endpoint.hang_up(handle, now))

    @property
    def ending(self) -> str:
        """How the call ended, in the words of SIP."""
        cause = self.cause.value if self.cause is not None else "not over"
        return f"{cause} {self.status}" if self.status else cause

    # ---- for the PBX

    def invite(self, contact: SipUri) -> None:
        """Call the phone."""
        self._our_sdp = make_offer(self._session)
        offer = bytes(self._our_sdp)
        self.handle = self._wire.perform(
            lambda endpoint, now: endpoint.invite(self.account_id, contact, sdp=offer, now=now)
        )

    def follow(self, invited: sip.InviteReceived, extension: Extension) -> None:
        """Be the extension that a phone has dialled."""
        self.handle = invited.handle
        steps = self._follow(invited.sdp, extension)
        self._following = asyncio.create_task(steps, name=f"extension {self.number}")

    def take(self, event: sip.SipEvent) -> None:
        """Take what SIP says about this call."""
        match event:
            case sip.ProgressReceived() if event.sdp:
                self._agree(event.sdp)
                self._come_to(Stage.EARLY_MEDIA)
            case sip.ProgressReceived(status=180):
                self._come_to(Stage.RINGING)
            case sip.CallAnswered():
                self._agree(event.sdp)
                self._come_to(Stage.ANSWERED)
            case sip.CallConfirmed() if event.sdp:
                self._agree(event.sdp)
            case sip.ReofferReceived():
                self._answer_reoffer(event)
            case sip.CallEnded():
                self._end(event)

    # ---- inside

    async def _follow(self, offer: bytes, extension: Extension) -> None:
        for step in extension.steps:
            match step:
                case Ring():
                    self._wire.perform(lambda endpoint, now: endpoint.ring(self._known(), now))
                    self._come_to(Stage.RINGING)
                case Wait():
                    await asyncio.sleep(step.seconds)
                case PlayEarly():
                    self.audio.say(step.sound())
                    self._progress(offer)
                case Answer():
                    self.audio.say(step.sound())
                    self.audio.is_echo = step.is_echo
                    self._answer(offer)
                case Refuse():
                    self._refuse(step.status)

    def _known(self) -> CallHandle:
        if self.handle is None:
            raise RuntimeError("the call has no handle yet")
        return self.handle

    def _progress(self, offer: bytes) -> None:
        sdp = self._answered(offer)
        if sdp is not None:
            self._wire.perform(lambda endpoint, now: endpoint.progress(self._known(), sdp, now))
            self._come_to(Stage.EARLY_MEDIA)

    def _answer(self, offer: bytes) -> None:
        sdp = bytes(self._our_sdp) if self._our_sdp is not None else self._answered(offer)
        if sdp is not None:
            self._wire.perform(lambda endpoint, now: endpoint.answer(self._known(), sdp, now))
            self._come_to(Stage.ANSWERED)

    def _answered(self, offer: bytes) -> bytes | None:
        """Agree to an offer, or make our own where there is none; None if the call was refused for it."""
        if not offer:
            self._our_sdp = make_offer(self._session)
            return bytes(self._our_sdp)
        try:
            agreed = answer(Sdp.parse(offer), self._session, self._our_sdp)
        except RemoteProtocolError:
            self._refuse(_NOT_ACCEPTABLE)
            return None
        self._our_sdp = agreed.sdp
        self.audio.connect(agreed.stream)
        return bytes(agreed.sdp)

    def _refuse(self, status: int) -> None:
        self._wire.perform(lambda endpoint, now: endpoint.reject(self._known(), status, now=now))

    def _agree(self, sdp: bytes) -> None:
        if self._our_sdp is None:
            return
        try:
            self.audio.connect(read_answer(self._our_sdp, Sdp.parse(sdp)))
        except RemoteProtocolError:
            self.hang_up()

    def _answer_reoffer(self, event: sip.ReofferReceived) -> None:
        try:
            offer = Sdp.parse(event.sdp)
            agreed = answer(offer, self._session, self._our_sdp)
        except NoCommonCodecError:
            self._wire.perform(lambda endpoint, now: endpoint.reject_reoffer(event.handle, now=now))
            return
        self._our_sdp = agreed.sdp
        self.audio.connect(agreed.stream)
        sdp = bytes(agreed.sdp)
        self._wire.perform(lambda endpoint, now: endpoint.answer_reoffer(event.handle, sdp, now))

    def _end(self, event: sip.CallEnded) -> None:
        self.status, self.cause = event.status, event.cause
        if self._following is not None:
            self._following.cancel()
        self.audio.close()
        self._come_to(Stage.OVER)

    def _come_to(self, stage: Stage) -> None:
        if stage in self.times_s or self.stage is Stage.OVER:
            return
        self.stage = stage
        self.times_s[stage] = time.monotonic()
        self._watch(self, stage)
        self._changed.set()
        self._changed = asyncio.Event()
