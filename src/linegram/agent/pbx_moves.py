"""What happens to a PBX leg in the middle of its call: hold, transfers of ours, and new parties of the PBX's.

A leg outlives its SIP call: when the PBX sends somebody else (REFER, or an INVITE that replaces the call),
the leg goes on with the new SIP call on the same RTP port.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

import structlog

from linegram.agent.pbx_leg import LegStage, PbxLeg, read_offer
from linegram.agent.sip_ports import SipCalls
from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.link import commands, events
from linegram.sip import events as sip
from linegram.sip.events import CallHandle
from linegram.sip.offer_answer import NoCommonCodecError, answer, make_offer, read_answer
from linegram.sip.sdp import Direction, Sdp
from linegram.sip.uri import SipUri
from linegram.units import LegId

_log = structlog.get_logger()

_NOT_ACCEPTABLE: Final = 488
_BUSY_WITH_ANOTHER: Final = 491


class Legs(Protocol):
    """The legs, as far as moves need them."""

    def find(self, leg_id: LegId) -> PbxLeg | None:
        """Return the leg if it is not over."""

    def of_handle(self, handle: CallHandle) -> PbxLeg | None:
        """Return the leg whose SIP call this is."""

    def take_over(self, leg: PbxLeg, handle: CallHandle) -> None:
        """Let another SIP call be the leg's from now on."""

    def connect(self, leg: PbxLeg) -> None:
        """Let the media host follow the leg's agreement."""


class _Arriving(NamedTuple):
    """Somebody whom we call because the PBX asked for it."""

    leg: PbxLeg
    offer: Sdp
    number: str


class PbxMoves:
    """Carries out moves. Commands for legs that are not up are ignored; what cannot be done is answered."""

    def __init__(self, calls: SipCalls, legs: Legs, report: Callable[[events.Event], None]) -> None:
        self._sip = calls
        self._legs = legs
        self._report = report
        self._arriving: dict[CallHandle, _Arriving] = {}
        self.on_sip: Mapping[type, Callable[[Any], None]] = MappingProxyType(
            {
                sip.ReofferReceived: self._reoffered,
                sip.ReofferConfirmed: self._reoffer_confirmed,
                sip.ReofferAnswered: self._reoffer_answered,
                sip.ReofferRefused: self._reoffer_refused,
                sip.ReferProgressed: self._refer_progressed,
                sip.ReferEnded: self._refer_ended,
                sip.ReferReceived: self._refer_received,
            }
        )

    # ---- hold

    def hold(self, command: commands.HoldPbx) -> None:
        """Offer to send only, or both ways again (RFC 3264 section 8.4)."""
        leg = self._up(command.leg_id)
        if leg is None or leg.local is None or leg.handle is None:
            return
        leg.is_hold_wanted = command.is_held
        if leg.is_held_by_us != command.is_held:
            self._offer_hold(leg)
        else:
            self._report_hold(leg)

    def _reoffered(self, event: sip.ReofferReceived) -> None:
        """Follow the far side: hold, other codecs, another place of its audio."""
        leg = self._legs.of_handle(event.handle)
        offer = read_offer(event.sdp)
        if leg is None or leg.local is None or isinstance(offer, RemoteProtocolError):
            self._sip.reject_reoffer(event.handle)
            return
        if offer is None:
            self._sip.answer_reoffer(event.handle, leg.offer())
            return
        try:
            self._sip.answer_reoffer(event.handle, leg.answer(offer))
        except NoCommonCodecError:
            self._sip.reject_reoffer(event.handle)
            return
        self._legs.connect(leg)
        self._settle(leg)

    def _reoffer_confirmed(self, event: sip.ReofferConfirmed) -> None:
        leg = self._legs.of_handle(event.handle)
        if leg is None:
            return
        if event.sdp:
            self._follow(leg, event.sdp)
        self._settle(leg)

    def _follow(self, leg: PbxLeg, sdp: bytes) -> None:
        try:
            leg.take_answer(sdp)
        except RemoteProtocolError as error:
            _log.warning("answer_not_understood", leg_id=leg.leg_id, reason=str(error))
            return
        self._legs.connect(leg)

    def _settle(self, leg: PbxLeg) -> None:
        """Report whether the far side holds now, when that has changed; offer what still is wanted."""
        if leg.is_held_by_far != leg.was_held_by_far:
            leg.was_held_by_far = leg.is_held_by_far
            self._report_hold(leg)
        if leg.is_hold_wanted != leg.is_held_by_us:
            self._offer_hold(leg)

    def _offer_hold(self, leg: PbxLeg) -> None:
        """Send the re-INVITE; while another change is under way, `_settle` comes back to it."""
        if leg.local is None or leg.handle is None or leg.is_changing:
            return
        direction = Direction.SENDONLY if leg.is_hold_wanted else Direction.SENDRECV
        before = leg.local, leg.our_sdp
        leg.local = replace(leg.local, direction=direction)
        if self._sip.reoffer(leg.handle, leg.offer()):
            leg.before_change = before
        else:
            leg.local, leg.our_sdp = before

    def _reoffer_answered(self, event: sip.ReofferAnswered) -> None:
        leg = self._legs.of_handle(event.handle)
        if leg is None:
            return
        was_ours = leg.is_changing  # and no refresh of the session, which changes nothing
        leg.before_change = None
        self._follow(leg, event.sdp)
        if was_ours:
            self._report_hold(leg)
        self._settle(leg)

    def _reoffer_refused(self, event: sip.ReofferRefused) -> None:
        leg = self._legs.of_handle(event.handle)
        if leg is None:
            return
        if leg.before_change is None:
            return
        leg.local, leg.our_sdp = leg.before_change
        leg.before_change = None
        leg.is_hold_wanted = leg.is_held_by_us
        _log.info("hold_refused", leg_id=leg.leg_id, status=event.status)
        self._report_hold(leg)

    def _report_hold(self, leg: PbxLeg) -> None:
        leg.was_held_by_far = leg.is_held_by_far
        self._report(events.PbxHoldChanged(leg.leg_id, leg.is_held_by_us, leg.is_held_by_far))

    # ---- transfers of ours

    def transfer_call(self, command: commands.TransferPbxCall) -> None:
        """Ask the PBX by REFER."""
        leg = self._up(command.leg_id)
        if leg is None or leg.handle is None:
            return
        try:
            target = SipUri.parse(f"sip:{command.number}") if "@" in command.number else command.number
            is_asked = self._sip.refer(leg.handle, target)
        except (LocalProtocolError, RemoteProtocolError) as error:
            _log.warning("number_not_transferred_to", leg_id=leg.leg_id, reason=str(error))
            is_asked = False
        self._note_asked(leg, is_asked=is_asked)

    def join(self, command: commands.JoinPbx) -> None:
        """Ask the PBX by REFER with Replaces."""
        leg, other = self._up(command.leg_id), self._up(command.other_leg_id)
        if leg is None or leg.handle is None:
            return
        is_asked = (
            other is not None
            and other.handle is not None
            and self._sip.refer_to_call(leg.handle, other.handle)
        )
        self._note_asked(leg, is_asked=is_asked)

    def _note_asked(self, leg: PbxLeg, *, is_asked: bool) -> None:
        leg.is_transferring = leg.is_transferring or is_asked
        if not is_asked:
            self._report(
                events.PbxCallTransferEnded(
                    leg.leg_id, is_done=False, is_taken=False, status=_BUSY_WITH_ANOTHER
                )
            )

    def _refer_progressed(self, event: sip.ReferProgressed) -> None:
        leg = self._legs.of_handle(event.handle)
        if leg is not None:
            leg.is_transfer_taken = True
            self._report(events.PbxCallTransferProgressed(leg.leg_id, event.status))

    def _refer_ended(self, event: sip.ReferEnded) -> None:
        leg = self._legs.of_handle(event.handle)
        if leg is not None:
            is_done = 200 <= event.status < 300
            self._call_transfer_ended(
                leg,
                events.PbxCallTransferEnded(
                    leg.leg_id, is_done, event.is_accepted, event.status, event.reason
                ),
            )

    def leg_ended(self, leg: PbxLeg, *, by_far: bool) -> None:
        """Settle a transfer whose outcome was never told: a PBX that took it and hung up has done it."""
        if leg.is_transferring:
            is_taken = leg.is_transfer_taken
            self._call_transfer_ended(
                leg, events.PbxCallTransferEnded(leg.leg_id, by_far and is_taken, is_taken)
            )
        for handle, arriving in list(self._arriving.items()):
            if arriving.leg is leg:
                del self._arriving[handle]
                self._sip.hang_up(handle)

    def _call_transfer_ended(self, leg: PbxLeg, outcome: events.PbxCallTransferEnded) -> None:
        leg.is_transferring = leg.is_transfer_taken = False
        self._report(outcome)

    # ---- new parties, sent by the PBX

    def replace(self, event: sip.InviteReceived, offer: Sdp | None) -> None:
        """Let an INVITE that replaces a leg's SIP call take its place, at once (RFC 3891 section 3)."""
        leg = None if event.replaces is None else self._legs.of_handle(event.replaces)
        if leg is None or leg.local is None or leg.handle is None:
            self._sip.reject(event.handle, 481, "No Such Call")
            return
        try:
            sdp = self._agree_anew(leg, offer)
        except NoCommonCodecError:
            self._sip.reject(event.handle, _NOT_ACCEPTABLE, "No Common Codec")
            return
        replaced = leg.handle
        self._legs.take_over(leg, event.handle)
        self._sip.answer(event.handle, sdp)
        self._legs.connect(leg)
        self._sip.hang_up(replaced)
        self._report(events.PbxPartyChanged(leg.leg_id, event.caller.number, event.caller.name))

    def _agree_anew(self, leg: PbxLeg, offer: Sdp | None) -> bytes:
        """Describe our side for another dialog. Raises NoCommonCodecError; then all stays as it was."""
        local = leg.placed()
        if offer is None:
            leg.our_sdp, leg.their_sdp = make_offer(local), None
            return bytes(leg.our_sdp)
        answered = answer(offer, local)
        leg.our_sdp, leg.their_sdp, leg.stream = answered.sdp, offer, answered.stream
        return bytes(answered.sdp)

    def _refer_received(self, event: sip.ReferReceived) -> None:
        """Call whom the PBX names; the present party stays until that one answers."""
        leg = self._legs.of_handle(event.handle)
        if leg is None or leg.stage is not LegStage.ANSWERED or leg.local is None:
            self._sip.reject_refer(event.handle)
            return
        offer = make_offer(leg.placed())
        headers = [("Replaces", event.replaces)] if event.replaces else []
        if event.referred_by:
            headers.append(("Referred-By", event.referred_by))

        def begun(handle: CallHandle) -> None:
            self._arriving[handle] = _Arriving(leg, offer, event.target.user or event.target.host)

        self._sip.accept_refer(event.handle)
        try:
            self._sip.invite(leg.settings.account_id, event.target, bytes(offer), begun, headers=headers)
        except (LocalProtocolError, RemoteProtocolError) as error:
            _log.warning("refer_not_followed", leg_id=leg.leg_id, reason=str(error))
            self._sip.report_refer(event.handle, 400)

    def take_arriving(self, event: sip.SipEvent) -> bool:
        """Take an event of a call that is placed for a REFER; False if it is none of those."""
        handle = getattr(event, "handle", None)
        if handle is None or handle not in self._arriving:
            return False
        arriving = self._arriving[handle]
        leg = arriving.leg
        match event:
            case sip.ProgressReceived() if leg.handle is not None:
                self._sip.report_refer(leg.handle, event.status, event.reason)
            case sip.CallAnswered():
                self._arrived(arriving, event)
            case sip.CallEnded() if leg.handle is not None:
                del self._arriving[handle]
                self._sip.report_refer(leg.handle, max(event.status, 300) if event.status else 503)
        return True

    def _arrived(self, arriving: _Arriving, event: sip.CallAnswered) -> None:
        """Go on with the party that answered; the old one is told and left."""
        del self._arriving[event.handle]
        leg, offer = arriving.leg, arriving.offer
        former = leg.handle
        try:
            theirs = Sdp.parse(event.sdp)
            stream = read_answer(offer, theirs)
        except RemoteProtocolError as error:
            _log.warning("answer_not_understood", leg_id=leg.leg_id, reason=str(error))
            self._sip.hang_up(event.handle)
            if former is not None:
                self._sip.report_refer(former, _NOT_ACCEPTABLE)
            return
        leg.our_sdp, leg.their_sdp, leg.stream = offer, theirs, stream
        self._legs.take_over(leg, event.handle)
        self._legs.connect(leg)
        if former is not None:
            self._sip.report_refer(former, 200)
            self._sip.hang_up(former)
        self._report(events.PbxPartyChanged(leg.leg_id, arriving.number))

    def _up(self, leg_id: LegId) -> PbxLeg | None:
        leg = self._legs.find(leg_id)
        return leg if leg is not None and leg.stage is LegStage.ANSWERED else None
