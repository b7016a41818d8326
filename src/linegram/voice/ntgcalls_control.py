"""Drives the native library where it may block: set-up, signalling, leaving. One thread for all calls.

The order of things is decided in `turns.py`; here it is carried out.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import ntgcalls
import structlog
from ntgcalls import AudioDescription, MediaDescription, MediaSource, RTCServer, StreamMode

from linegram.link.voice import VoiceParameters, VoiceServer
from linegram.outcomes import EndReason
from linegram.voice.inline_loop import call_inline_in_this_thread
from linegram.voice.turns import Feed, GiveUp, Join, Order, Silence, Stop, Turns

log = structlog.get_logger()

_IDLE_S: Final = 1.0
_NOTHING: Final = MediaDescription(None, None, None, None)


class ControlledLeg(Protocol):
    """What the control thread needs of a leg."""

    parameters: VoiceParameters
    sample_hz: int

    def report_connected(self) -> None:
        """Audio can flow."""

    def report_ended(self, reason: EndReason) -> None:
        """The library has no such call any more."""


def native_server(server: VoiceServer) -> Any:
    """Write one of Telegram's relays the way the library wants it.

    A reflector over TCP is tried over UDP: when the library leaves a call in which it used one over TCP, its
    process dies (all 7 that connected; 3 more died before). Left out it may not be: both ends number the
    reflectors alike.
    """
    place = (server.server_id, server.ip, server.ipv6, server.port)
    if server.is_reflector:
        return RTCServer(*place, None, None, True, False, False, server.peer_tag)
    credentials = (server.username or None, server.password or None)
    return RTCServer(*place, *credentials, server.is_turn, server.is_stun, False, None)


class ControlThread(threading.Thread):
    """Takes notes from the tick thread and the library's callbacks; makes every blocking call itself."""

    def __init__(self, native: Any) -> None:
        super().__init__(name="voice-control", daemon=True)
        self._native = native
        self._notes: queue.SimpleQueue[Callable[[float], None] | None] = queue.SimpleQueue()
        self._turns = Turns()
        self._legs: dict[int, ControlledLeg] = {}
        self.alive_at = time.monotonic()
        """When the thread last came back from the library; it looks round at least once a second."""

    def open(self, call: int, leg: ControlledLeg) -> None:
        """Join the call when its turn comes."""

        def note(now: float) -> None:
            self._legs[call] = leg
            self._turns.open(call, now)

        self._notes.put(note)

    def receive_signal(self, call: int, payload: bytes) -> None:
        """Hand signalling bytes to the call, now or when it joins."""
        self._notes.put(lambda _now: self._turns.receive_signal(call, payload))

    def leave(self, call: int) -> None:
        """Leave the call in two stages. Nothing may be pushed into it any more."""
        self._notes.put(lambda now: self._leave(call, now))

    def connection_changed(self, call: int, *, is_connected: bool) -> None:
        """Note what the library reported: connected, or gone."""
        act = self._connected if is_connected else self._gone
        self._notes.put(lambda now: act(call, now))

    def close(self, timeout_s: float) -> None:
        """Leave all calls and end the thread, but wait no longer than `timeout_s`."""

        def note(now: float) -> None:
            for call in list(self._legs):
                self._leave(call, now)

        self._notes.put(note)
        self._notes.put(None)
        self.join(timeout_s)

    def run(self) -> None:
        """Work until `close`, then until the last call is left."""
        call_inline_in_this_thread()
        is_closing = False
        while not (is_closing and self._turns.is_empty):
            note = self._next_note()
            self.alive_at = time.monotonic()
            if note is None:
                is_closing = True
            else:
                note(time.monotonic())
            self._turns.handle_timer(time.monotonic())
            self._carry_out_orders()

    def _next_note(self) -> Callable[[float], None] | None:
        due = self._turns.next_timer()
        wait_s = _IDLE_S if due is None else min(_IDLE_S, max(0.001, due - time.monotonic()))
        try:
            return self._notes.get(timeout=wait_s)
        except queue.Empty:
            return _nothing_noted

    def _carry_out_orders(self) -> None:
        while (order := self._turns.next_order()) is not None:
            try:
                self._carry_out(order)
            except (ntgcalls.BaseRTCException, RuntimeError, ValueError, TypeError) as error:
                self._failed(order, error)

    def _carry_out(self, order: Order) -> None:
        match order:
            case Join(call):
                self._join(call, self._legs[call])
            case Feed(call, payload):
                self._native.send_signaling_data(call, payload)
            case Silence(call):
                self._native.set_stream_sources(call, StreamMode.PLAYBACK, _NOTHING)
                self._native.set_stream_sources(call, StreamMode.CAPTURE, _NOTHING)
            case Stop(call):
                self._legs.pop(call, None)
                self._native.stop(call)
            case GiveUp(call):
                self._legs[call].report_ended(EndReason.VOICE_NOT_CONNECTED)

    def _join(self, call: int, leg: ControlledLeg) -> None:
        parameters = leg.parameters
        audio = AudioDescription(MediaSource.EXTERNAL, leg.sample_hz, 1, "", False)
        media = MediaDescription(audio, None, None, None)
        self._native.create_p2p_call(call)
        self._native.set_stream_sources(call, StreamMode.CAPTURE, media)
        self._native.set_stream_sources(call, StreamMode.PLAYBACK, media)
        self._native.skip_exchange(call, parameters.key, parameters.is_outgoing)
        self._native.connect_p2p(
            call,
            [native_server(server) for server in parameters.servers],
            list(parameters.versions),
            parameters.is_p2p_allowed,
            parameters.custom_parameters,
        )

    def _leave(self, call: int, now: float) -> None:
        self._turns.close(call, now)
        if not self._turns.knows(call):
            self._legs.pop(call, None)

    def _failed(self, order: Order, error: Exception) -> None:
        sentence = f"{type(error).__name__}: {error}"
        if not isinstance(order, Join):
            log.debug("voice_order_failed", order=type(order).__name__, error=sentence)
        else:
            log.warning("voice_join_failed", error=sentence)
            is_strange = isinstance(error, ntgcalls.SignalingUnsupported)
            reason = EndReason.NO_COMMON_VERSION if is_strange else EndReason.VOICE_NOT_CONNECTED
            self._legs[order.call].report_ended(reason)
            self._turns.close(order.call, time.monotonic())

    def _connected(self, call: int, now: float) -> None:
        if self._turns.connected(call, now):
            self._legs[call].report_connected()

    def _gone(self, call: int, now: float) -> None:
        leg = self._legs.pop(call, None)
        if self._turns.gone(call, now) and leg is not None:
            leg.report_ended(EndReason.VOICE_LOST)


def _nothing_noted(_now: float) -> None:
    """Stand in for a note when only time has passed."""
