"""The worker's media hosts: which call is where, what it was told, what of it is lost with a dead host.

What the agent asks goes to the host of the call; what happens there goes to
the sink, in the event loop's thread. Audio never comes here.

A host runs one voice engine. A call whose voice needs the other engine moves
to a host of that: its PBX legs are opened there anew on the same ports.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec
import structlog

from linegram.agent.host_answers import HostAnswers
from linegram.agent.host_fleet import FleetSettings, HostFleet
from linegram.agent.host_process import HostProcess
from linegram.agent.leg_ports import LegPorts
from linegram.agent.placed_call import EndedCalls, PlacedCall
from linegram.agent.rtp_ports import REST_S, RtpPorts
from linegram.errors import UnavailableError
from linegram.link.commands import (
    CloseVoice,
    ConnectAudio,
    EndCall,
    OpenVoice,
    PlayTone,
    SignalVoice,
    Tone,
)
from linegram.link.events import CallMeasured, DigitReceived, VoiceConnected, VoiceEnded, VoiceSignalled
from linegram.link.voice import VoiceParameters
from linegram.media.control import (
    ClosePbxLeg,
    ConnectPbxLeg,
    HostBeat,
    HostCommand,
    HostEvent,
    LocalMedia,
    MediaSilent,
    OpenPbxLeg,
    PbxLegOpened,
    PortRefused,
    PressDigits,
    RemoteMedia,
)
from linegram.units import CallId, LegId

log = structlog.get_logger()

_PORT_TRIES: Final = 50


class HostDied(msgspec.Struct, frozen=True, tag=True):
    """A media host is gone and took the audio of these calls with it."""

    call_ids: tuple[CallId, ...]


PoolEvent: TypeAlias = (
    VoiceSignalled | VoiceConnected | VoiceEnded | DigitReceived | CallMeasured | MediaSilent | HostDied
)


class HostPoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many hosts there may be, and where RTP is received.

    `announced_ip` goes into SDP where the bound address is not the one that the PBX sees; empty means the
    bound one, be it the wildcard: who asked knows the way to his PBX. `fleet` are the hosts of the usual
    voice engine; `other_fleets` those of other engines, started when a call first asks for one.
    """

    bind_ip: str = "0.0.0.0"
    announced_ip: str = ""
    first_rtp_port: int = 16384
    last_rtp_port: int = 32767
    port_rest_s: float = REST_S
    fleet: FleetSettings = FleetSettings()
    other_fleets: tuple[FleetSettings, ...] = ()


class HostPool:
    """Carries the audio of calls. Commands about unknown or ended calls and legs are ignored."""

    def __init__(
        self,
        settings: HostPoolSettings,
        sink: Callable[[PoolEvent], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ValueError when the port range holds no pair."""
        self._settings = settings
        self._sink = sink
        ports = RtpPorts(settings.first_rtp_port, settings.last_rtp_port, settings.port_rest_s)
        self._ports = LegPorts(ports, settings.announced_ip or settings.bind_ip, clock)
        self._fleets = {
            fleet.host.engine: HostFleet(fleet, self._take, self._died)
            for fleet in (settings.fleet, *settings.other_fleets)
        }
        self._usual_engine = settings.fleet.host.engine
        self._calls: dict[CallId, PlacedCall] = {}
        self._call_of_leg: dict[LegId, CallId] = {}
        self._opened: HostAnswers[LegId, PbxLegOpened | PortRefused] = HostAnswers()
        self._freed: HostAnswers[CallId, CallMeasured] = HostAnswers()
        self._unmeasured: dict[CallId, HostProcess] = {}
        self._lost: set[CallId] = set()
        self._ended = EndedCalls()

    # -- the pool itself

    async def start(self) -> None:
        """Start the spare hosts of the usual engine and wait for them.

        Raises UnavailableError with a sentence when none can work on this machine.
        """
        await self._fleets[self._usual_engine].start()

    async def close(self) -> None:
        """End all hosts, calls included."""
        await asyncio.gather(*(fleet.close() for fleet in self._fleets.values()))

    @property
    def capacity(self) -> int:
        """How many calls fit."""
        return self._settings.fleet.calls_per_host * self._settings.fleet.most_hosts

    @property
    def call_count(self) -> int:
        """How many calls are carried now."""
        return len(self._calls)

    @property
    def beats(self) -> dict[int, HostBeat]:
        """The last heartbeat of every host, by process id."""
        return {host.pid: host.last_beat for host in self._hosts() if host.last_beat is not None}

    @property
    def host_pids(self) -> tuple[int, ...]:
        """The process ids of the hosts that can take or carry calls."""
        return tuple(host.pid for host in self._hosts())

    def host_pid_of(self, call_id: CallId) -> int | None:
        """The process id of a call's host."""
        call = self._calls.get(call_id)
        return call.host.pid if call is not None else None

    # -- PBX legs

    async def open_pbx_leg(self, call_id: CallId, leg_id: LegId) -> LocalMedia:
        """Bind a pair of RTP ports for the leg; the same ones when asked again.

        Raises UnavailableError with a sentence: no capacity, no port, or the call ended meanwhile.
        """
        call = await self._placed(call_id)
        async with call.lock:
            self._refuse_unless_carried(call)
            self._call_of_leg[leg_id] = call_id
            return self._ports.media_of(leg_id) or await self._open_ports(call, leg_id)

    def connect_pbx_leg(self, leg_id: LegId, remote: RemoteMedia) -> None:
        """Exchange RTP as offer and answer agreed; again after every new agreement."""
        self._send_for_leg(leg_id, ConnectPbxLeg(leg_id, remote))

    def press_digits(self, leg_id: LegId, digits: str, *, in_band: bool = False) -> None:
        """Press keys towards the PBX."""
        self._send_for_leg(leg_id, PressDigits(leg_id, digits, in_band))

    def close_pbx_leg(self, leg_id: LegId) -> None:
        """Free a leg's ports while its call goes on."""
        self._send_for_leg(leg_id, ClosePbxLeg(leg_id))
        self._forget_leg(leg_id)

    # -- voice legs

    async def open_voice_leg(
        self, call_id: CallId, leg_id: LegId, parameters: VoiceParameters, engine: str = ""
    ) -> None:
        """Start joining the Telegram call; VoiceConnected or VoiceEnded tells the outcome.

        `engine` names the voice engine, empty means the usual one. A call that is carried by a host of
        another engine moves.
        Raises UnavailableError with a sentence when there is no capacity, or no such engine.
        """
        if leg_id in self._call_of_leg:
            return
        engine = engine or self._usual_engine
        call = await self._placed(call_id, engine)
        if call.host.engine != engine:
            async with call.lock:
                await self._move(call, engine)
        self._call_of_leg[leg_id] = call_id
        call.host.setting_up.add(leg_id)
        call.send(OpenVoice(call_id, leg_id, parameters, engine))

    def signal_voice(self, leg_id: LegId, payload: bytes) -> None:
        """Hand signalling bytes from Telegram to the voice leg."""
        self._send_for_leg(leg_id, SignalVoice(leg_id, payload))

    def close_voice(self, leg_id: LegId) -> None:
        """Leave the Telegram call's voice."""
        self._send_for_leg(leg_id, CloseVoice(leg_id))
        self._forget_leg(leg_id)

    # -- calls

    def connect_audio(self, call_id: CallId) -> None:
        """Let the legs of a call hear each other; ends any tone."""
        self._send_for_call(call_id, ConnectAudio(call_id))

    def play_tone(self, call_id: CallId, tone: Tone) -> None:
        """Play a tone into the call's voice leg."""
        self._send_for_call(call_id, PlayTone(call_id, tone))

    def end_call(self, call_id: CallId) -> None:
        """Free all that is held for a call; CallMeasured follows, once. The call cannot be opened again."""
        self._ended.note(call_id)
        call = self._calls.get(call_id)
        if call is not None:
            self._forget_legs_of(call_id)
            del self._calls[call_id]
            call.host.calls.discard(call_id)
            call.host.send(EndCall(call_id))
            if call.left is not None:
                self._tell(CallMeasured(call_id=call_id))
            else:
                self._unmeasured[call_id] = call.host
            self._balance()
        elif call_id in self._lost:
            self._lost.discard(call_id)
            self._tell(CallMeasured(call_id=call_id))

    # -- inside

    def _hosts(self) -> list[HostProcess]:
        return [host for fleet in self._fleets.values() for host in fleet.hosts]

    def _balance(self) -> None:
        for fleet in self._fleets.values():
            fleet.balance()

    async def _placed(self, call_id: CallId, engine: str = "") -> PlacedCall:
        """Give a call its host, once: of this engine if the call is new."""
        call = self._calls.get(call_id)
        if call is not None:
            return call
        host = await self._host_with_room(engine or self._usual_engine)
        if call_id in self._ended:
            raise UnavailableError("The call has ended.")
        call = self._calls.setdefault(call_id, PlacedCall(call_id, host))
        self._lost.discard(call_id)
        call.host.calls.add(call_id)
        self._balance()
        return call

    async def _host_with_room(self, engine: str) -> HostProcess:
        fleet = self._fleets.get(engine)
        if fleet is None:
            raise UnavailableError(f'This worker has no media hosts with the voice engine "{engine}".')
        return await fleet.host_with_room()

    def _refuse_unless_carried(self, call: PlacedCall) -> None:
        if self._calls.get(call.call_id) is not call:
            raise UnavailableError("The call ended, or its media host died.")

    async def _open_ports(self, call: PlacedCall, leg_id: LegId) -> LocalMedia:
        for _ in range(_PORT_TRIES):
            port, is_kept = self._ports.take(), False
            command = OpenPbxLeg(call.call_id, leg_id, self._settings.bind_ip, port)
            try:
                answer = await self._open(call.host, command)
                self._refuse_unless_carried(call)
                if isinstance(answer, PbxLegOpened):
                    is_kept = True
                    call.note_open(command)
                    return self._ports.keep(leg_id, port)
            finally:
                if not is_kept:
                    self._ports.drop(port)
            if answer is None:
                raise UnavailableError("A media host did not answer while RTP ports were opened.")
            log.info("rtp_port_refused", port=port, reason=answer.text)
        raise UnavailableError(f"None of {_PORT_TRIES} pairs of RTP ports could be bound.")

    async def _open(self, host: HostProcess, command: OpenPbxLeg) -> PbxLegOpened | PortRefused | None:
        """Send the command and wait for its answer; None when the host is gone or silent."""
        answer = self._opened.expect(command.leg_id)
        host.send(command)
        return await self._opened.wait(command.leg_id, answer)

    async def _move(self, call: PlacedCall, engine: str) -> None:
        """Let a host of this engine carry on with a call, on the same RTP ports; its figures start anew.

        Raises UnavailableError with a sentence when no host has room, the ports do not follow, or the
        call ends meanwhile.
        """
        if call.host.engine == engine:
            return
        host = await self._host_with_room(engine)
        self._refuse_unless_carried(call)
        call.left, call.host = call.host, host
        host.calls.add(call.call_id)
        log.info("call_moves", call_id=call.call_id, engine=engine, from_pid=call.left.pid, to_pid=host.pid)
        await self._leave(call.left, call)
        for command in call.openings:
            self._refuse_unless_carried(call)
            if not isinstance(await self._open(host, command), PbxLegOpened):
                raise UnavailableError("The RTP ports of a call could not follow it to another media host.")
        self._refuse_unless_carried(call)
        call.left = None
        for repeated in call.to_repeat():
            host.send(repeated)

    async def _leave(self, host: HostProcess, call: PlacedCall) -> None:
        """Take a call out of a host, and wait until it has let the ports go."""
        answer = self._freed.expect(call.call_id)
        host.calls.discard(call.call_id)
        host.setting_up.difference_update(
            leg_id for leg_id, one in self._call_of_leg.items() if one == call.call_id
        )
        host.send(EndCall(call.call_id))
        if host in self._hosts():
            await self._freed.wait(call.call_id, answer)
        self._balance()

    def _send_for_leg(self, leg_id: LegId, command: HostCommand) -> None:
        call_id = self._call_of_leg.get(leg_id)
        if call_id is not None:
            self._send_for_call(call_id, command)

    def _send_for_call(self, call_id: CallId, command: HostCommand) -> None:
        call = self._calls.get(call_id)
        if call is not None:
            call.send(command)

    def _take(self, host: HostProcess, event: HostEvent) -> None:
        match event:
            case PbxLegOpened(leg_id) | PortRefused(leg_id):
                self._opened.give(leg_id, event)
            case CallMeasured():
                self._measured(host, event)
            case VoiceConnected(leg_id) | VoiceEnded(leg_id):
                host.setting_up.discard(leg_id)
                self._tell_of_leg(host, leg_id, event)
                if isinstance(event, VoiceEnded):
                    self._forget_leg(leg_id)
            case VoiceSignalled(leg_id) | DigitReceived(leg_id) | MediaSilent(leg_id):
                self._tell_of_leg(host, leg_id, event)

    def _measured(self, host: HostProcess, event: CallMeasured) -> None:
        """Pass a call's figures on at its end; from a host that it has left they only say that it has."""
        if self._unmeasured.get(event.call_id) is host:
            del self._unmeasured[event.call_id]
            self._tell(event)
        else:
            self._freed.give(event.call_id, event)

    def _tell_of_leg(self, host: HostProcess, leg_id: LegId, event: PoolEvent) -> None:
        """Pass on what is still of interest: after its end nothing comes from a leg, nor from a host left."""
        call_id = self._call_of_leg.get(leg_id)
        call = self._calls.get(call_id) if call_id is not None else None
        if call is not None and call.host is host:
            self._tell(event)

    def _tell(self, event: PoolEvent) -> None:
        try:
            self._sink(event)
        except Exception:
            log.exception("media_event_refused", kind=type(event).__name__)

    def _died(self, host: HostProcess) -> None:
        """Forget a dead host's calls; each is still ended by the agent, which then gets its empty figures."""
        call_ids = tuple(call_id for call_id, call in self._calls.items() if call.host is host)
        for call_id in call_ids:
            del self._calls[call_id]
            self._forget_legs_of(call_id)
        self._lost.update(call_ids)
        if call_ids:
            self._tell(HostDied(call_ids))
        for call_id in [call_id for call_id, one in self._unmeasured.items() if one is host]:
            del self._unmeasured[call_id]
            self._tell(CallMeasured(call_id=call_id))
        for call in self._calls.values():
            if call.left is host:
                self._freed.give(call.call_id, None)

    def _forget_legs_of(self, call_id: CallId) -> None:
        for leg_id in [leg_id for leg_id, one in self._call_of_leg.items() if one == call_id]:
            self._forget_leg(leg_id)

    def _forget_leg(self, leg_id: LegId) -> None:
        call_id = self._call_of_leg.pop(leg_id, None)
        call = self._calls.get(call_id) if call_id is not None else None
        if call is not None:
            call.host.setting_up.discard(leg_id)
            call.forget_leg(leg_id)
        self._ports.free(leg_id)
        self._opened.give(leg_id, None)
