"""The voice calls of one calling account over Telethon: the shell around `phone_call`.

It turns updates and answers into events, carries commands out, keeps the
timers, and decides nothing about a call.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from telethon import TelegramClient, events
from telethon.errors.rpcbaseerrors import RPCError
from telethon.tl import types
from telethon.tl.functions.phone import (
    AcceptCallRequest,
    ConfirmCallRequest,
    ReceivedCallRequest,
    RequestCallRequest,
    SendSignalingDataRequest,
)

from linegram.calls.ports import DiscardReason, PhoneSink
from linegram.errors import UnexpectedEventError
from linegram.outcomes import EndReason
from linegram.telegram import phone_events as on
from linegram.telegram.discards import Discards
from linegram.telegram.errors import is_answer_lost, refusal_of
from linegram.telegram.exchanges import Exchanges
from linegram.telegram.phone_call import PhoneCall
from linegram.telegram.phone_call_table import CallTimeouts
from linegram.telegram.phone_events import CallReference, Command, Event, Refusal, State
from linegram.telegram.phone_wire import PhoneProtocol, events_of, input_call, reference_of
from linegram.telegram.rpc import ask
from linegram.units import LegId, Seconds, TelegramUserId

log = structlog.get_logger()

_ASKING: Final = (State.REQUESTING, State.ABANDONED)
_LATE_ANSWER_S: Final = 300.0
_REMEMBERED_CALLS: Final = 512
_UNCLAIMED_CALLS: Final = 64
_LOST_CALL_RINGS_S: Final = 120.0


class _Leg:
    """One call and what the shell keeps beside it."""

    def __init__(self, call: PhoneCall, g_a_hash: bytes = b"") -> None:
        self.call = call
        self.g_a_hash = g_a_hash
        self.timer: asyncio.TimerHandle | None = None


class CallingAccountPhone:
    """Implements `calls.ports.TelegramPhone` for one connected calling account.

    `sink` gets the events in order, each in a turn of its own of the event
    loop: a method never calls it. The client's `sequential_updates` must be on.
    """

    def __init__(
        self,
        client: TelegramClient,
        sink: PhoneSink,
        *,
        protocol: PhoneProtocol = PhoneProtocol(),  # noqa: B008 - frozen
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._client = client
        self._sink = sink
        self._protocol = protocol
        self._timeouts = CallTimeouts()
        self._legs: dict[LegId, _Leg] = {}
        self._by_phone_call_id: dict[int, _Leg] = {}
        self._unclaimed: dict[int, list[Any]] = {}
        self._lost_until: dict[TelegramUserId, Seconds] = {}
        self._past: deque[int] = deque(maxlen=_REMEMBERED_CALLS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._discards = Discards(client)
        self._exchanges = Exchanges(client, random_bytes)
        kinds = (types.UpdatePhoneCall, types.UpdatePhoneCallSignalingData)
        client.add_event_handler(self._on_update, events.Raw(kinds))

    def offer(self, protocol: PhoneProtocol) -> None:
        """Offer this for the voice of the calls that begin from now on."""
        self._protocol = protocol

    async def prepare(self, timeouts: CallTimeouts) -> None:
        """Take the server's timers and fetch the group of the key exchange, so that calls start at once."""
        self._timeouts = timeouts
        await self._exchanges.prepare()

    async def close(self, within_s: float = 5.0) -> None:
        """End all calls and tell Telegram so; returns when it knows or the time is over."""
        self._client.remove_event_handler(self._on_update)
        for leg_id in list(self._legs):
            self.end(leg_id, DiscardReason.HANG_UP)
        await self._discards.close(within_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- TelegramPhone

    def request(self, leg_id: LegId, user_id: TelegramUserId) -> None:
        """Call an employee."""
        if leg_id not in self._legs:
            self._spawn(self._place(self._open(leg_id, user_id)), "phone_request")

    def accept(self, leg_id: LegId) -> None:
        """Accept a call that arrived."""
        leg = self._legs.get(leg_id)
        if leg is not None:
            self._spawn(self._accept(leg), "phone_accept")

    def end(self, leg_id: LegId, reason: DiscardReason) -> None:
        """Discard the call in whatever state it is; PhoneEnded follows if it was not over. Repeatable."""
        leg = self._legs.get(leg_id)
        if leg is not None:
            self._feed(leg, on.EndAsked(reason))

    def signal(self, leg_id: LegId, payload: bytes) -> None:
        """Send signalling bytes of the voice leg to the far end."""
        leg = self._legs.get(leg_id)
        if leg is not None:
            self._feed(leg, on.SignalAsked(payload))

    async def discard_stored(self, recovery: dict[str, Any]) -> None:
        """Discard a call that an earlier process left behind; a call that is gone already is fine.

        Raises UnavailableError if Telegram could not be told.
        """
        reference = CallReference(int(recovery["phone_call_id"]), int(recovery["access_hash"]))
        await self._discards.discard(on.DiscardCall(reference, DiscardReason.DISCONNECT, 0))

    # ---- calls out

    async def _place(self, leg: _Leg) -> None:
        try:
            self._peer(leg.call.user_id)
            exchange = await self._exchanges.caller()
        except Exception as error:
            log.warning("phone_request_failed", leg_id=leg.call.leg_id, error=repr(error))
            self._feed(leg, on.RequestRefused(_refusal_before(error)))
            return
        self._feed(leg, on.CallAsked(exchange))

    async def _request(self, leg: _Leg, command: on.RequestCall) -> None:
        try:
            peer = self._peer(leg.call.user_id)
            request = RequestCallRequest(peer, command.g_a_hash, self._protocol.as_tl(), video=False)
            answer = await ask(self._client, request, within_s=_LATE_ANSWER_S)
        except Exception as error:
            if leg.call.state in _ASKING:
                log.info("phone_call_refused", leg_id=leg.call.leg_id, error=repr(error))
                self._note_lost(leg, error)
                self._feed(leg, on.RequestRefused(_refusal_before(error)))
        else:
            self._granted(leg, answer.phone_call)
        if not self._is_asking():
            self._unclaimed.clear()

    def _note_lost(self, leg: _Leg, error: Exception) -> None:
        """Remember that Telegram may ring the employee for a request whose answer we never saw."""
        if is_answer_lost(error):
            self._lost_until[leg.call.user_id] = Seconds(self._now() + _LOST_CALL_RINGS_S)

    def _granted(self, leg: _Leg, phone_call: Any) -> None:
        if leg.call.state in _ASKING:
            self._claim(leg, reference_of(phone_call))
        for event in events_of(phone_call, self._protocol):
            self._feed(leg, event)

    def _claim(self, leg: _Leg, reference: CallReference) -> None:
        """Give a leg its Telegram call, and what was heard of that call before its name was known."""
        self._feed(leg, on.RequestGranted(reference))
        for update in self._unclaimed.pop(reference.phone_call_id, []):
            self._take(update)

    def _peer(self, user_id: TelegramUserId) -> types.InputUser:
        """Return our own right to address an employee; raises KeyError for one whom we have never seen.

        No look-up is made for it: those are what Telegram limits most.
        """
        try:
            peer = self._client.session.get_input_entity(user_id)
        except ValueError:
            raise KeyError(user_id) from None
        return types.InputUser(peer.user_id, peer.access_hash)

    # ---- calls in

    def _arrive(self, phone_call: types.PhoneCallRequested) -> None:
        if phone_call.id in self._past:
            return
        leg_id = LegId(f"phone-{phone_call.id}")
        leg = self._open(leg_id, TelegramUserId(phone_call.admin_id), phone_call.g_a_hash)
        self._feed(leg, on.CallOffered(reference_of(phone_call)))

    async def _accept(self, leg: _Leg) -> None:
        try:
            exchange = await self._exchanges.callee(leg.g_a_hash)
        except Exception as error:
            log.warning("phone_accept_failed", leg_id=leg.call.leg_id, error=repr(error))
            self._feed(leg, on.StepRefused(refusal_of(error)))
            return
        self._feed(leg, on.AcceptAsked(exchange))

    # ---- updates

    async def _on_update(self, update: Any) -> None:
        # No await in here: updates are taken in the order in which they came.
        self._take(update)

    def _take(self, update: Any) -> None:
        is_signal = isinstance(update, types.UpdatePhoneCallSignalingData)
        phone_call_id = update.phone_call_id if is_signal else update.phone_call.id
        leg = self._by_phone_call_id.get(phone_call_id)
        if leg is not None:
            happened = (
                [on.SignalArrived(update.data)] if is_signal else events_of(update.phone_call, self._protocol)
            )
            for event in happened:
                self._feed(leg, event)
        elif not is_signal and isinstance(update.phone_call, types.PhoneCallRequested):
            self._arrive(update.phone_call)
        elif not self._adopt(update) and self._is_asking() and len(self._unclaimed) < _UNCLAIMED_CALLS:
            self._unclaimed.setdefault(phone_call_id, []).append(update)

    def _adopt(self, update: Any) -> bool:
        """Recognise our own call by its callee while the answer that names it is late or lost."""
        phone_call = getattr(update, "phone_call", None)
        if not isinstance(phone_call, types.PhoneCallWaiting | types.PhoneCallAccepted):
            return False
        user_id = TelegramUserId(phone_call.participant_id)
        legs = (
            leg for leg in self._legs.values() if leg.call.user_id == user_id and leg.call.state in _ASKING
        )
        leg = next(legs, None)
        if leg is not None:
            self._granted(leg, phone_call)
        elif self._lost_until.get(user_id, 0.0) > self._now():
            # Nobody waits for this call any more.
            self._discards.start(on.DiscardCall(reference_of(phone_call), DiscardReason.DISCONNECT, 0))
        else:
            return False
        return True

    def _is_asking(self) -> bool:
        return any(leg.call.state in _ASKING for leg in self._legs.values())

    # ---- the machine

    def _open(self, leg_id: LegId, user_id: TelegramUserId, g_a_hash: bytes = b"") -> _Leg:
        leg = _Leg(PhoneCall(leg_id, user_id, self._timeouts, self._now()), g_a_hash)
        self._legs[leg_id] = leg
        self._arm(leg)
        return leg

    def _feed(self, leg: _Leg, event: Event) -> None:
        try:
            commands = leg.call.handle(event, self._now())
        except UnexpectedEventError as unexpected:
            log.warning("phone_event_out_of_turn", leg_id=leg.call.leg_id, problem=type(event).__name__)
            log.debug("phone_event_out_of_turn_state", state=repr(unexpected.state))
            return
        reference = leg.call.reference
        if reference is not None:
            self._by_phone_call_id[reference.phone_call_id] = leg
        for command in commands:
            self._carry_out(leg, command)
        self._arm(leg)
        if leg.call.is_over:
            self._forget(leg)

    def _forget(self, leg: _Leg) -> None:
        self._legs.pop(leg.call.leg_id, None)
        if leg.call.reference is not None:
            self._by_phone_call_id.pop(leg.call.reference.phone_call_id, None)
            self._past.append(leg.call.reference.phone_call_id)

    def _arm(self, leg: _Leg) -> None:
        if leg.timer is not None:
            leg.timer.cancel()
        leg.timer = None
        if leg.call.deadline is not None:
            loop = asyncio.get_running_loop()
            leg.timer = loop.call_at(leg.call.deadline, self._feed, leg, on.DeadlinePassed())

    def _now(self) -> Seconds:
        return Seconds(asyncio.get_running_loop().time())

    # ---- commands

    def _carry_out(self, leg: _Leg, command: Command) -> None:
        protocol = self._protocol.as_tl()
        match command:
            case on.Tell(event):
                asyncio.get_running_loop().call_soon(self._sink, event)
            case on.RequestCall():
                self._spawn(self._request(leg, command), "phone_request_call")
            case on.ReceiveCall(reference):
                self._step(leg, ReceivedCallRequest(input_call(reference)), is_needed=False)
            case on.AcceptCall(reference, g_b):
                self._step(leg, AcceptCallRequest(input_call(reference), g_b, protocol))
            case on.ConfirmCall(reference, g_a, fingerprint):
                self._step(leg, ConfirmCallRequest(input_call(reference), g_a, fingerprint, protocol))
            case on.SendSignal(reference, payload):
                self._step(leg, SendSignalingDataRequest(input_call(reference), payload), is_needed=False)
            case on.DiscardCall():
                self._discards.start(command)

    def _step(self, leg: _Leg, request: Any, *, is_needed: bool = True) -> None:
        self._spawn(self._take_step(leg, request, is_needed=is_needed), type(request).__name__)

    async def _take_step(self, leg: _Leg, request: Any, *, is_needed: bool) -> None:
        """Make a request of a call; the call fails with it if it is needed, or if the call is gone."""
        try:
            answer = await ask(self._client, request)
        except Exception as error:
            refusal = refusal_of(error)
            name = type(request).__name__
            log.info("phone_step_refused", leg_id=leg.call.leg_id, step=name, error=repr(error))
            if is_needed or refusal.is_gone:
                self._feed(leg, on.StepRefused(refusal))
            return
        # The waiting call that acceptCall returns says nothing new.
        phone_call = getattr(answer, "phone_call", None)
        if isinstance(phone_call, types.PhoneCall | types.PhoneCallDiscarded):
            for event in events_of(phone_call, self._protocol):
                self._feed(leg, event)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _refusal_before(error: Exception) -> Refusal:
    """Say what a failure before or in phone.requestCall means."""
    if isinstance(error, KeyError) and not isinstance(error, RPCError):
        return Refusal(EndReason.EMPLOYEE_UNKNOWN)
    return refusal_of(error)
