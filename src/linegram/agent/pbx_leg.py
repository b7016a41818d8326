"""One PBX leg as the agent knows it: its SIP call, what was offered and agreed. Pure; decides nothing."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from linegram.agent.media_terms import local_audio, remote_media
from linegram.errors import RemoteProtocolError
from linegram.link.accounts import SipAccountSettings
from linegram.media.control import LocalMedia, RemoteMedia
from linegram.outcomes import EndReason
from linegram.sip.audio_stream import AudioStream, LocalAudio
from linegram.sip.events import CallHandle
from linegram.sip.headers import NameAddress
from linegram.sip.offer_answer import answer, make_offer, read_answer
from linegram.sip.sdp import Sdp
from linegram.sip.sdp_crypto import NO_SRTP, LocalSrtp, SrtpPolicy
from linegram.sip.uri import SipUri
from linegram.units import CallId, LegId

_MOST_REDIRECTIONS: Final = 10


class LegStage(Enum):
    """How far a leg has come; decides which SIP command ends it."""

    PREPARING = "preparing"
    ARRIVED = "arrived"
    DIALLED = "dialled"
    ANSWERED = "answered"
    ENDING = "ending"


@dataclass(kw_only=True, eq=False)
class PbxLeg:
    """A leg from its first message until its PbxEnded; `target` is who is called.

    `their_offer` came with the INVITE; `our_sdp` and `their_sdp` are the last descriptions that counted:
    what a payload type meant in them, it means for the whole dialog (RFC 3264 section 8.3.2).
    """

    call_id: CallId
    leg_id: LegId
    settings: SipAccountSettings
    stage: LegStage
    handle: CallHandle | None = None
    target: SipUri | str = ""
    redirections: deque[SipUri] = field(default_factory=deque)
    tried: set[str] = field(default_factory=set)
    their_offer: Sdp | None = None
    their_sdp: Sdp | None = None
    our_sdp: Sdp | None = None
    local: LocalAudio | None = None
    stream: AudioStream | None = None
    early_fork: str | None = None
    ended_by_us: EndReason | None = None
    srtp: LocalSrtp = NO_SRTP
    is_up: bool = False
    is_hold_wanted: bool = False
    was_held_by_far: bool = False
    before_change: tuple[LocalAudio, Sdp | None] | None = None
    is_transferring: bool = False
    is_transfer_taken: bool = False

    @property
    def codec(self) -> str:
        """The codec that was agreed, empty before."""
        return "" if self.stream is None else self.stream.codec.name

    @property
    def is_held_by_us(self) -> bool:
        """We want nothing from the far side."""
        return self.local is not None and not self.local.direction.receives

    @property
    def is_held_by_far(self) -> bool:
        """The far side wants nothing from us."""
        return self.stream is not None and self.stream.is_held_by_peer

    @property
    def is_changing(self) -> bool:
        """A re-INVITE of ours is under way."""
        return self.before_change is not None

    def place(self, media: LocalMedia, session_id: str) -> None:
        """Learn where this leg receives RTP."""
        self.local = local_audio(media, self.settings.codecs, session_id, self.srtp)

    def offer(self) -> bytes:
        """Make our offer: the first one, or for a re-INVITE without any."""
        self.our_sdp = make_offer(self.placed(), self.our_sdp, theirs=self.their_sdp)
        return bytes(self.our_sdp)

    def fresh_offer(self) -> bytes:
        """Make the offer of a new dialog."""
        self.our_sdp = self.their_sdp = None
        return self.offer()

    def answer(self, offer: Sdp) -> bytes:
        """Answer an offer. Raises NoCommonCodecError."""
        answered = answer(offer, self.placed(), self.our_sdp)
        self.our_sdp, self.their_sdp, self.stream = answered.sdp, offer, answered.stream
        return bytes(answered.sdp)

    def follow_redirection(self, contacts: Sequence[str]) -> None:
        """Take note of where a 3xx sends us, best first (RFC 3261 8.1.3.4); each place is tried once."""
        found: list[tuple[float, SipUri]] = []
        for contact in contacts:
            with suppress(RemoteProtocolError, ValueError):
                address = NameAddress.parse(contact)
                found.append((float(address.parameter("q") or 1.0), address.uri))
        for _, uri in sorted(found, key=lambda entry: -entry[0]):
            if str(uri) not in self.tried and len(self.tried) < _MOST_REDIRECTIONS:
                self.tried.add(str(uri))
                self.redirections.append(uri)

    def insist_on_srtp(self) -> bool:
        """Offer nothing but encryption from now on; False if that was so, or is not wanted.

        Some PBXs that encrypt refuse an offer that merely allows it.
        """
        if self.local is None or self.local.srtp.policy is not SrtpPolicy.PREFERRED:
            return False
        self.srtp = replace(self.local.srtp, policy=SrtpPolicy.REQUIRED)
        self.local = replace(self.local, srtp=self.srtp)
        self.our_sdp = None
        return True

    def take_answer(self, sdp: bytes) -> None:
        """Read the answer to our offer. Raises RemoteProtocolError if there is none in it."""
        if self.our_sdp is not None:
            theirs = Sdp.parse(sdp)
            self.stream = read_answer(self.our_sdp, theirs)
            self.their_sdp = theirs

    def remote(self) -> RemoteMedia | None:
        """Return what the media host must know of the agreement; None before there is one."""
        if self.stream is None:
            return None
        return remote_media(self.stream, is_early=self.stage is not LegStage.ANSWERED)

    def placed(self) -> LocalAudio:
        """Return our side of the audio; there must be a port."""
        if self.local is None:
            raise RuntimeError(f"leg {self.leg_id} has no RTP port yet")
        return self.local


def read_offer(sdp: bytes) -> Sdp | RemoteProtocolError | None:
    """Read an offer; None if there is none."""
    if not sdp:
        return None
    try:
        return Sdp.parse(sdp)
    except RemoteProtocolError as error:
        return error
