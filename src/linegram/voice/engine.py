"""What a voice engine must offer. May know nothing of any engine or of calls.

The media host drives a leg from its 20 ms tick: it pushes one frame, pulls
one frame, and collects events. No thread and no future appears here; an
engine that has threads of its own hides them. A leg that passes Opus also takes
and gives ready packets in place of frames; each tick is one or the other.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from linegram.link.figures import LegFigures
from linegram.link.voice import VoiceParameters
from linegram.outcomes import EndReason
from linegram.rtp.packet import PassedPacket

PcmFrame = NDArray[np.int16]
"""Mono PCM16, 20 ms long at the leg's rate."""


class VoiceState(Enum):
    """Where a voice leg stands."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    ENDED = "ended"


class VoiceSignal(msgspec.Struct, frozen=True):
    """Signalling bytes for the far end, to be carried by Telegram."""

    payload: bytes


class VoiceStateChanged(msgspec.Struct, frozen=True):
    """The leg reached a state; `reason` goes with ENDED."""

    state: VoiceState
    reason: EndReason | None = None


class RemoteMuteChanged(msgspec.Struct, frozen=True):
    """The far end switched its microphone off or on. A muted end is not gone."""

    is_muted: bool


VoiceEvent = VoiceSignal | VoiceStateChanged | RemoteMuteChanged


class VoiceLeg(Protocol):
    """One Telegram call's voice. All methods are called from the media host's tick thread."""

    def receive_signal(self, payload: bytes) -> None:
        """Take signalling bytes that came through Telegram; kept while the leg is not ready for them."""

    def push(self, frame: PcmFrame) -> None:
        """Send 20 ms of audio. Push every tick, silence included: a gap becomes delay at the far end."""

    def pull(self) -> PcmFrame:
        """Return the next 20 ms heard from the far end; silence when there is none."""

    @property
    def passes_opus(self) -> bool:
        """Ready Opus packets can go in and out now; False for an engine that cannot."""

    def push_opus(self, packets: Sequence[PassedPacket]) -> None:
        """Send ready packets in place of a frame: none, one or several; 20 ms pass.

        Raises LocalProtocolError from an engine that cannot.
        """

    def pull_opus(self) -> Sequence[PassedPacket]:
        """Return what has come since the last time, unopened, in place of a frame.

        The first time begins with what was about to be heard. Raises LocalProtocolError as above.
        """

    def mute(self, *, is_muted: bool) -> None:
        """Say nothing from now on, or speak again; the far end is told where the engine can.

        Go on pushing: what is pushed meanwhile is dropped, not kept.
        """

    def statistics(self) -> LegFigures:
        """Return the figures of the leg so far; what the engine cannot tell is left at its default."""

    def handle_timer(self, now: float) -> None:
        """Do what time asks for; called once per tick with the monotonic clock in seconds.

        Raises UnavailableError when the engine itself is stuck: then no leg of it will ever work again.
        """

    def next_event(self) -> VoiceEvent | None:
        """Return the oldest event not yet taken, or None."""

    def close(self) -> None:
        """Leave the call. The leg emits nothing more and frees what it holds."""


class VoiceEngine(Protocol):
    """Makes voice legs; one engine per media host process."""

    name: str
    sample_rates_hz: tuple[int, ...]

    def open(self, parameters: VoiceParameters, sample_hz: int) -> VoiceLeg:
        """Start joining a call; audio goes in and out at `sample_hz`."""

    def close(self) -> None:
        """Close all legs and free the engine."""
