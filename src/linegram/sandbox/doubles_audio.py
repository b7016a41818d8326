"""Media hosts for tests of the agent: nothing sounds, but ports, legs and deaths are as with real ones.

One suite holds it and the real pool to the same promises
(`tests/agent/test_call_audio_contract.py`).
"""

import asyncio
from collections.abc import Callable

from linegram.agent.hosts import HostDied, PoolEvent
from linegram.errors import UnavailableError
from linegram.link.commands import Tone
from linegram.link.events import CallMeasured, VoiceConnected, VoiceEnded, VoiceSignalled
from linegram.link.voice import VoiceParameters
from linegram.media.control import LocalMedia, MediaSilent, RemoteMedia
from linegram.outcomes import EndReason
from linegram.units import CallId, LegId


class AudioDouble:
    """Implements `CallAudio`. While `hurdle` is not set, openings wait; `refusal` refuses them."""

    def __init__(self, sink: Callable[[PoolEvent], None]) -> None:
        self.hurdle = asyncio.Event()
        self.hurdle.set()
        self.refusal = ""
        self.legs: dict[LegId, CallId] = {}
        self.agreements: dict[LegId, list[RemoteMedia]] = {}
        self.engines: dict[LegId, str] = {}
        self.signals: list[tuple[LegId, bytes]] = []
        self.connected: list[CallId] = []
        self.tones: list[tuple[CallId, Tone]] = []
        self.pressed: list[tuple[LegId, str, bool]] = []
        self._sink = sink
        self._ports: dict[LegId, int] = {}
        self._last_port = 20_000
        self._calls: set[CallId] = set()
        self._lost: set[CallId] = set()
        self._ended: set[CallId] = set()

    # ---- CallAudio

    async def open_pbx_leg(self, call_id: CallId, leg_id: LegId) -> LocalMedia:
        """Take a pair of ports for the leg; the same ones when asked again."""
        if leg_id not in self._ports:
            await self._find_room(call_id)
            self._last_port += 2
            self._ports[leg_id] = self._last_port
            self.legs[leg_id] = call_id
        return LocalMedia("127.0.0.1", self._ports[leg_id])

    def connect_pbx_leg(self, leg_id: LegId, remote: RemoteMedia) -> None:
        """Note what was agreed."""
        if leg_id in self.legs:
            self.agreements.setdefault(leg_id, []).append(remote)

    def press_digits(self, leg_id: LegId, digits: str, *, in_band: bool = False) -> None:
        """Note the keys and how they were pressed."""
        if leg_id in self.legs:
            self.pressed.append((leg_id, digits, in_band))

    def close_pbx_leg(self, leg_id: LegId) -> None:
        """Free a leg's ports."""
        self._forget(leg_id)

    async def open_voice_leg(
        self,
        call_id: CallId,
        leg_id: LegId,
        parameters: VoiceParameters,  # noqa: ARG002 - nothing is joined
        engine: str = "",
    ) -> None:
        """Note the leg and its engine; the test lets it connect."""
        if leg_id not in self.legs:
            await self._find_room(call_id)
            self.legs[leg_id] = call_id
            self.engines[leg_id] = engine

    def signal_voice(self, leg_id: LegId, payload: bytes) -> None:
        """Note signalling from Telegram."""
        if leg_id in self.legs:
            self.signals.append((leg_id, payload))

    def close_voice(self, leg_id: LegId) -> None:
        """Forget the leg."""
        self._forget(leg_id)

    def connect_audio(self, call_id: CallId) -> None:
        """Note that the legs hear each other."""
        if call_id in self._calls:
            self.connected.append(call_id)

    def play_tone(self, call_id: CallId, tone: Tone) -> None:
        """Note the tone."""
        if call_id in self._calls:
            self.tones.append((call_id, tone))

    def end_call(self, call_id: CallId) -> None:
        """Free all that is held for a call; its figures follow, once."""
        self._ended.add(call_id)
        if call_id in self._calls or call_id in self._lost:
            self._drop(call_id)
            self._lost.discard(call_id)
            asyncio.get_running_loop().call_soon(self._sink, CallMeasured(call_id=call_id))

    # ---- what happens in a host

    def connect_voice(self, leg_id: LegId) -> None:
        """Let audio flow on a voice leg."""
        self._tell(leg_id, VoiceConnected(leg_id))

    def send_signal(self, leg_id: LegId, payload: bytes) -> None:
        """Let a voice leg have signalling for its far end."""
        self._tell(leg_id, VoiceSignalled(leg_id, payload))

    def end_voice(self, leg_id: LegId, reason: EndReason) -> None:
        """Let a voice leg be over."""
        self._tell(leg_id, VoiceEnded(leg_id, reason))
        self._forget(leg_id)

    def fall_silent(self, leg_id: LegId) -> None:
        """Let the PBX send nothing for too long."""
        self._tell(leg_id, MediaSilent(leg_id))

    def die(self, *call_ids: CallId) -> None:
        """Let the host of these calls die."""
        for call_id in call_ids:
            self._drop(call_id)
        self._lost.update(call_ids)
        self._sink(HostDied(call_ids))

    async def _find_room(self, call_id: CallId) -> None:
        await self.hurdle.wait()
        if self.refusal:
            raise UnavailableError(self.refusal)
        if call_id in self._ended:
            raise UnavailableError("The call has ended.")
        self._lost.discard(call_id)
        self._calls.add(call_id)

    def _tell(self, leg_id: LegId, event: PoolEvent) -> None:
        if leg_id in self.legs:
            self._sink(event)

    def _drop(self, call_id: CallId) -> None:
        self._calls.discard(call_id)
        for leg_id in [leg_id for leg_id, one in self.legs.items() if one == call_id]:
            self._forget(leg_id)

    def _forget(self, leg_id: LegId) -> None:
        self.legs.pop(leg_id, None)
        self._ports.pop(leg_id, None)
