"""The process in which ntgcalls speaks for one employee: `python -m linegram.sandbox.employee_voice RATE`.

One call at a time. ntgcalls can take its process down, and leaving a live call to interpreter shutdown
aborts: hence a process of its own, left by os._exit.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import ntgcalls
from ntgcalls import (
    AudioDescription,
    ConnectionState,
    DhConfig,
    MediaDescription,
    MediaSource,
    NTgCalls,
    RTCServer,
    StreamMode,
)

from linegram.sandbox.employee_hearing import Hearing
from linegram.sandbox.employee_sounds import Pcm, Tone
from linegram.sandbox.employee_speaking import FramePump
from linegram.sandbox.employee_voice_messages import (
    Agree,
    Answered,
    Asked,
    Begin,
    BlockHeard,
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

SETTLE_S = 0.1


class Voice:
    """One ntgcalls engine and the call that it carries."""

    def __init__(self, rate_hz: int, report: Callable[[Report], None]) -> None:
        self._rate_hz = rate_hz
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._phone_call_id = 0
        self._is_begun = False
        self._hearing = Hearing(rate_hz, self._heard)
        self._engine = NTgCalls()
        self._engine.on_signaling_data(self._signalled)
        self._engine.on_connection_change(self._connection_changed)
        self._engine.on_frames(self._hearing.take)
        self._pump = FramePump(self._engine, rate_hz)
        self._pump.start()

    # ---- callbacks, on threads of ntgcalls

    def _signalled(self, _phone_call_id: int, body: bytes) -> None:
        self._loop.call_soon_threadsafe(self._report, Signalled(bytes(body)))

    def _heard(self, block: BlockHeard) -> None:
        self._loop.call_soon_threadsafe(self._report, block)

    def _connection_changed(self, _phone_call_id: int, info: Any) -> None:
        if info.state in (ConnectionState.TIMEOUT, ConnectionState.FAILED, ConnectionState.CLOSED):
            self._pump.stop_call()
        self._loop.call_soon_threadsafe(self._report, StateChanged(info.state.name))

    # ---- commands

    async def carry_out(self, asked: Asked) -> Answered:
        """Do what a command says; an error becomes the answer's failure text."""
        try:
            return await self._carry_out(asked.number, asked.command)
        except (ntgcalls.BaseRTCException, RuntimeError, ValueError) as error:
            return Answered(asked.number, failure=f"{type(error).__name__}: {error}")

    async def _carry_out(self, number: int, command: Command) -> Answered:
        match command:
            case Begin():
                return Answered(number, body=await self._begin(command))
            case Agree():
                agreed = await self._engine.exchange_keys(
                    self._phone_call_id, command.g_a_or_b, command.key_fingerprint
                )
                return Answered(number, body=bytes(agreed.g_a_or_b), key_fingerprint=agreed.key_fingerprint)
            case Connect():
                await self._connect(command)
            case Signal():
                await self._engine.send_signaling_data(self._phone_call_id, command.body)
            case PlayTone():
                self._pump.say(Tone(self._rate_hz, command.frequency_hz, command.level))
            case PlayPcm():
                said_at_s = await asyncio.wrap_future(self._pump.say(Pcm(self._rate_hz, command.pcm)))
                return Answered(number, times_s=(said_at_s,))
            case FetchHeard():
                pcm, times_s = self._hearing.all()
                return Answered(number, body=pcm, times_s=times_s)
            case End():
                await self._end()
        return Answered(number)

    async def _begin(self, command: Begin) -> bytes:
        await self._end()
        self._phone_call_id += 1
        self._is_begun = True
        self._hearing.clear()
        audio = AudioDescription(MediaSource.EXTERNAL, self._rate_hz, 1, "", False)
        media = MediaDescription(audio, None, None, None)
        await self._engine.create_p2p_call(self._phone_call_id)
        await self._engine.set_stream_sources(self._phone_call_id, StreamMode.CAPTURE, media)
        await self._engine.set_stream_sources(self._phone_call_id, StreamMode.PLAYBACK, media)
        given = command.parameters
        half = await self._engine.init_exchange(
            self._phone_call_id, DhConfig(given.g, given.p, given.random), command.g_a_hash
        )
        return bytes(half)

    async def _connect(self, command: Connect) -> None:
        await self._engine.connect_p2p(
            self._phone_call_id,
            [_rtc_server(server) for server in command.servers],
            list(command.versions),
            command.is_p2p_allowed,
            command.custom_parameters,
        )
        self._pump.start_call(self._phone_call_id)

    async def _end(self) -> None:
        """Take the sources away, let the native threads settle, then stop: a plain stop can crash."""
        if not self._is_begun:
            return
        self._is_begun = False
        self._pump.stop_call()
        nothing = MediaDescription(None, None, None, None)
        try:
            await self._engine.set_stream_sources(self._phone_call_id, StreamMode.PLAYBACK, nothing)
            await self._engine.set_stream_sources(self._phone_call_id, StreamMode.CAPTURE, nothing)
            await asyncio.sleep(SETTLE_S)
            await self._engine.stop(self._phone_call_id)
        except ntgcalls.ConnectionNotFound:
            pass


def _rtc_server(server: RelayServer) -> Any:
    return RTCServer(
        server.server_id,
        server.ip,
        server.ipv6,
        server.port,
        server.username or None,
        server.password or None,
        server.is_turn,
        server.is_stun,
        server.is_tcp,
        server.peer_tag,
    )


def main() -> None:
    """Run the process."""
    protocol = NTgCalls.get_protocol()
    ready = Ready(protocol.min_layer, protocol.max_layer, tuple(protocol.library_versions))
    run_voice_process(Voice, ready)


if __name__ == "__main__":
    main()
