"""The Telegram half of a call inside a media host: a voice leg, in the words of the link."""

from collections.abc import Iterator

from linegram.audio.frame import PcmFrame
from linegram.link.events import VoiceConnected, VoiceEnded, VoiceSignalled
from linegram.outcomes import EndReason
from linegram.units import LegId
from linegram.voice.engine import VoiceLeg, VoiceSignal, VoiceState, VoiceStateChanged

VoiceReport = VoiceSignalled | VoiceConnected | VoiceEnded


class VoiceSide:
    """Says and hears 20 ms frames at `sample_hz`, and reports what happens."""

    def __init__(self, leg_id: LegId, leg: VoiceLeg, sample_hz: int) -> None:
        self.leg_id = leg_id
        self.sample_hz = sample_hz
        self.is_connecting = True
        self._leg = leg

    def receive_signal(self, payload: bytes) -> None:
        """Pass signalling bytes from Telegram on."""
        self._leg.receive_signal(payload)

    def push(self, frame: PcmFrame) -> None:
        """Say 20 ms."""
        self._leg.push(frame)

    def pull(self) -> PcmFrame:
        """Hear 20 ms."""
        return self._leg.pull()

    def handle_timer(self, now: float) -> None:
        """Let the leg do what time asks for."""
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
                case _:
                    continue

    def close(self) -> None:
        """Leave the call; nothing more is reported."""
        self.is_connecting = False
        self._leg.close()
