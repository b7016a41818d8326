"""The leg of a call that the engine cannot join."""

from collections.abc import Sequence

from linegram.audio.frame import samples_per_frame, silence
from linegram.link.figures import LegFigures
from linegram.outcomes import EndReason
from linegram.rtp.packet import PassedPacket
from linegram.voice.engine import PcmFrame, VoiceEvent, VoiceState, VoiceStateChanged


class RefusedLeg:
    """Ends as its first event; says and hears nothing."""

    passes_opus = False

    def __init__(self, reason: EndReason, sample_hz: int) -> None:
        self._end: VoiceEvent | None = VoiceStateChanged(VoiceState.ENDED, reason)
        self._silence = silence(samples_per_frame(sample_hz))

    def receive_signal(self, payload: bytes) -> None:
        """Pass over what comes through Telegram."""

    def push(self, frame: PcmFrame) -> None:
        """Send nothing."""

    def pull(self) -> PcmFrame:
        """Return silence."""
        return self._silence

    def push_opus(self, packets: Sequence[PassedPacket]) -> None:
        """Send nothing."""

    def pull_opus(self) -> Sequence[PassedPacket]:
        """Return nothing."""
        return ()

    def mute(self, *, is_muted: bool) -> None:
        """Stay silent."""

    def statistics(self) -> LegFigures:
        """Return no figures."""
        return LegFigures()

    def handle_timer(self, now: float) -> None:
        """Wait for nothing."""

    def next_event(self) -> VoiceEvent | None:
        """Return the end, once."""
        end, self._end = self._end, None
        return end

    def close(self) -> None:
        """Emit nothing more."""
        self._end = None
