"""The voice engine on ntgcalls 3.0.5. Imported only inside a media host: the library can kill its process.

Frames are pushed from the tick thread as ordinary calls; the library's
callbacks only copy and leave; everything that may block is done by the
control thread.
"""

import itertools
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import ntgcalls
from ntgcalls import ConnectionState, FrameData, NTgCalls, StreamDevice, StreamMode

from linegram.audio.frame import FRAME_MS
from linegram.errors import LocalProtocolError, UnavailableError
from linegram.link.figures import LegFigures
from linegram.link.voice import VoiceParameters
from linegram.outcomes import EndReason
from linegram.rtp.packet import PassedPacket
from linegram.voice.engine import (
    PcmFrame,
    RemoteMuteChanged,
    VoiceEngine,
    VoiceEvent,
    VoiceLeg,
    VoiceSignal,
    VoiceState,
    VoiceStateChanged,
)
from linegram.voice.inline_loop import call_inline_in_this_thread
from linegram.voice.ntgcalls_control import ControlThread
from linegram.voice.playout import PlayoutQueue

_CLOSE_LIMIT_S: Final = 1.0
_STUCK_S: Final = 10.0
_GONE: Final = (ConnectionState.TIMEOUT, ConnectionState.FAILED, ConnectionState.CLOSED)


class NtgcallsLeg:
    """One call of the library. Methods are for the tick thread, `report_*` and `take_*` for the others."""

    passes_opus = False

    def __init__(
        self, parameters: VoiceParameters, sample_hz: int, call: int, engine: "NtgcallsEngine"
    ) -> None:
        self.parameters = parameters
        self.sample_hz = sample_hz
        self._call = call
        self._engine = engine
        self._events: deque[VoiceEvent] = deque()
        self._heard = PlayoutQueue(sample_hz)
        self._half_bytes = sample_hz // 100 * 2
        self._is_connected = False
        self._is_closed = False
        self._is_muted = False
        self._ticks = 0

    def receive_signal(self, payload: bytes) -> None:
        """Pass signalling bytes to the control thread, which keeps them until the call joins."""
        if not self._is_closed:
            self._engine.control.receive_signal(self._call, payload)

    def push(self, frame: PcmFrame) -> None:
        """Send 20 ms as the two 10 ms frames that the library wants; before CONNECTED nothing is sent.

        The library does not check lengths: a short frame makes it read beyond the buffer.
        """
        if self._is_closed or not self._is_connected:
            return
        pcm = bytes(frame.nbytes) if self._is_muted else frame.tobytes()
        if frame.dtype.itemsize != 2 or len(pcm) != 2 * self._half_bytes:
            raise LocalProtocolError(f"a voice frame of {len(pcm)} bytes at {self.sample_hz} Hz")
        self._engine.send(self._call, pcm[: self._half_bytes])
        self._engine.send(self._call, pcm[self._half_bytes :])

    def pull(self) -> PcmFrame:
        """Return the next 20 ms heard; read-only silence when there is none."""
        self._ticks += 1
        return self._heard.pull()

    def push_opus(self, packets: Sequence[PassedPacket]) -> None:  # noqa: ARG002
        """Refuse: the library takes PCM only."""
        raise LocalProtocolError("ntgcalls passes no Opus packets")

    def pull_opus(self) -> Sequence[PassedPacket]:
        """Refuse: the library gives PCM only."""
        raise LocalProtocolError("ntgcalls passes no Opus packets")

    def mute(self, *, is_muted: bool) -> None:
        """Send silence from now on, or sound again.

        The far end is not told: a short mute of the library's own delays the rest of the call by 475 ms.
        """
        self._is_muted = is_muted

    def statistics(self) -> LegFigures:
        """Return how long the leg was pulled; the library tells nothing of its packets."""
        return LegFigures(codec="opus", duration_s=self._ticks * FRAME_MS / 1000)

    def handle_timer(self, now: float) -> None:
        """Look whether the control thread still works; the library keeps its own time.

        Raises UnavailableError when a call into the library has not come back for ten seconds.
        """
        if now - self._engine.control.alive_at > _STUCK_S:
            raise UnavailableError("The voice library does not answer any more.")

    def next_event(self) -> VoiceEvent | None:
        """Return the oldest event not yet taken, or None."""
        return self._events.popleft() if self._events and not self._is_closed else None

    def close(self) -> None:
        """Stop pushing at once; the call itself is left in the background."""
        if not self._is_closed:
            self._is_closed = True
            self._engine.leave(self._call)

    def report_connected(self) -> None:
        """Let the tick thread push."""
        self._is_connected = True
        self._events.append(VoiceStateChanged(VoiceState.CONNECTED))

    def report_ended(self, reason: EndReason) -> None:
        """Note the end; a call that never was connected cannot be lost."""
        never_up = reason is EndReason.VOICE_LOST and not self._is_connected
        self._is_connected = False
        self._events.append(
            VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_NOT_CONNECTED if never_up else reason)
        )

    def take_signal(self, payload: bytes) -> None:
        """Keep signalling bytes for the tick thread to collect."""
        self._events.append(VoiceSignal(payload))

    def take_mute(self, *, is_muted: bool) -> None:
        """Keep the far end's mute sign for the tick thread to collect."""
        self._events.append(RemoteMuteChanged(is_muted))

    def take_frame(self, half: bytes) -> None:
        """Keep 10 ms of audio for the tick thread to pull."""
        self._heard.put(half)


class NtgcallsEngine:
    """All voice legs of one process. Make it in the thread that will push."""

    name = "ntgcalls"
    sample_rates_hz: tuple[int, ...] = (8000, 16000, 48000)

    def __init__(self) -> None:
        call_inline_in_this_thread()
        self._native = NTgCalls()
        self._meta = FrameData()
        self._legs: dict[int, NtgcallsLeg] = {}
        self._numbers = itertools.count(1)
        self.control = ControlThread(self._native)
        self._native.on_signaling_data(self._on_signaling_data)
        self._native.on_connection_change(self._on_connection_change)
        self._native.on_remote_source_change(self._on_remote_source_change)
        self._native.on_frames(self._on_frames)
        self.control.start()

    def open(self, parameters: VoiceParameters, sample_hz: int) -> VoiceLeg:
        """Start joining a call; it waits while another one of this process is being set up."""
        if sample_hz not in self.sample_rates_hz:
            raise LocalProtocolError(f"no voice leg at {sample_hz} Hz: the library crashes at odd rates")
        call = next(self._numbers)
        leg = NtgcallsLeg(parameters, sample_hz, call, self)
        self._legs[call] = leg
        self.control.open(call, leg)
        return leg

    def close(self) -> None:
        """Leave all calls in order. The process must then end by `os._exit`: threads of the library stay."""
        self._legs.clear()
        self.control.close(_CLOSE_LIMIT_S)

    def send(self, call: int, half: bytes) -> None:
        """Send exactly 10 ms; a call that the library has removed meanwhile takes nothing."""
        try:
            self._native.send_external_frame(call, StreamDevice.MICROPHONE, half, self._meta)
        except (ntgcalls.ConnectionNotFound, ntgcalls.InvalidParams):
            return

    def leave(self, call: int) -> None:
        """Forget the leg and have its call left in two stages."""
        if self._legs.pop(call, None) is not None:
            self.control.leave(call)

    def _on_signaling_data(self, call: int, payload: bytes) -> None:
        if (leg := self._legs.get(call)) is not None:
            leg.take_signal(payload)

    def _on_connection_change(self, call: int, info: Any) -> None:
        if info.state == ConnectionState.CONNECTED or info.state in _GONE:
            self.control.connection_changed(call, is_connected=info.state == ConnectionState.CONNECTED)

    def _on_remote_source_change(self, call: int, source: Any) -> None:
        leg = self._legs.get(call)
        if leg is not None and source.device == StreamDevice.MICROPHONE:
            leg.take_mute(is_muted=source.state == ntgcalls.StreamStatus.IDLING)

    def _on_frames(self, call: int, mode: Any, _device: Any, frames: list[Any]) -> None:
        leg = self._legs.get(call)
        if leg is not None and frames and mode == StreamMode.PLAYBACK:
            leg.take_frame(frames[0].data)


def make() -> VoiceEngine:
    """Make the engine; what `engines.make_engine` calls."""
    return NtgcallsEngine()
