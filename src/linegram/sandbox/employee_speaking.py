"""What an employee says into his phone: tones and recordings, pushed into ntgcalls on time.

Runs in the voice process only.
"""

import math
import threading
import time
from concurrent.futures import Future
from typing import Any, Protocol

import ntgcalls
import numpy as np
from ntgcalls import FrameData, StreamDevice

from linegram.voice.inline_loop import call_inline_in_this_thread

FRAME_MS = 10
FULL_SCALE = 32767


class Sound(Protocol):
    """Something to say, frame by frame."""

    def frame(self) -> bytes:
        """Return the next 10 ms, exactly rate/100 samples: ntgcalls does not check."""


class Tone:
    """A steady tone without clicks between frames; frequency 0 is silence."""

    def __init__(self, rate_hz: int, frequency_hz: float, level: float = 0.3) -> None:
        samples = rate_hz * FRAME_MS // 1000
        self._step = 2 * math.pi * frequency_hz / rate_hz
        self._at = np.arange(samples) * self._step
        self._advance = samples * self._step
        self._phase = 0.0
        self._level = level * FULL_SCALE

    def frame(self) -> bytes:
        """Return the next 10 ms."""
        wave = np.sin(self._at + self._phase) * self._level
        self._phase = (self._phase + self._advance) % (2 * math.pi)
        frame: bytes = wave.astype("<i2").tobytes()
        return frame


class Pcm:
    """Samples that are said once; silence follows."""

    def __init__(self, rate_hz: int, pcm: bytes) -> None:
        self._frame_bytes = rate_hz * FRAME_MS // 1000 * 2
        self._pcm = pcm + bytes(-len(pcm) % self._frame_bytes)
        self._at = 0

    def frame(self) -> bytes:
        """Return the next 10 ms."""
        piece = self._pcm[self._at : self._at + self._frame_bytes]
        self._at += self._frame_bytes
        return piece or bytes(self._frame_bytes)


class FramePump(threading.Thread):
    """Pushes one frame per 10 ms of wall clock while a call is up, silence too, and catches up after a stall.

    ntgcalls' RTP clock moves only with pushed frames: a gap would stay as delay for the rest of the call.
    """

    def __init__(self, engine: Any, rate_hz: int) -> None:
        super().__init__(name="frame-pump", daemon=True)
        self._engine = engine
        self._sound: Sound = Tone(rate_hz, 0.0)
        self._began: Future[float] | None = None
        self._lock = threading.Lock()
        self._phone_call_id: int | None = None

    def start_call(self, phone_call_id: int) -> None:
        """Push into this call from now on."""
        self._phone_call_id = phone_call_id

    def stop_call(self) -> None:
        """Push nothing any more."""
        self._phone_call_id = None

    def say(self, sound: Sound) -> Future[float]:
        """Change to another sound; the future tells the monotonic time of its first frame."""
        began: Future[float] = Future()
        with self._lock:
            self._sound, self._began = sound, began
        return began

    def run(self) -> None:
        """Push until the process ends."""
        call_inline_in_this_thread()
        due_s = time.monotonic()
        while True:
            if self._phone_call_id is None:
                due_s = time.monotonic()
            else:
                self._push(self._phone_call_id)
            due_s += FRAME_MS / 1000
            time.sleep(max(0.0, due_s - time.monotonic()))

    def _push(self, phone_call_id: int) -> None:
        with self._lock:
            sound, began, self._began = self._sound, self._began, None
        if began is not None:
            began.set_result(time.monotonic())
        try:
            self._engine.send_external_frame(
                phone_call_id, StreamDevice.MICROPHONE, sound.frame(), FrameData()
            )
        except (ntgcalls.ConnectionNotFound, ntgcalls.InvalidParams):
            self._phone_call_id = None
