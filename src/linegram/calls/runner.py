"""Carries out what the tables decide: feeds events to calls and turns their commands into actions.

Thin on purpose: no `if` on the state of a call here. Runs in the hub's event
loop; every method returns at once.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec
import structlog

from linegram.calls import bridge, ports
from linegram.calls.bridge import Command, Limit
from linegram.calls.call import Call
from linegram.calls.cards import CardKeeper
from linegram.calls.chain import Chain
from linegram.calls.desk import Desk
from linegram.calls.engine_choice import EngineDesk
from linegram.calls.outcomes import DISCARD_REASON, ENDING_TONE, SIP_REFUSAL
from linegram.errors import UnexpectedEventError
from linegram.link import commands as link
from linegram.link import events as reports
from linegram.link.voice import VoiceParameters
from linegram.outcomes import EndReason
from linegram.units import CallId, LegId, mask_number

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class CallPorts:
    """Everything outside that calls act on."""

    worker: ports.Worker
    phone: ports.TelegramPhone
    cards: CardKeeper
    journal: ports.CallJournal
    engines: EngineDesk
    engine_store: ports.EngineStore
    new_leg_id: Callable[[], LegId]
    clock: Callable[[], float]
    """UTC epoch seconds."""


@dataclass(frozen=True, kw_only=True)
class CallTimes:
    """How long a call waits for people, in seconds."""

    ring_s: float = 45.0
    direct_window_s: float = 60.0
    sign_off_s: float = 3.0


_FROM_WORKER: Final[Mapping[type, Callable[[Any], bridge.Event]]] = MappingProxyType(
    {
        reports.PbxRinging: lambda _: bridge.FarRang(),
        reports.EarlyMediaStarted: lambda _: bridge.EarlyMediaHeard(),
        reports.PbxAnswered: lambda _: bridge.FarAnswered(),
        reports.PbxEnded: lambda report: bridge.FarEnded(report.reason),
        reports.VoiceConnected: lambda _: bridge.VoiceJoined(),
        reports.VoiceEnded: lambda report: bridge.VoiceEnded(report.reason),
    }
)
_FROM_PHONE: Final[Mapping[type, Callable[[Any], bridge.Event]]] = MappingProxyType(
    {
        ports.PhoneRinging: lambda _: bridge.EmployeeRang(),
        ports.PhoneAnswered: lambda _: bridge.EmployeeAnswered(),
        ports.PhoneEnded: lambda event: bridge.PhoneEnded(event.reason),
    }
)


class CallRunner:
    """Runs calls from their first event until every part of them is released."""

    def __init__(self, outside: CallPorts, times: CallTimes | None = None) -> None:
        self.desk = Desk()
        self._outside = outside
        self._times = times or CallTimes()
        self._journal = Chain("call journal")
        self._voice: dict[LegId, VoiceParameters] = {}
        self._timers: dict[CallId, asyncio.TimerHandle] = {}
        self._stopped_by: EndReason | None = None
        self._limits_s: Mapping[Limit, float] = {
            Limit.RING: self._times.ring_s,
            Limit.DIRECT_WINDOW: self._times.direct_window_s,
            Limit.SIGN_OFF: self._times.sign_off_s,
        }
        self._idle = asyncio.Event()
        self._idle.set()
        self._actions: Mapping[Command, Callable[[Call], None]] = {
            Command.POST_CARD: self._post_card,
            Command.RING_EMPLOYEE: lambda call: outside.phone.request(call.employee_leg_id, call.user_id),
            Command.ACCEPT_EMPLOYEE: lambda call: outside.phone.accept(call.employee_leg_id),
            Command.RENEW_EMPLOYEE: self._renew_employee,
            Command.OPEN_VOICE: self._open_voice,
            Command.RING_FAR: lambda call: outside.worker.send(link.RingPbx(call.far_leg_id)),
            Command.ANSWER_FAR: lambda call: outside.worker.send(link.AnswerPbx(call.far_leg_id)),
            Command.DIAL_FAR: self._dial_far,
            Command.CONNECT_AUDIO: lambda call: outside.worker.send(link.ConnectAudio(call.call_id)),
            Command.PLAY_RING_BACK: lambda call: self._play(call, link.Tone.RING_BACK),
            Command.PLAY_ENDING: lambda call: self._play(call, ENDING_TONE[_ending(call)]),
            Command.END_FAR: self._end_far,
            Command.END_PHONE: lambda call: outside.phone.end(
                call.employee_leg_id, DISCARD_REASON[_ending(call)]
            ),
            Command.END_VOICE: lambda call: outside.worker.send(link.CloseVoice(call.employee_leg_id)),
        }

    def begin(self, call: Call, first: bridge.Event) -> None:
        """Take in a new call with the event that made it; one that comes too late is ended at once."""
        self.desk.add(call)
        self._idle.clear()
        _log.info(
            "call_began",
            call_id=call.call_id,
            account_id=call.account_id,
            is_incoming=call.is_incoming,
            number=mask_number(call.number),
        )
        self.feed(call, first)
        if self._stopped_by is not None:
            self.feed(call, bridge.Stopped(self._stopped_by))

    def take_report(self, leg_id: LegId, report: reports.Event) -> None:
        """Take what the worker reports of a leg. Reports of legs that are over are dropped."""
        call = self.desk.of_leg(leg_id)
        if call is None:
            _log.debug("report_of_unknown_leg", leg_id=leg_id, report=type(report).__name__)
            return
        match report:
            case reports.PbxAnswered():
                call.codec = report.codec
            case reports.PbxEnded():
                call.sip_status = report.status
                call.retry_after_s = report.retry_after_s
            case reports.PbxPartyChanged():
                call.number, call.name = report.number, report.name
                self._outside.cards.update(call.call_id, call.card())
            case reports.VoiceConnected():
                self._note_engine(call)
            case reports.VoiceSignalled():
                self._outside.phone.signal(leg_id, report.payload)
            case reports.DialogStored():
                self._note_leg(call, leg_id, {"account_id": report.account_id, "dialog": report.dialog})
        self._translate(call, report, _FROM_WORKER)

    def take_figures(self, measured: reports.CallMeasured) -> None:
        """Keep what a call's legs measured; a call that had none leaves no trace."""
        legs = {"pbx": measured.pbx, "voice": measured.voice}
        figures = {side: leg for side, leg in legs.items() if leg is not None}
        _log.info("call_measured", call_id=measured.call_id, **msgspec.to_builtins(figures))
        if figures:
            self._journal.submit(lambda: self._outside.journal.call_measured(measured.call_id, figures))

    def take_description(self, description: reports.WorkerDescribed) -> None:
        """Take what the worker can do."""
        _log.info("worker_described", engines=description.engines)
        self._outside.engines.worker_has(description.engines)

    def take_phone_event(self, leg_id: LegId, event: ports.PhoneEvent) -> None:
        """Take what happened to the Telegram half of a leg."""
        call = self.desk.of_leg(leg_id)
        if call is None:
            _log.debug("phone_event_of_unknown_leg", leg_id=leg_id, phone_event=type(event).__name__)
            return
        if isinstance(event, ports.PhoneAnswered):
            self._voice[leg_id] = event.parameters
        elif isinstance(event, ports.PhoneSignalled):
            self._outside.worker.send(link.SignalVoice(leg_id, event.payload))
        elif isinstance(event, ports.PhoneEnded):
            call.retry_after_s = event.retry_after_s or call.retry_after_s
        elif isinstance(event, ports.PhoneCallOpened):
            self._note_leg(call, leg_id, {"phone_call": event.recovery})
        self._translate(call, event, _FROM_PHONE)

    def feed(self, call: Call, event: bridge.Event) -> None:
        """Let one call take one event, and do what it asks for."""
        before = call.state
        try:
            todo = call.advance(event, self._outside.clock())
        except UnexpectedEventError:
            _log.warning(
                "unexpected_event", call_id=call.call_id, state=before.value, event_name=type(event).__name__
            )
            return
        _log.info(
            "call_advanced",
            call_id=call.call_id,
            event_name=type(event).__name__,
            was=before.value,
            now=call.state.value,
        )
        for command in todo:
            self._actions[command](call)
        if call.state is not before:
            self._arm(call)
            self._outside.cards.update(call.call_id, call.card(), is_last=call.state is bridge.State.ENDED)
        if call.is_over and self.desk.get(call.call_id) is call:
            self._finish(call)

    async def settle(self) -> None:
        """Wait until the journal holds everything that has happened so far."""
        await self._journal.drain()

    async def close(self, reason: EndReason) -> None:
        """End every call and wait until all their parts are released and noted.

        Who loses patience may cancel it: what was to be noted by then is noted all the same.
        """
        self._stopped_by = reason
        for call in self.desk:
            self.feed(call, bridge.Stopped(reason))
        try:
            await self._idle.wait()
            await self._outside.cards.close()
        finally:
            for timer in self._timers.values():
                timer.cancel()
            await self._journal.close()

    def _translate(
        self, call: Call, happened: object, table: Mapping[type, Callable[[Any], bridge.Event]]
    ) -> None:
        translate = table.get(type(happened))
        if translate is not None:
            self.feed(call, translate(happened))

    def _post_card(self, call: Call) -> None:
        self._outside.cards.post(
            call.call_id, call.user_id, call.card(), lambda: self.feed(call, bridge.CardShown())
        )

    def _renew_employee(self, call: Call) -> None:
        """Let the Telegram call go whose voice failed; what still comes from it belongs to no call."""
        failed_leg_id = call.employee_leg_id
        self.desk.adopt_leg(call, self._outside.new_leg_id())
        self._outside.worker.send(link.CloseVoice(failed_leg_id))
        self._outside.phone.end(failed_leg_id, ports.DiscardReason.DISCONNECT)

    def _open_voice(self, call: Call) -> None:
        parameters = self._voice.pop(call.employee_leg_id)
        choice = self._outside.engines.choose(call.user_id, parameters, call.engine, self._outside.clock())
        call.engine = choice
        _log.info(
            "voice_engine_chosen", call_id=call.call_id, engine=choice.engine, reason=choice.reason.value
        )
        self._outside.worker.send(
            link.OpenVoice(call.call_id, call.employee_leg_id, parameters, choice.engine)
        )

    def _note_engine(self, call: Call) -> None:
        """Remember for this employee what connected after the other engine had not."""
        if call.engine is None:
            return
        remembered = self._outside.engines.connected(call.user_id, call.engine, self._outside.clock())
        if remembered is not None:
            self._journal.submit(lambda: self._outside.engine_store.keep_engine(call.user_id, remembered))

    def _dial_far(self, call: Call) -> None:
        self._outside.worker.send(link.DialPbx(call.call_id, call.far_leg_id, call.account_id, call.number))

    def _end_far(self, call: Call) -> None:
        refusal = SIP_REFUSAL[_ending(call)]
        self._outside.worker.send(
            link.EndPbx(call.far_leg_id, refusal.status, refusal.text, call.retry_after_s)
        )

    def _play(self, call: Call, tone: link.Tone) -> None:
        self._outside.worker.send(link.PlayTone(call.call_id, tone))

    def _arm(self, call: Call) -> None:
        """Start the clock of the state that a call has come into; the one of the state before is stopped."""
        running = self._timers.pop(call.call_id, None)
        if running is not None:
            running.cancel()
        limit = bridge.LIMITS.get(call.state)
        if limit is not None:
            self._timers[call.call_id] = asyncio.get_running_loop().call_later(
                self._limits_s[limit], self.feed, call, bridge.TimePassed()
            )

    def _note_leg(self, call: Call, leg_id: LegId, how_to_end: dict[str, Any]) -> None:
        note = {**how_to_end, "call": _summary(call)}
        self._journal.submit(lambda: self._outside.journal.leg_opened(call.call_id, leg_id, note))

    def _finish(self, call: Call) -> None:
        self.desk.remove(call)
        self._voice.pop(call.employee_leg_id, None)
        self._outside.worker.send(link.EndCall(call.call_id))
        record = _record(call)
        self._journal.submit(lambda: self._outside.journal.call_closed(record))
        _log.info(
            "call_ended",
            call_id=call.call_id,
            reason=record.end_reason.value,
            blame=record.end_reason.blame.value,
            duration_s=call.duration_s,
            engine=record.engine,
            engine_reason=record.engine_reason,
        )
        if not len(self.desk):
            self._idle.set()


def _ending(call: Call) -> EndReason:
    return call.end_reason or EndReason.INTERNAL_ERROR


def _summary(call: Call) -> dict[str, Any]:
    """What a restart needs to write the record of a call that this process cannot finish."""
    return {
        "account_id": call.account_id,
        "user_id": call.user_id,
        "number": call.number,
        "is_incoming": call.is_incoming,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        **_engine(call),
    }


def _record(call: Call) -> ports.CallRecord:
    return ports.CallRecord(
        call_id=call.call_id,
        account_id=call.account_id,
        user_id=call.user_id,
        is_incoming=call.is_incoming,
        number=call.number,
        started_at=call.started_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at if call.ended_at is not None else call.started_at,
        end_reason=_ending(call),
        codec=call.codec,
        sip_status=call.sip_status,
        **_engine(call),
    )


def _engine(call: Call) -> dict[str, str]:
    if call.engine is None:
        return {}
    return {"engine": call.engine.engine, "engine_reason": call.engine.reason.value}
