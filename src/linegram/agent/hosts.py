"""The worker's media hosts: which call is where, spare processes, replacement of the dead.

What the agent asks goes to the host of the call; what happens there goes to
the sink, in the event loop's thread. Audio never comes here.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec
import structlog

from linegram.agent.host_fleet import FleetSettings, HostFleet
from linegram.agent.host_process import HostProcess
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
_ANSWER_LIMIT_S: Final = 5.0
_REMEMBERED_CALLS: Final = 4096


class HostDied(msgspec.Struct, frozen=True, tag=True):
    """A media host is gone and took the audio of these calls with it."""

    call_ids: tuple[CallId, ...]


PoolEvent: TypeAlias = (
    VoiceSignalled | VoiceConnected | VoiceEnded | DigitReceived | CallMeasured | MediaSilent | HostDied
)


class HostPoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many hosts there may be, and where RTP is received.

    `announced_ip` goes into SDP where the bound address is not the one that the PBX sees; empty means the
    bound one, be it the wildcard: who asked knows the way to his PBX.
    """

    bind_ip: str = "0.0.0.0"
    announced_ip: str = ""
    first_rtp_port: int = 16384
    last_rtp_port: int = 32767
    port_rest_s: float = REST_S
    fleet: FleetSettings = FleetSettings()


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
        self._clock = clock
        self._ports = RtpPorts(settings.first_rtp_port, settings.last_rtp_port, settings.port_rest_s)
        self._fleet = HostFleet(settings.fleet, self._take, self._died)
        self._host_of_call: dict[CallId, HostProcess] = {}
        self._call_of_leg: dict[LegId, CallId] = {}
        self._port_of_leg: dict[LegId, int] = {}
        self._answers: dict[LegId, asyncio.Future[PbxLegOpened | PortRefused | None]] = {}
        self._unmeasured: dict[CallId, HostProcess] = {}
        self._lost: set[CallId] = set()
        self._ended: dict[CallId, None] = {}

    # -- the pool itself

    async def start(self) -> None:
        """Start the spare hosts and wait for them.

        Raises UnavailableError with a sentence when none can work on this machine.
        """
        await self._fleet.start()

    async def close(self) -> None:
        """End all hosts, calls included."""
        await self._fleet.close()

    @property
    def capacity(self) -> int:
        """How many calls fit."""
        return self._settings.fleet.calls_per_host * self._settings.fleet.most_hosts

    @property
    def call_count(self) -> int:
        """How many calls are carried now."""
        return len(self._host_of_call)

    @property
    def beats(self) -> dict[int, HostBeat]:
        """The last heartbeat of every host, by process id."""
        return {host.pid: host.last_beat for host in self._fleet.hosts if host.last_beat is not None}

    @property
    def host_pids(self) -> tuple[int, ...]:
        """The process ids of the hosts that can take or carry calls."""
        return tuple(host.pid for host in self._fleet.hosts)

    def host_pid_of(self, call_id: CallId) -> int | None:
        """The process id of a call's host."""
        host = self._host_of_call.get(call_id)
        return host.pid if host is not None else None

    # -- PBX legs

    async def open_pbx_leg(self, call_id: CallId, leg_id: LegId) -> LocalMedia:
        """Bind a pair of RTP ports for the leg; the same ones when asked again.

        Raises UnavailableError with a sentence: no capacity, no port, or the call ended meanwhile.
        """
        if leg_id in self._port_of_leg:
            return self._local_media(leg_id)
        host = await self._host_for(call_id)
        self._call_of_leg[leg_id] = call_id
        for _ in range(_PORT_TRIES):
            port = self._ports.take(self._clock())
            try:
                answer = await self._ask(host, OpenPbxLeg(call_id, leg_id, self._settings.bind_ip, port))
                if isinstance(answer, PbxLegOpened):
                    self._port_of_leg[leg_id] = port
                    return self._local_media(leg_id)
            finally:
                if leg_id not in self._port_of_leg:
                    self._ports.give_back(port, self._clock())
            if answer is None:
                raise UnavailableError("The call ended, or its media host died, while RTP ports were opened.")
            log.info("rtp_port_refused", port=port, reason=answer.text)
        raise UnavailableError(f"None of {_PORT_TRIES} pairs of RTP ports could be bound.")

    def connect_pbx_leg(self, leg_id: LegId, remote: RemoteMedia) -> None:
        """Exchange RTP as offer and answer agreed; again after every new agreement."""
        self._send_for_leg(leg_id, ConnectPbxLeg(leg_id, remote))

    def press_digits(self, leg_id: LegId, digits: str) -> None:
        """Press keys towards the PBX."""
        self._send_for_leg(leg_id, PressDigits(leg_id, digits))

    def close_pbx_leg(self, leg_id: LegId) -> None:
        """Free a leg's ports while its call goes on."""
        self._send_for_leg(leg_id, ClosePbxLeg(leg_id))
        self._forget_leg(leg_id)

    # -- voice legs

    async def open_voice_leg(self, call_id: CallId, leg_id: LegId, parameters: VoiceParameters) -> None:
        """Start joining the Telegram call; VoiceConnected or VoiceEnded tells the outcome.

        Raises UnavailableError with a sentence when there is no capacity.
        """
        if leg_id in self._call_of_leg:
            return
        host = await self._host_for(call_id)
        self._call_of_leg[leg_id] = call_id
        host.setting_up.add(leg_id)
        host.send(OpenVoice(call_id, leg_id, parameters))

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
        self._note_ended(call_id)
        host = self._host_of_call.get(call_id)
        if host is not None:
            self._forget_legs_of(call_id)
            del self._host_of_call[call_id]
            self._unmeasured[call_id] = host
            host.calls.discard(call_id)
            host.send(EndCall(call_id))
            self._fleet.balance()
        elif call_id in self._lost:
            self._lost.discard(call_id)
            self._tell(CallMeasured(call_id=call_id))

    # -- inside

    async def _host_for(self, call_id: CallId) -> HostProcess:
        host = self._host_of_call.get(call_id)
        if host is not None:
            return host
        host = await self._fleet.host_with_room()
        if call_id in self._ended:
            raise UnavailableError("The call has ended.")
        host = self._host_of_call.setdefault(call_id, host)
        self._lost.discard(call_id)
        host.calls.add(call_id)
        self._fleet.balance()
        return host

    def _note_ended(self, call_id: CallId) -> None:
        """Remember the call for as long as something about it may still be on its way."""
        self._ended[call_id] = None
        if len(self._ended) > _REMEMBERED_CALLS:
            del self._ended[next(iter(self._ended))]

    async def _ask(self, host: HostProcess, command: OpenPbxLeg) -> PbxLegOpened | PortRefused | None:
        """Send the command and wait for its answer; None when the host is gone or silent."""
        answer: asyncio.Future[PbxLegOpened | PortRefused | None] = asyncio.get_running_loop().create_future()
        self._answers[command.leg_id] = answer
        host.send(command)
        try:
            return await asyncio.wait_for(answer, _ANSWER_LIMIT_S)
        except TimeoutError:
            return None
        finally:
            self._answers.pop(command.leg_id, None)

    def _local_media(self, leg_id: LegId) -> LocalMedia:
        return LocalMedia(self._settings.announced_ip or self._settings.bind_ip, self._port_of_leg[leg_id])

    def _send_for_leg(self, leg_id: LegId, command: HostCommand) -> None:
        call_id = self._call_of_leg.get(leg_id)
        if call_id is not None:
            self._send_for_call(call_id, command)

    def _send_for_call(self, call_id: CallId, command: HostCommand) -> None:
        host = self._host_of_call.get(call_id)
        if host is not None:
            host.send(command)

    def _take(self, host: HostProcess, event: HostEvent) -> None:
        match event:
            case PbxLegOpened(leg_id) | PortRefused(leg_id):
                self._answer(leg_id, event)
            case CallMeasured(call_id=call_id):
                self._unmeasured.pop(call_id, None)
                self._tell(event)
            case VoiceConnected(leg_id) | VoiceEnded(leg_id):
                host.setting_up.discard(leg_id)
                self._tell_of_leg(leg_id, event)
                if isinstance(event, VoiceEnded):
                    self._forget_leg(leg_id)
            case VoiceSignalled(leg_id) | DigitReceived(leg_id) | MediaSilent(leg_id):
                self._tell_of_leg(leg_id, event)

    def _tell_of_leg(self, leg_id: LegId, event: PoolEvent) -> None:
        """Pass on what is still of interest: after its end nothing comes from a leg."""
        if leg_id in self._call_of_leg:
            self._tell(event)

    def _tell(self, event: PoolEvent) -> None:
        try:
            self._sink(event)
        except Exception:
            log.exception("media_event_refused", kind=type(event).__name__)

    def _died(self, host: HostProcess) -> None:
        """Forget a dead host's calls; each is still ended by the agent, which then gets its empty figures."""
        call_ids = tuple(call_id for call_id, one in self._host_of_call.items() if one is host)
        for call_id in call_ids:
            del self._host_of_call[call_id]
            self._forget_legs_of(call_id)
        self._lost.update(call_ids)
        if call_ids:
            self._tell(HostDied(call_ids))
        for call_id in [call_id for call_id, one in self._unmeasured.items() if one is host]:
            del self._unmeasured[call_id]
            self._tell(CallMeasured(call_id=call_id))

    def _forget_legs_of(self, call_id: CallId) -> None:
        for leg_id in [leg_id for leg_id, one in self._call_of_leg.items() if one == call_id]:
            self._forget_leg(leg_id)

    def _forget_leg(self, leg_id: LegId) -> None:
        call_id = self._call_of_leg.pop(leg_id, None)
        host = self._host_of_call.get(call_id) if call_id is not None else None
        if host is not None:
            host.setting_up.discard(leg_id)
        port = self._port_of_leg.pop(leg_id, None)
        if port is not None:
            self._ports.give_back(port, self._clock())
        self._answer(leg_id, None)

    def _answer(self, leg_id: LegId, answer: PbxLegOpened | PortRefused | None) -> None:
        waiting = self._answers.get(leg_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
