"""What legs need of the media hosts, as a small port; the pool implements it, and a double in `sandbox/`."""

from typing import Protocol

from linegram.link.commands import Tone
from linegram.link.voice import VoiceParameters
from linegram.media.control import LocalMedia, RemoteMedia
from linegram.units import CallId, LegId


class CallAudio(Protocol):
    """Carries the audio of calls. What is asked about unknown or ended calls and legs is ignored."""

    async def open_pbx_leg(self, call_id: CallId, leg_id: LegId) -> LocalMedia:
        """Bind a pair of RTP ports for the leg; the same ones when asked again.

        Raises UnavailableError with a sentence: no capacity, no port, or the call ended meanwhile.
        """

    def connect_pbx_leg(self, leg_id: LegId, remote: RemoteMedia) -> None:
        """Exchange RTP as offer and answer agreed; again after every new agreement."""

    def press_digits(self, leg_id: LegId, digits: str, *, in_band: bool = False) -> None:
        """Press keys towards the PBX: as telephone events, or as tones in the audio."""

    def close_pbx_leg(self, leg_id: LegId) -> None:
        """Free a leg's ports while its call goes on."""

    async def open_voice_leg(
        self, call_id: CallId, leg_id: LegId, parameters: VoiceParameters, engine: str = ""
    ) -> None:
        """Start joining the Telegram call with this voice engine; empty means the usual one.

        Raises UnavailableError with a sentence: no capacity, or no such engine.
        """

    def signal_voice(self, leg_id: LegId, payload: bytes) -> None:
        """Hand signalling bytes from Telegram to the voice leg."""

    def close_voice(self, leg_id: LegId) -> None:
        """Leave the Telegram call's voice."""

    def connect_audio(self, call_id: CallId) -> None:
        """Let the legs of a call hear each other; ends any tone."""

    def play_tone(self, call_id: CallId, tone: Tone) -> None:
        """Play a tone into the call's voice leg."""

    def end_call(self, call_id: CallId) -> None:
        """Free all that is held for a call. The call cannot be opened again."""
