"""Our end of a field test's call: says the programme and records what comes back, over RTP on loopback."""

import asyncio
import time
from typing import Final

import numpy as np

from linegram.audio.frame import PcmFrame, samples_per_frame, silence
from linegram.audio.tones import ToneGenerator
from linegram.cli.fieldtest.programme import Programme
from linegram.errors import UnavailableError
from linegram.media.control import HostSettings, LocalMedia, RemoteMedia
from linegram.media.pbx_leg import PbxLeg
from linegram.media.sockets import MediaSockets
from linegram.media.tick import TickClock
from linegram.units import LegId

RATE_HZ: Final = 16_000
LOOPBACK: Final = "127.0.0.1"
_CODEC: Final = "G722"
_PAYLOAD_TYPE: Final = 9
_PORTS: Final = range(30_000, 30_200, 2)


def remote_media(local: LocalMedia) -> RemoteMedia:
    """Say how to exchange RTP with who listens there: wideband, without negotiation."""
    return RemoteMedia(
        ip=local.ip, port=local.port, rtcp_port=local.port + 1, codec=_CODEC, payload_type=_PAYLOAD_TYPE
    )


class Ear:
    """Speaks and records in the loop that made it, from `connect` to `close`."""

    def __init__(self, programme: Programme) -> None:
        """Bind a pair of ports. Raises UnavailableError if none is free."""
        self._sound = ToneGenerator(programme.cadence, RATE_HZ)
        self._sockets = _bind()
        self._leg = PbxLeg(LegId("ear"), self._sockets, HostSettings())
        self._heard: list[PcmFrame] = []
        self._beating: asyncio.Task[None] | None = None

    @property
    def local(self) -> LocalMedia:
        """Where it listens."""
        return LocalMedia(self._sockets.ip, self._sockets.port)

    def connect(self, far: LocalMedia) -> None:
        """Begin the programme."""
        self._leg.connect(remote_media(far), time.monotonic())
        self._beating = asyncio.create_task(self._beat(), name="field test ear")

    def close(self) -> PcmFrame:
        """Fall silent; returns everything heard since `connect`."""
        if self._beating is not None:
            self._beating.cancel()
        self._leg.close(time.monotonic())
        return np.concatenate(self._heard) if self._heard else silence(0)

    async def _beat(self) -> None:
        clock = TickClock()
        clock.start(time.monotonic())
        while clock.next_due is not None:
            await asyncio.sleep(max(0.0, clock.next_due - time.monotonic()))
            for _ in range(clock.ticks_due(time.monotonic())):
                self._tick(time.monotonic())

    def _tick(self, now: float) -> None:
        self._leg.drain(now)
        heard = self._leg.pull(RATE_HZ, now)
        self._heard.append(silence(samples_per_frame(RATE_HZ)) if heard is None else heard)
        self._leg.push(self._sound.frame(), RATE_HZ, now)
        list(self._leg.reports(now))


def _bind() -> MediaSockets:
    for port in _PORTS:
        try:
            return MediaSockets(LOOPBACK, port)
        except OSError:
            continue
    raise UnavailableError(f"No free pair of UDP ports between {_PORTS.start} and {_PORTS.stop}.")
