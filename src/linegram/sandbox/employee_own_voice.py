"""An employee's voice where ntgcalls is not installed: `python -m linegram.sandbox.employee_own_voice RATE`.

Speaks by Linegram's own engine, so a call with it proves less: both ends are the same code. One call at a
time, one task that moves 20 ms of sound when they are due.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from linegram.errors import LinegramError
from linegram.link.voice import VoiceParameters, VoiceServer
from linegram.outcomes import EndReason
from linegram.sandbox.employee_hearing import Hearing
from linegram.sandbox.employee_sounds import Pcm, Sound, Tone
from linegram.sandbox.employee_voice_messages import (
    Agree,
    Answered,
    Asked,
    Begin,
    Command,
    Connect,
    End,
    FetchHeard,
    PlayPcm,
    PlayTone,
    Ready,
    RelayServer,
    Report,
    Signal,
    Signalled,
    StateChanged,
)
from linegram.sandbox.employee_voice_serving import run_voice_process
from linegram.telegram.key_exchange import SECRET_BYTES, CalleeExchange, CallerExchange, checked_group
from linegram.telegram.phone_wire import PhoneProtocol
from linegram.voice.engine import VoiceEvent, VoiceLeg, VoiceSignal, VoiceState, VoiceStateChanged
from linegram.voice.own.engine import OwnEngine

TICK_S: Final = 0.02
_MOST_LATE_S: Final = 0.2


class OwnVoice:
    """One engine of our own and the call that it carries."""

    def __init__(self, rate_hz: int, report: Callable[[Report], None]) -> None:
        self._rate_hz = rate_hz
        self._report = report
        self._engine = OwnEngine()
        self._hearing = Hearing(rate_hz, report)
        self._sound: Sound = Tone(rate_hz, 0.0)
        self._exchange: CallerExchange | CalleeExchange | None = None
        self._key = b""
        self._early: list[bytes] = []
        self._leg: VoiceLeg | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def carry_out(self, asked: Asked) -> Answered:
        """Do what a command says; an error becomes the answer's failure text."""
        try:
            return self._carry_out(asked.number, asked.command)
        except LinegramError as error:
            return Answered(asked.number, failure=f"{type(error).__name__}: {error}")

    def _carry_out(self, number: int, command: Command) -> Answered:
        match command:
            case Begin():
                return Answered(number, body=self._begin(command))
            case Agree():
                return self._agree(number, command)
            case Connect():
                self._connect(command)
            case Signal(body):
                self._signal(body)
            case PlayTone(frequency_hz, level):
                self._sound = Tone(self._rate_hz, frequency_hz, level)
            case PlayPcm(pcm):
                self._sound = Pcm(self._rate_hz, pcm)
                return Answered(number, times_s=(time.monotonic(),))
            case FetchHeard():
                pcm, times_s = self._hearing.all()
                return Answered(number, body=pcm, times_s=times_s)
            case End():
                self._end()
        return Answered(number)

    def _begin(self, command: Begin) -> bytes:
        self._end()
        self._hearing.clear()
        group = checked_group(command.parameters.g, command.parameters.p)
        secret = secrets.token_bytes(SECRET_BYTES)
        if command.g_a_hash is None:
            caller = self._exchange = CallerExchange(group, secret)
            return caller.g_a_hash
        callee = self._exchange = CalleeExchange(group, secret, command.g_a_hash)
        return callee.g_b

    def _agree(self, number: int, command: Agree) -> Answered:
        match self._exchange:
            case CallerExchange() as caller:
                key = caller.agree(command.g_a_or_b)
                self._key = key.key
                return Answered(number, body=caller.g_a, key_fingerprint=key.fingerprint)
            case CalleeExchange() as callee:
                self._key = callee.agree(command.g_a_or_b, command.key_fingerprint).key
                return Answered(number)
            case None:
                return Answered(number, failure="no call was begun")

    def _connect(self, command: Connect) -> None:
        parameters = VoiceParameters(
            key=self._key,
            is_outgoing=isinstance(self._exchange, CallerExchange),
            versions=command.versions,
            servers=tuple(_server(server) for server in command.servers),
            is_p2p_allowed=command.is_p2p_allowed,
            custom_parameters=command.custom_parameters,
        )
        self._leg = self._engine.open(parameters, self._rate_hz)
        early, self._early = self._early, []
        for body in early:
            self._leg.receive_signal(body)
        self._ticking = asyncio.create_task(self._tick_on(self._leg), name="employee voice tick")

    def _signal(self, body: bytes) -> None:
        if self._leg is None:
            self._early.append(body)
        else:
            self._leg.receive_signal(body)
            self._tell(self._leg)

    def _end(self) -> None:
        leg, self._leg = self._leg, None
        self._early.clear()
        if self._ticking is not None:
            self._ticking.cancel()
        if leg is not None:
            leg.close()

    async def _tick_on(self, leg: VoiceLeg) -> None:
        due_s = time.monotonic()
        while self._leg is leg:
            now = time.monotonic()
            leg.push(np.frombuffer(self._sound.frame() + self._sound.frame(), "<i2"))
            heard = leg.pull().tobytes()
            self._hearing.keep(heard[: len(heard) // 2])
            self._hearing.keep(heard[len(heard) // 2 :])
            leg.handle_timer(now)
            self._tell(leg)
            due_s = max(due_s + TICK_S, now - _MOST_LATE_S)
            await asyncio.sleep(due_s - time.monotonic())

    def _tell(self, leg: VoiceLeg) -> None:
        while self._leg is leg and (event := leg.next_event()) is not None:
            self._tell_of(event)

    def _tell_of(self, event: VoiceEvent) -> None:
        match event:
            case VoiceSignal(payload):
                self._report(Signalled(payload))
            case VoiceStateChanged(state, reason):
                self._report(StateChanged(_state_name(state, reason)))
            case _:
                pass


def _state_name(state: VoiceState, reason: EndReason | None) -> str:
    """Give a state the name that ntgcalls has for it."""
    if state is not VoiceState.ENDED:
        return state.name
    return "TIMEOUT" if reason is EndReason.VOICE_NOT_CONNECTED else "FAILED"


def _server(server: RelayServer) -> VoiceServer:
    named = {
        name: getattr(server, name) for name in ("server_id", "ip", "ipv6", "port", "is_turn", "is_stun")
    }
    return msgspec.structs.replace(
        VoiceServer(**named),
        username=server.username,
        password=server.password,
        peer_tag=server.peer_tag or b"",
        is_reflector=server.peer_tag is not None,
        is_tcp=server.is_tcp,
    )


def main() -> None:
    """Run the process."""
    offered = PhoneProtocol()
    run_voice_process(OwnVoice, Ready(offered.min_layer, offered.max_layer, offered.versions))


if __name__ == "__main__":
    main()
