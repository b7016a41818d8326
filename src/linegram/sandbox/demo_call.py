"""One call of the demo: who says what when, what the others hear, and the figures of it."""

import asyncio
import math
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from linegram.audio.frame import PcmFrame, silence
from linegram.audio.spectrum import tone_onset_s
from linegram.errors import UnavailableError
from linegram.link.events import CallMeasured
from linegram.sandbox.demo_speech import Speaker, speech
from linegram.sandbox.employee_phone import EmployeePhone
from linegram.sandbox.pbx_audio import RATE_HZ, PhoneAudio, Samples, Silence, Track
from linegram.sandbox.pbx_call import PbxCall

NEAR_HELLO_HZ: Final = 440.0
SPEAKERS: Final = {
    "Anna": Speaker(205.0, 2, 1.12),
    "Boris": Speaker(115.0, 1),
    "Vera": Speaker(175.0, 3, 1.06),
}
_LISTENS_ON_S: Final = 1.0
_SETTLES_S: Final = 1.0
_PAUSE_S: Final = 0.5
_ONSET_DBFS: Final = -30.0


@dataclass(frozen=True, slots=True)
class AudioPath:
    """One direction of a call."""

    speaker: str
    listener: str
    said: Track
    heard: Track


@dataclass(slots=True)
class CallRecord:
    """What is left of a call. `lost_percent` is of the RTP between PBX and worker, by path."""

    title: str
    codec: str
    paths: tuple[AudioPath, AudioPath]
    setup_ms: dict[str, float] = field(default_factory=dict)
    lost_percent: tuple[float, float] = (0.0, 0.0)

    def take_figures(self, measured: CallMeasured, far: PhoneAudio) -> None:
        """Take what both ends of the RTP counted."""
        sent = measured.packets_received + measured.packets_lost
        towards_us = 100.0 * measured.packets_lost / sent if sent else 100.0
        away = far.statistics.loss_percent if far.statistics is not None else 100.0
        self.lost_percent = (towards_us, away)


class Conversation:
    """A far person at the PBX and a near one in Telegram, on an answered call."""

    def __init__(self, call: PbxCall, phone: EmployeePhone, *, far: str, near: str) -> None:
        self._call = call
        self._phone = phone
        self._far, self._near = far, near

    async def greet(self, connected: Awaitable[None]) -> None:
        """Let the near person say a hello tone as soon as the call is connected."""
        await self._phone.voice.play_tone(NEAR_HELLO_HZ)
        await connected

    async def wait_until_both_hear(self, far_hello_hz: float) -> None:
        """Return when each hears the other's hello, and a second later, with settled jitter buffers.

        Raises UnavailableError with who does not hear whom.
        """
        try:
            await self._phone.voice.wait_until_hears(far_hello_hz)
        except TimeoutError as error:
            raise UnavailableError(f"{self._near} does not hear {self._far}.") from error
        try:
            await self._call.audio.wait_until_hears(NEAR_HELLO_HZ)
        except TimeoutError as error:
            raise UnavailableError(f"{self._far} does not hear {self._near}.") from error
        await asyncio.sleep(_SETTLES_S)

    async def talk(self, title: str, talk_s: float) -> CallRecord:
        """Let both speak at once for so long, and return what was said and heard."""
        far_words, near_words = (speech(SPEAKERS[who], talk_s, RATE_HZ) for who in (self._far, self._near))
        self._call.audio.say(Silence())
        await self._phone.voice.play_tone(0.0)
        await asyncio.sleep(_PAUSE_S)
        self._call.audio.say(Samples(far_words))
        far_began_s = time.monotonic()
        near_began_s = await self._phone.voice.play(near_words)
        await asyncio.sleep(talk_s + _LISTENS_ON_S)
        far_said = self._call.audio.said().between(far_began_s, far_began_s + talk_s + 0.04)
        near_heard = (await self._near_heard()).between(far_began_s, math.inf)
        far_heard = self._call.audio.heard().between(near_began_s, math.inf)
        near_said = _as_track(near_words, near_began_s)
        paths = (
            AudioPath(self._far, self._near, far_said, near_heard),
            AudioPath(self._near, self._far, near_said, far_heard),
        )
        return CallRecord(title, self._call.audio.codec, paths)

    async def both_heard_s(self, after_s: float, far_hello_hz: float) -> float:
        """Return when the later of the two began to hear the other's hello."""
        near = (await self._near_heard()).between(after_s, math.inf)
        far = self._call.audio.heard().between(after_s, math.inf)
        return max(_onset(near, far_hello_hz), _onset(far, NEAR_HELLO_HZ))

    async def _near_heard(self) -> Track:
        heard = await self._phone.voice.heard()
        return Track(heard.rate_hz, heard.samples, heard.arrival_s)


def _onset(track: Track, frequency_hz: float) -> float:
    onset_s = tone_onset_s(track.samples, frequency_hz, track.rate_hz, threshold_dbfs=_ONSET_DBFS)
    if onset_s is None:
        raise UnavailableError(f"The hello of {frequency_hz:g} Hz was not recorded.")
    return track.time_of(round(onset_s * track.rate_hz))


def _as_track(samples: PcmFrame, began_s: float) -> Track:
    """Give samples that were said on time their times."""
    size = RATE_HZ // 50
    padded = np.concatenate((samples, silence(-len(samples) % size)))
    times_s = np.arange(len(padded) // size, dtype=np.float64) * 0.02 + began_s
    return Track(RATE_HZ, padded, times_s)
