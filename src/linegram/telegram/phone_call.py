"""One Telegram call's signalling, for both roles, as a table. Pure: time and randomness are passed in.

The shell (`phone.py`) feeds events in, carries the commands out and wakes the
machine at its `deadline`. However a call goes, the hub hears of exactly one
PhoneEnded, and Telegram of exactly one discard if it knew of the call and did
not end it itself.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from linegram.calls.ports import (
    DiscardReason,
    PhoneAnswered,
    PhoneCallArrived,
    PhoneCallOpened,
    PhoneEnded,
    PhoneRinging,
    PhoneSignalled,
)
from linegram.errors import RemoteProtocolError, UnexpectedEventError
from linegram.link.voice import VoiceParameters
from linegram.outcomes import EndReason
from linegram.telegram import phone_events as on
from linegram.telegram.endings import ASKED_ENDINGS, EXPIRED, PEER_ENDINGS
from linegram.telegram.key_exchange import CalleeExchange, CallerExchange, CallKey
from linegram.telegram.phone_call_table import TIMERS, TRANSITIONS, CallTimeouts, Step
from linegram.telegram.phone_events import CallReference, Command, Event, Refusal, State
from linegram.units import LegId, Seconds, TelegramUserId

EARLY_SIGNALS: Final = 256
"""How many signalling payloads wait for PhoneAnswered; a talkative peer loses what is beyond."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """How the hub and Telegram are told of an ending."""

    reason: EndReason
    discard: DiscardReason
    retry_after_s: int | None = None


class PhoneCall:
    """The state machine of one call with one employee."""

    def __init__(self, leg_id: LegId, user_id: TelegramUserId, timeouts: CallTimeouts, now: Seconds) -> None:
        self.leg_id = leg_id
        self.user_id = user_id
        self.state = State.NEW
        self.reference: CallReference | None = None
        self.deadline: Seconds | None = Seconds(now + timeouts.receive_s)
        self._timeouts = timeouts
        self._exchange: CallerExchange | CalleeExchange | None = None
        self._key: CallKey | None = None
        self._ready_at: Seconds | None = None
        self._has_retried = False
        self._late_reason = DiscardReason.DISCONNECT
        self._early: list[bytes] = []

    @property
    def is_over(self) -> bool:
        """Nothing more is to be done for this call."""
        return self.state is State.ENDED

    def handle(self, event: Event, now: Seconds) -> list[Command]:
        """Take one event; returns what is to be done, in order.

        Raises UnexpectedEventError, and changes nothing, if the state has no row for the event.
        """
        event = self._examine(event)
        row = TRANSITIONS.get((self.state, type(event)))
        if row is None:
            raise UnexpectedEventError(self.state, event)
        self._note(event)
        commands = [command for step in row.steps for command in _STEPS[step](self, event, now)]
        self._enter(row.next_state, now)
        return commands

    # ---- what depends on more than the state becomes an event of its own

    def _examine(self, event: Event) -> Event:
        match event:
            case on.RequestRefused(refusal) if refusal.may_retry and not self._has_retried:
                return on.RequestRefusedOnce(refusal)
            case on.StepRefused(refusal) if refusal.reason is EndReason.ANSWERED_ELSEWHERE:
                return on.CallTaken(refusal)
            case on.StepRefused(refusal) if refusal.is_gone and self.state is State.READY:
                # The news of the hang-up was lost, on a broken connection for instance.
                return on.PeerDiscarded(on.PeerReason.NONE)
            case on.PeerAccepted() if self.state in {State.WAITING, State.RINGING}:
                return self._examine_key(event)
            case on.CallEstablished() if self.state in {State.CONFIRMING, State.ACCEPTING, State.DOUBTED}:
                if not event.terms.versions:
                    return on.StepRefused(Refusal(EndReason.NO_COMMON_VERSION))
                return self._examine_key(event)
            case _:
                return event

    def _examine_key(self, event: on.PeerAccepted | on.CallEstablished) -> Event:
        try:
            self._key = self._agreed_key(event)
        except RemoteProtocolError as problem:
            return on.KeyRejected(str(problem))
        return event

    def _agreed_key(self, event: on.PeerAccepted | on.CallEstablished) -> CallKey | None:
        match self._exchange, event:
            case CallerExchange() as exchange, on.PeerAccepted(g_b):
                return exchange.agree(g_b)
            case CalleeExchange() as exchange, on.CallEstablished(g_a, fingerprint):
                return exchange.agree(g_a, fingerprint)
            case _, on.CallEstablished() if self._key and event.key_fingerprint != self._key.fingerprint:
                raise RemoteProtocolError("Telegram reports another key than ours")
            case _:
                return self._key

    def _note(self, event: Event) -> None:
        match event:
            case on.CallAsked(exchange) | on.AcceptAsked(exchange) if self._exchange is None:
                self._exchange = exchange
            case on.RequestGranted(reference) | on.CallOffered(reference):
                self.reference = reference
            case on.RequestRefusedOnce():
                self._has_retried = True
            case on.EndAsked(reason) if self.state is State.REQUESTING:
                self._late_reason = reason
            case _:
                pass

    def _enter(self, state: State, now: Seconds) -> None:
        if state is self.state:
            return
        self.state = state
        timer = TIMERS.get(state)
        self.deadline = None if timer is None else Seconds(now + timer(self._timeouts))
        if state is State.READY:
            self._ready_at = now
            self._early.clear()

    # ---- steps

    def _request(self, _event: Event, _now: Seconds) -> Iterable[Command]:
        if isinstance(self._exchange, CallerExchange):
            yield on.RequestCall(self._exchange.g_a_hash)

    def _receive(self, _event: Event, _now: Seconds) -> Iterable[Command]:
        yield on.ReceiveCall(self._known)

    def _accept(self, _event: Event, _now: Seconds) -> Iterable[Command]:
        if isinstance(self._exchange, CalleeExchange):
            yield on.AcceptCall(self._known, self._exchange.g_b)

    def _confirm(self, _event: Event, _now: Seconds) -> Iterable[Command]:
        if isinstance(self._exchange, CallerExchange) and self._key is not None:
            yield on.ConfirmCall(self._known, self._exchange.g_a, self._key.fingerprint)

    def _discard(self, event: Event, now: Seconds) -> Iterable[Command]:
        duration_s = 0 if self._ready_at is None else int(now - self._ready_at)
        yield on.DiscardCall(self._known, self._ending(event).discard, duration_s)

    def _discard_late(self, _event: Event, _now: Seconds) -> Iterable[Command]:
        yield on.DiscardCall(self._known, self._late_reason, 0)

    def _send_signal(self, event: Event, _now: Seconds) -> Iterable[Command]:
        if isinstance(event, on.SignalAsked):
            yield on.SendSignal(self._known, event.payload)

    def _keep_signal(self, event: Event, _now: Seconds) -> Iterable[Command]:
        if isinstance(event, on.SignalArrived) and len(self._early) < EARLY_SIGNALS:
            self._early.append(event.payload)
        return ()

    def _tell_signal(self, event: Event, _now: Seconds) -> Iterable[Command]:
        if isinstance(event, on.SignalArrived):
            yield on.Tell(PhoneSignalled(self.leg_id, event.payload))

    def _tell_arrived(self, _event: Event, _now: Seconds) -> Iterable[Command]:
        yield on.Tell(PhoneCallArrived(self.leg_id, self.user_id))

    def _tell_opened(self, _event: Event, _now: Seconds) -> Iterable[Command]:
        recovery = {"phone_call_id": self._known.phone_call_id, "access_hash": self._known.access_hash}
        yield on.Tell(PhoneCallOpened(self.leg_id, recovery))

    def _tell_ringing(self, _event: Event, _now: Seconds) -> Iterable[Command]:
        yield on.Tell(PhoneRinging(self.leg_id))

    def _tell_answered(self, event: Event, _now: Seconds) -> Iterable[Command]:
        if not isinstance(event, on.CallEstablished) or self._key is None:
            return
        parameters = VoiceParameters(
            key=self._key.key,
            is_outgoing=isinstance(self._exchange, CallerExchange),
            versions=event.terms.versions,
            servers=event.terms.servers,
            is_p2p_allowed=event.terms.is_p2p_allowed,
            custom_parameters=event.terms.custom_parameters,
        )
        yield on.Tell(PhoneAnswered(self.leg_id, parameters))
        for payload in self._early:
            yield on.Tell(PhoneSignalled(self.leg_id, payload))

    def _tell_ended(self, event: Event, _now: Seconds) -> Iterable[Command]:
        ending = self._ending(event)
        yield on.Tell(PhoneEnded(self.leg_id, ending.reason, ending.retry_after_s))

    # ---- endings

    def _ending(self, event: Event) -> _Ending:
        match event:
            case on.PeerDiscarded(reason):
                return _Ending(PEER_ENDINGS[self.state][reason], DiscardReason.HANG_UP)
            case on.EndAsked(reason):
                return _Ending(ASKED_ENDINGS[self.state][reason], reason)
            case on.DeadlinePassed():
                return _Ending(*EXPIRED[self.state])
            case on.RequestRefused(refusal) | on.StepRefused(refusal) | on.CallTaken(refusal):
                return _Ending(refusal.reason, DiscardReason.DISCONNECT, refusal.retry_after_s)
            case _:
                return _Ending(EndReason.KEY_MISMATCH, DiscardReason.DISCONNECT)

    @property
    def _known(self) -> CallReference:
        """Telegram's name of the call, which every step that uses it has by then."""
        if self.reference is None:
            raise UnexpectedEventError(self.state, "a call that Telegram does not know")
        return self.reference


_STEPS: Final[Mapping[Step, Callable[[PhoneCall, Event, Seconds], Iterable[Command]]]] = MappingProxyType(
    {step: getattr(PhoneCall, f"_{step.value}") for step in Step}
)
