"""All PBX legs of a worker: link commands become SIP commands, SIP events become link events.

Runs in the worker's event loop. Only the opening of RTP ports is waited for;
a leg that ends meanwhile takes nothing of it.
"""

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import structlog

from linegram.agent.call_audio import CallAudio
from linegram.agent.media_terms import has_common_codec, local_srtp
from linegram.agent.outcomes import reason_of_end
from linegram.agent.pbx_digits import PbxDigits
from linegram.agent.pbx_leg import LegStage, PbxLeg, read_offer
from linegram.agent.pbx_moves import PbxMoves
from linegram.agent.pbx_placing import PbxPlacing
from linegram.agent.sip_ports import SipCalls
from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.link import commands, events
from linegram.link.accounts import SipAccountSettings
from linegram.outcomes import EndReason
from linegram.sip import events as sip
from linegram.sip.events import CallHandle
from linegram.sip.offer_answer import NoCommonCodecError
from linegram.sip.uri import SipUri
from linegram.units import AccountId, CallId, LegId, mask_number

_log = structlog.get_logger()

_NOT_ACCEPTABLE: Final = 488
_UNAVAILABLE: Final = 503


Report = Callable[[events.Event], None]


class PbxLegs:
    """Every PBX leg from its first message until its PbxEnded; exactly one of those for each."""

    def __init__(
        self,
        calls: SipCalls,
        pool: CallAudio,
        report: Report,
        *,
        accounts: Mapping[AccountId, SipAccountSettings],
        new_id: Callable[[], str],
        new_session_id: Callable[[], str],
    ) -> None:
        self._sip = calls
        self._pool = pool
        self._report = report
        self._accounts = accounts
        self._new_id = new_id
        self._legs: dict[LegId, PbxLeg] = {}
        self._by_handle: dict[CallHandle, PbxLeg] = {}
        self._placing = PbxPlacing(
            calls,
            pool,
            new_session_id=new_session_id,
            on_failed=lambda leg_id: self.cut(leg_id, EndReason.NO_CAPACITY),
        )
        self.moves = PbxMoves(calls, self, report)
        self.digits = PbxDigits(calls, pool, find=self.find, of_handle=self.of_handle, report=report)
        self._on_sip: Mapping[type, Callable[[Any], None]] = MappingProxyType(
            {
                sip.InviteReceived: self._receive,
                sip.ProgressReceived: self._progress,
                sip.CallAnswered: self._answered,
                sip.CallConfirmed: self._confirmed,
                sip.InfoReceived: self.digits.take_info,
                sip.CallEnded: self._ended,
                **self.moves.on_sip,
            }
        )

    # ---- commands of the hub

    def dial(self, command: commands.DialPbx) -> None:
        """Place a PBX call once its RTP port is open."""
        if command.leg_id in self._legs:
            return
        settings = self._accounts.get(command.account_id)
        if settings is None:
            self._report(events.PbxEnded(command.leg_id, EndReason.NO_LINE))
            return
        leg = self._add(
            PbxLeg(
                call_id=command.call_id,
                leg_id=command.leg_id,
                settings=settings,
                stage=LegStage.PREPARING,
                srtp=local_srtp(settings, secrets.token_bytes),
            )
        )
        self._placing.when_placed(leg, lambda: self._dial(leg, command.number))

    def ring(self, command: commands.RingPbx) -> None:
        """Tell the calling PBX that the employee's phone rings; open the port that the answer needs."""
        leg = self._legs.get(command.leg_id)
        if leg is not None and leg.stage is LegStage.ARRIVED and leg.handle is not None:
            self._sip.ring(leg.handle)
            self._placing.when_placed(leg, lambda: None)

    def answer(self, command: commands.AnswerPbx) -> None:
        """Answer the PBX's call once its RTP port is open."""
        leg = self._legs.get(command.leg_id)
        if leg is not None and leg.stage is LegStage.ARRIVED:
            self._placing.when_placed(leg, lambda: self._answer(leg))

    def end(self, command: commands.EndPbx) -> None:
        """End a leg in whatever stage it is."""
        leg = self._legs.get(command.leg_id)
        if leg is not None:
            self._end(leg, command.status, command.text, command.retry_after_s)

    def cut(self, leg_id: LegId, reason: EndReason) -> None:
        """End a leg because its audio failed."""
        leg = self._legs.get(leg_id)
        if leg is not None and leg.stage is not LegStage.ENDING:
            leg.ended_by_us = reason
            self._end(leg, _UNAVAILABLE, "No Media")

    def of_calls(self, call_ids: tuple[CallId, ...]) -> list[LegId]:
        """Return the legs of these calls."""
        return [leg.leg_id for leg in self._legs.values() if leg.call_id in call_ids]

    def __len__(self) -> int:
        return len(self._legs)

    # ---- what moves and digits need of the legs

    def find(self, leg_id: LegId) -> PbxLeg | None:
        """Return the leg if it is not over."""
        return self._legs.get(leg_id)

    def of_handle(self, handle: CallHandle) -> PbxLeg | None:
        """Return the leg whose SIP call this is."""
        return self._by_handle.get(handle)

    def take_over(self, leg: PbxLeg, handle: CallHandle) -> None:
        """Let another SIP call be the leg's from now on; its dialog is stored."""
        if leg.handle is not None:
            self._by_handle.pop(leg.handle, None)
        leg.handle = handle
        self._by_handle[handle] = leg
        self._store_dialog(leg)

    def connect(self, leg: PbxLeg) -> None:
        """Let the media host follow the leg's agreement."""
        remote = leg.remote()
        if remote is not None:
            self._pool.connect_pbx_leg(leg.leg_id, remote)

    # ---- events of the SIP stack

    def take(self, event: sip.SipEvent) -> None:
        """Take an event of the SIP stack that is about a call."""
        if self.moves.take_arriving(event):
            return
        handler = self._on_sip.get(type(event))
        if handler is not None:
            handler(event)

    def _receive(self, event: sip.InviteReceived) -> None:
        settings = self._accounts.get(event.account_id)
        offer = read_offer(event.sdp)
        if settings is None or isinstance(offer, RemoteProtocolError):
            self._sip.reject(event.handle, _NOT_ACCEPTABLE, "Not Acceptable Here")
            return
        if event.replaces is not None:
            self.moves.replace(event, offer)
            return
        leg = self._add(
            PbxLeg(
                call_id=CallId(self._new_id()),
                leg_id=LegId(self._new_id()),
                settings=settings,
                stage=LegStage.ARRIVED,
                handle=event.handle,
                their_offer=offer,
                srtp=local_srtp(settings, secrets.token_bytes),
            )
        )
        caller = event.caller
        _log.info(
            "pbx_call_arrived",
            leg_id=leg.leg_id,
            account_id=event.account_id,
            caller=mask_number(caller.number),
        )
        self._report(
            events.PbxCallArrived(
                leg.call_id,
                leg.leg_id,
                event.account_id,
                event.sip_call_id,
                caller.number,
                caller.name,
                caller.diverted_by,
            )
        )
        if offer is not None and not has_common_codec(offer, settings.codecs, leg.srtp):
            self._refuse_codecs(leg)

    def _progress(self, event: sip.ProgressReceived) -> None:
        leg = self._by_handle.get(event.handle)
        if leg is None or leg.stage is not LegStage.DIALLED:
            return
        if event.sdp and leg.early_fork in (None, event.fork):
            leg.early_fork = event.fork
            if self._agree(leg, event.sdp):
                self._report(events.EarlyMediaStarted(leg.leg_id))
        elif event.status == 180:
            self._report(events.PbxRinging(leg.leg_id))

    def _answered(self, event: sip.CallAnswered) -> None:
        leg = self._by_handle.get(event.handle)
        if leg is None or leg.stage is not LegStage.DIALLED:
            return
        leg.stage = LegStage.ANSWERED
        if self._agree(leg, event.sdp):
            self._report_up(leg)
        else:
            self._refuse_codecs(leg)

    def _confirmed(self, event: sip.CallConfirmed) -> None:
        leg = self._by_handle.get(event.handle)
        if leg is None or leg.stage is not LegStage.ANSWERED:
            return
        if (event.sdp and not self._agree(leg, event.sdp)) or leg.stream is None:
            self._refuse_codecs(leg)
            return
        self._report_up(leg)

    def _ended(self, event: sip.CallEnded) -> None:
        leg = self._by_handle.get(event.handle)
        if leg is None:
            return
        if leg.stage is LegStage.DIALLED and (target := self._next_target(leg, event)) is not None:
            self._by_handle.pop(event.handle)
            self._invite(leg, target)
            return
        self._finish(leg, leg.ended_by_us or reason_of_end(event), event)

    def _next_target(self, leg: PbxLeg, event: sip.CallEnded) -> SipUri | str | None:
        """Whom to call after a refusal: the same with encryption only, or where we are sent."""
        if event.status == _NOT_ACCEPTABLE and leg.insist_on_srtp():
            return leg.target
        if 300 <= event.status < 400:
            leg.follow_redirection(event.contacts)
        return leg.redirections.popleft() if leg.redirections else None

    # ---- what both sides lead to

    def _add(self, leg: PbxLeg) -> PbxLeg:
        self._legs[leg.leg_id] = leg
        if leg.handle is not None:
            self._by_handle[leg.handle] = leg
        return leg

    def _dial(self, leg: PbxLeg, number: str) -> None:
        """Call a user part at the account's domain, or a whole address."""
        try:
            target = SipUri.parse(f"sip:{number}") if "@" in number else number
        except RemoteProtocolError as error:
            self._refuse_number(leg, error)
            return
        self._invite(leg, target)

    def _refuse_number(self, leg: PbxLeg, error: Exception) -> None:
        _log.warning("number_not_dialled", leg_id=leg.leg_id, reason=str(error))
        self._finish(leg, EndReason.NUMBER_NOT_FOUND)

    def _invite(self, leg: PbxLeg, target: SipUri | str) -> None:

        def begun(handle: CallHandle) -> None:
            leg.handle, leg.stage = handle, LegStage.DIALLED
            self._by_handle[handle] = leg

        try:
            leg.target, leg.early_fork = target, None
            self._sip.invite(leg.settings.account_id, target, leg.fresh_offer(), begun)
        except LocalProtocolError as error:
            self._refuse_number(leg, error)

    def _answer(self, leg: PbxLeg) -> None:
        if leg.handle is None or leg.stage is not LegStage.ARRIVED:
            return
        try:
            sdp = leg.offer() if leg.their_offer is None else leg.answer(leg.their_offer)
        except NoCommonCodecError:
            self._refuse_codecs(leg)
            return
        leg.stage = LegStage.ANSWERED
        self._sip.answer(leg.handle, sdp)
        self.connect(leg)
        self._store_dialog(leg)

    def _agree(self, leg: PbxLeg, sdp: bytes) -> bool:
        """Follow the answer to our offer; False if it cannot be followed."""
        try:
            leg.take_answer(sdp)
        except RemoteProtocolError as error:
            _log.warning("answer_not_understood", leg_id=leg.leg_id, reason=str(error))
            return False
        self.connect(leg)
        return True

    def _report_up(self, leg: PbxLeg) -> None:
        if not leg.is_up:  # a leg whose SIP call was replaced has been reported
            leg.is_up = True
            self._report(events.PbxAnswered(leg.leg_id, leg.codec))
        self._store_dialog(leg)

    def _store_dialog(self, leg: PbxLeg) -> None:
        dialog = None if leg.handle is None else self._sip.export_dialog(leg.handle)
        if dialog is not None:
            self._report(events.DialogStored(leg.leg_id, leg.settings.account_id, dialog))

    def _refuse_codecs(self, leg: PbxLeg) -> None:
        leg.ended_by_us = EndReason.CODEC_MISMATCH
        self._end(leg, _NOT_ACCEPTABLE, "No Common Codec")

    def _end(self, leg: PbxLeg, status: int, text: str, retry_after_s: int | None = None) -> None:
        stage, leg.stage = leg.stage, LegStage.ENDING
        if leg.handle is None:
            self._finish(leg, leg.ended_by_us or EndReason.CANCELLED)
        elif stage is LegStage.ARRIVED:
            self._sip.reject(leg.handle, status, text, retry_after_s)
        elif stage is not LegStage.ENDING:
            self._sip.hang_up(leg.handle)

    def _finish(self, leg: PbxLeg, reason: EndReason, ended: sip.CallEnded | None = None) -> None:
        self._legs.pop(leg.leg_id, None)
        if leg.handle is not None:
            self._by_handle.pop(leg.handle, None)
        self._placing.forget(leg.leg_id)
        self.digits.forget(leg.leg_id)
        self.moves.leg_ended(leg, by_far=ended is not None and ended.cause is sip.EndCause.REMOTE_BYE)
        self._pool.close_pbx_leg(leg.leg_id)
        if ended is None:
            self._report(events.PbxEnded(leg.leg_id, reason))
        else:
            self._report(events.PbxEnded(leg.leg_id, reason, ended.status, ended.reason, ended.retry_after_s))
