"""The Telegram half of a call inside a media host: a voice leg, in the words of the link."""

from collections.abc import Iterator, Sequence

import msgspec
import structlog

from linegram.audio.frame import FRAME_MS, PcmFrame
from linegram.link.events import VoiceConnected, VoiceEnded, VoiceSignalled
from linegram.link.figures import LegFigures
from linegram.outcomes import EndReason
from linegram.rtp.packet import PassedPacket
from linegram.units import LegId
from linegram.voice.engine import RemoteMuteChanged, VoiceLeg, VoiceSignal, VoiceState, VoiceStateChanged

log = structlog.get_logger()

VoiceReport = VoiceSignalled | VoiceConnected | VoiceEnded


class VoiceSide:
    """Says and hears 20 ms frames at `sample_hz`, and reports what happens."""

    def __init__(self, leg_id: LegId, leg: VoiceLeg, sample_hz: int) -> None:
        self.leg_id = leg_id
        self.sample_hz = sample_hz
        self.is_connecting = True
        self._leg = leg
        self._is_far_muted = False
        self._far_muted_ticks = 0

    def receive_signal(self, payload: bytes) -> None:
        """Pass signalling bytes from Telegram on."""
        self._leg.receive_signal(payload)

    def push(self, frame: PcmFrame) -> None:
        """Say 20 ms."""
        self._leg.push(frame)

    def pull(self) -> PcmFrame:
        """Hear 20 ms."""
        return self._leg.pull()

    @property
    def passes_opus(self) -> bool:
        """Ready Opus packets can go in and out now, in place of frames."""
        return self._leg.passes_opus

    def push_opus(self, packets: Sequence[PassedPacket]) -> None:
        """Say ready packets; 20 ms pass."""
        self._leg.push_opus(packets)

    def pull_opus(self) -> Sequence[PassedPacket]:
        """Take the packets that came."""
        return self._leg.pull_opus()

    def mute(self, *, is_muted: bool) -> None:
        """Say nothing, or speak again."""
        self._leg.mute(is_muted=is_muted)

    def statistics(self) -> LegFigures:
        """Give the figures of the leg so far, and how long its far end was muted."""
        figures = self._leg.statistics()
        return msgspec.structs.replace(figures, far_muted_ms=self._far_muted_ticks * FRAME_MS)

    def handle_timer(self, now: float) -> None:
        """Let the leg do what time asks for; once per tick."""
        self._far_muted_ticks += self._is_far_muted
        self._leg.handle_timer(now)

    def reports(self) -> Iterator[VoiceReport]:
        """Give what happened since the last time, in the link's words."""
        while (event := self._leg.next_event()) is not None:
            match event:
                case VoiceSignal(payload):
                    yield VoiceSignalled(self.leg_id, payload)
                case VoiceStateChanged(VoiceState.CONNECTED, _):
                    self.is_connecting = False
                    yield VoiceConnected(self.leg_id)
                case VoiceStateChanged(VoiceState.ENDED, reason):
                    self.is_connecting = False
                    yield VoiceEnded(self.leg_id, reason or EndReason.VOICE_LOST)
                case RemoteMuteChanged(is_muted):
                    self._is_far_muted = is_muted
                    log.info("far_end_muted" if is_muted else "far_end_unmuted", leg_id=self.leg_id)

    def close(self) -> None:
        """Leave the call; nothing more is reported."""
        self.is_connecting = False
        self._leg.close()
