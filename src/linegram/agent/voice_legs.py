"""All Telegram voice legs of a worker: opened in media hosts, each ended exactly once."""

import asyncio
from collections.abc import Callable, Collection

import structlog

from linegram.agent.call_audio import CallAudio
from linegram.errors import UnavailableError
from linegram.link import commands, events
from linegram.link.voice import NTGCALLS, OWN
from linegram.outcomes import EndReason
from linegram.units import CallId, LegId

_log = structlog.get_logger()


class _VoiceLeg:
    def __init__(self, call_id: CallId) -> None:
        self.call_id = call_id
        self.is_open = False
        self.early_signals: list[bytes] = []
        self.opening: asyncio.Task[None] | None = None


class VoiceLegs:
    """Every voice leg from OpenVoice until its VoiceEnded. `engines` are the voice engines that there are."""

    def __init__(
        self,
        pool: CallAudio,
        report: Callable[[events.Event], None],
        engines: Collection[str] = (OWN, NTGCALLS),
    ) -> None:
        self.engines = tuple(engines)
        self._pool = pool
        self._report = report
        self._legs: dict[LegId, _VoiceLeg] = {}

    def __len__(self) -> int:
        return len(self._legs)

    def open(self, command: commands.OpenVoice) -> None:
        """Start joining the Telegram call, or end the leg whose engine is not installed.

        A repeated command changes nothing.
        """
        if command.leg_id in self._legs:
            return
        if command.engine not in self.engines:
            _log.error("voice_engine_missing", leg_id=command.leg_id, engine=command.engine)
            self._report(events.VoiceEnded(command.leg_id, EndReason.VOICE_ENGINE_MISSING))
            return
        leg = self._legs[command.leg_id] = _VoiceLeg(command.call_id)
        leg.opening = asyncio.create_task(self._open(leg, command), name=f"open voice {command.leg_id}")

    def signal(self, command: commands.SignalVoice) -> None:
        """Hand signalling bytes over, or keep them until the leg is open."""
        leg = self._legs.get(command.leg_id)
        if leg is None:
            return
        if leg.is_open:
            self._pool.signal_voice(command.leg_id, command.payload)
        else:
            leg.early_signals.append(command.payload)

    def close(self, command: commands.CloseVoice) -> None:
        """Leave the Telegram call's voice."""
        self.end(command.leg_id, EndReason.COMPLETED)

    def end(self, leg_id: LegId, reason: EndReason) -> None:
        """Let a leg be over: report it once and free what it holds."""
        leg = self._legs.pop(leg_id, None)
        if leg is None:
            return
        if leg.opening is not None and leg.opening is not asyncio.current_task():
            leg.opening.cancel()
        self._pool.close_voice(leg_id)
        self._report(events.VoiceEnded(leg_id, reason))

    def lose_calls(self, call_ids: tuple[CallId, ...]) -> set[CallId]:
        """End the legs of calls whose media host died; returns which of the calls had one."""
        lost = [(leg_id, leg.call_id) for leg_id, leg in self._legs.items() if leg.call_id in call_ids]
        for leg_id, _ in lost:
            self.end(leg_id, EndReason.MEDIA_HOST_DIED)
        return {call_id for _, call_id in lost}

    async def _open(self, leg: _VoiceLeg, command: commands.OpenVoice) -> None:
        try:
            await self._pool.open_voice_leg(
                command.call_id, command.leg_id, command.parameters, command.engine
            )
        except UnavailableError as failure:
            _log.warning("voice_leg_without_host", leg_id=command.leg_id, reason=str(failure))
            self.end(command.leg_id, EndReason.NO_CAPACITY)
            return
        leg.is_open = True
        for payload in leg.early_signals:
            self._pool.signal_voice(command.leg_id, payload)
        leg.early_signals.clear()
