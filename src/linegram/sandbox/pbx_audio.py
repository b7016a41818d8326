"""The audio of a telephone at the sandbox's PBX: says something over RTP, keeps all it hears, with times."""

import asyncio
import time
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from linegram.agent.media_terms import remote_media
from linegram.audio.frame import PcmFrame, samples_per_frame, silence
from linegram.audio.spectrum import has_tone
from linegram.errors import UnavailableError
from linegram.link.events import DigitReceived
from linegram.link.figures import LegFigures
from linegram.media.control import HostSettings, LocalMedia
from linegram.media.pbx_leg import PbxLeg
from linegram.media.sockets import MediaSockets
from linegram.media.tick import TickClock
from linegram.sip.audio_stream import AudioStream
from linegram.units import LegId

RATE_HZ: Final = 16_000
"""What telephones say and record, whatever the codec."""
_FRAME_SAMPLES: Final = samples_per_frame(RATE_HZ)
_FIRST_PORT: Final = 20_000
_LAST_PORT: Final = 29_998
_PORT_ATTEMPTS: Final = 50
_TONE_FRAMES: Final = 15


class Sound(Protocol):
    """Something to say."""

    def frame(self) -> PcmFrame:
        """Return the next 20 ms at `RATE_HZ`."""


class Samples:
    """Says samples once; silence follows."""

    def __init__(self, samples: PcmFrame) -> None:
        self._samples = samples
        self._at = 0

    def frame(self) -> PcmFrame:
        """Return the next 20 ms."""
        piece = self._samples[self._at : self._at + _FRAME_SAMPLES]
        self._at += _FRAME_SAMPLES
        return piece if len(piece) == _FRAME_SAMPLES else np.pad(piece, (0, _FRAME_SAMPLES - len(piece)))


class Silence:
    """Says nothing."""

    def frame(self) -> PcmFrame:
        """Return 20 ms of silence."""
        return silence(_FRAME_SAMPLES)


@dataclass(frozen=True, slots=True)
class Track:
    """Recorded samples, and the monotonic time at which each of their equal frames passed."""

    rate_hz: int
    samples: PcmFrame
    times_s: npt.NDArray[np.float64]

    @property
    def frame_samples(self) -> int:
        """How many samples one time stands for."""
        return len(self.samples) // len(self.times_s) if len(self.times_s) else 0

    def time_of(self, sample: int) -> float:
        """Return when a sample passed."""
        frame, offset = divmod(sample, self.frame_samples)
        return float(self.times_s[frame]) + offset / self.rate_hz

    def between(self, start_s: float, end_s: float) -> "Track":
        """Return the frames that passed in a stretch of time."""
        first, last = (int(index) for index in np.searchsorted(self.times_s, (start_s, end_s)))
        size = self.frame_samples
        return Track(self.rate_hz, self.samples[first * size : last * size], self.times_s[first:last])


class PhoneAudio:
    """One telephone's microphone and ear, beating every 20 ms in the loop that made it."""

    def __init__(self, host: str, sound: Sound, random: Random) -> None:
        """Bind a pair of RTP ports. Raises UnavailableError if none is free."""
        self.digits = ""
        self.is_echo = False
        self.statistics: LegFigures | None = None
        self._sound = sound
        self._sockets = _bind(host, random)
        self._leg = PbxLeg(LegId("sandbox"), self._sockets, HostSettings())
        self._said: list[PcmFrame] = []
        self._heard: list[PcmFrame] = []
        self._times_s: list[float] = []
        self._ticked = asyncio.Event()
        self._beating: asyncio.Task[None] | None = None

    @property
    def local(self) -> LocalMedia:
        """Where it listens."""
        return LocalMedia(self._sockets.ip, self._sockets.port)

    @property
    def codec(self) -> str:
        """What it speaks, empty before an agreement."""
        return self._leg.codec

    def connect(self, stream: AudioStream) -> None:
        """Exchange RTP as agreed."""
        self._leg.connect(remote_media(stream), time.monotonic())
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat(), name="sandbox telephone")

    def say(self, sound: Sound) -> None:
        """Change to another sound with the next frame."""
        self._sound = sound

    def said(self) -> Track:
        """Return everything said so far."""
        return self._track(self._said)

    def heard(self) -> Track:
        """Return everything heard so far."""
        return self._track(self._heard)

    async def wait_until_hears(self, frequency_hz: float, *, timeout_s: float = 10.0) -> None:
        """Return when the last third of a second was this tone."""
        async with asyncio.timeout(timeout_s):
            while not self._has(frequency_hz):
                self._ticked.clear()
                await self._ticked.wait()

    def _has(self, frequency_hz: float) -> bool:
        if len(self._heard) < _TONE_FRAMES:
            return False
        return has_tone(np.concatenate(self._heard[-_TONE_FRAMES:]), frequency_hz, RATE_HZ)

    def close(self) -> None:
        """Fall silent and free the ports. Safe to repeat."""
        if self.statistics is None:
            if self._beating is not None:
                self._beating.cancel()
            self._leg.close(time.monotonic())
            self.statistics = self._leg.figures

    def _track(self, frames: list[PcmFrame]) -> Track:
        samples = np.concatenate(frames) if frames else silence(0)
        return Track(RATE_HZ, samples, np.array(self._times_s, np.float64))

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
        heard = silence(_FRAME_SAMPLES) if heard is None else heard
        said = heard if self.is_echo else self._sound.frame()
        self._leg.push(said, RATE_HZ, now)
        self.digits += "".join(r.digit for r in self._leg.reports(now) if isinstance(r, DigitReceived))
        self._said.append(said)
        self._heard.append(heard)
        self._times_s.append(now)
        self._ticked.set()


def _bind(host: str, random: Random) -> MediaSockets:
    for _ in range(_PORT_ATTEMPTS):
        try:
            return MediaSockets(host, random.randrange(_FIRST_PORT, _LAST_PORT, 2))
        except OSError:
            continue
    raise UnavailableError(f"No free pair of UDP ports between {_FIRST_PORT} and {_LAST_PORT} on {host}.")
