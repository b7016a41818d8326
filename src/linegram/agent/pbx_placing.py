"""Opens the RTP ports that PBX legs need, each once, while their calls go on."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from linegram.agent.call_audio import CallAudio
from linegram.agent.pbx_leg import LegStage, PbxLeg
from linegram.agent.sip_ports import SipCalls
from linegram.errors import UnavailableError
from linegram.media.control import LocalMedia
from linegram.units import LegId

_log = structlog.get_logger()

_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})


class PbxPlacing:
    """Legs that have their port, or wait for it. A leg that ends meanwhile takes nothing of it."""

    def __init__(
        self,
        calls: SipCalls,
        pool: CallAudio,
        *,
        new_session_id: Callable[[], str],
        on_failed: Callable[[LegId], None],
    ) -> None:
        """Prepare; `on_failed` is called for a leg that gets no port."""
        self._sip = calls
        self._pool = pool
        self._new_session_id = new_session_id
        self._on_failed = on_failed
        self._tasks: dict[LegId, asyncio.Task[None]] = {}
        self._waiting: dict[LegId, list[Callable[[], None]]] = {}

    def when_placed(self, leg: PbxLeg, then: Callable[[], None]) -> None:
        """Open the leg's port once, then go on, unless the leg is ending by then."""
        if leg.local is not None:
            then()
        elif leg.leg_id in self._waiting:
            self._waiting[leg.leg_id].append(then)
        else:
            self._waiting[leg.leg_id] = [then]
            self._tasks[leg.leg_id] = asyncio.create_task(self._place(leg), name=f"place {leg.leg_id}")

    def forget(self, leg_id: LegId) -> None:
        """Give up what a leg still waits for: it is over."""
        self._waiting.pop(leg_id, None)
        task = self._tasks.pop(leg_id, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def _place(self, leg: PbxLeg) -> None:
        try:
            media = await self._pool.open_pbx_leg(leg.call_id, leg.leg_id)
        except UnavailableError as failure:
            _log.warning("pbx_leg_without_media", leg_id=leg.leg_id, reason=str(failure))
            self._on_failed(leg.leg_id)
            return
        if leg.stage is LegStage.ENDING:
            return
        leg.place(self._named(media, leg), self._new_session_id())
        for then in self._waiting.pop(leg.leg_id, []):
            then()

    def _named(self, media: LocalMedia, leg: PbxLeg) -> LocalMedia:
        """Put a real address where the media host is bound to all of them."""
        if media.ip not in _WILDCARDS:
            return media
        return LocalMedia(self._sip.local_host(leg.settings.account_id) or media.ip, media.port)
