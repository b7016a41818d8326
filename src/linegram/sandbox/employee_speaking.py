"""Pushes what an employee says into ntgcalls, on time.

Runs in the voice process only.
"""

import threading
import time
from concurrent.futures import Future
from typing import Any

import ntgcalls
from ntgcalls import FrameData, StreamDevice

from linegram.sandbox.employee_sounds import FRAME_MS, Sound, Tone
from linegram.voice.inline_loop import call_inline_in_this_thread


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
