"""One call's voice leg: joins signalling, path, sound and ways, and watches that the far end is there."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import structlog

from linegram.audio.frame import samples_per_frame, silence
from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.link.figures import LegFigures
from linegram.outcomes import EndReason
from linegram.rtp.packet import PassedPacket
from linegram.voice.engine import (
    PcmFrame,
    RemoteMuteChanged,
    VoiceEvent,
    VoiceSignal,
    VoiceState,
    VoiceStateChanged,
)
from linegram.voice.own.audio import VoiceAudio
from linegram.voice.own.gathering import Gathering
from linegram.voice.own.ice.agent import Datagram
from linegram.voice.own.messages import (
    Candidates,
    InitialSetup,
    MediaState,
    Message,
    read_message,
    write_message,
)
from linegram.voice.own.secure_path import SecurePath
from linegram.voice.own.signalling import Signalling
from linegram.voice.own.silence_watch import Advice, SilenceWatch
from linegram.voice.own.ways.ways import DOUBT_S

log = structlog.get_logger()

CONNECT_LIMIT_S: Final = 20.0
GONE_S: Final = 10.0
"""Far ends check the path every 2.5 s, muted ones too."""

_SLOW_S: Final = 0.1
"""How often a connected leg looks after everything but sound; that is a third of its cost."""


class OwnLeg:
    """A voice leg of our own engine; see `VoiceLeg` for what its methods promise."""

    def __init__(
        self,
        signalling: Signalling,
        path: SecurePath,
        audio: VoiceAudio,
        *,
        sample_hz: int,
        gathering: Gathering,
        clock: Callable[[], float],
    ) -> None:
        self._signalling = signalling
        self._path = path
        self._audio = audio
        self._frame_samples = samples_per_frame(sample_hz)
        self._gathering = gathering
        self._ways = gathering.ways
        self._clock = clock
        self._state = VoiceState.CONNECTING
        self._events: deque[VoiceEvent] = deque()
        self._is_far_muted = False
        self._said_muted: bool | None = None
        self._slow_at = 0.0
        self._opened_at = clock()
        self._silence: SilenceWatch | None = None
        self._say_hello(self._opened_at)

    @property
    def is_closed(self) -> bool:
        """The leg has left the call and holds nothing."""
        return self._state is VoiceState.ENDED

    def receive_signal(self, payload: bytes) -> None:
        """Take signalling bytes that came through Telegram; what is malformed is dropped."""
        if self._state is VoiceState.ENDED:
            return
        now = self._clock()
        try:
            for message in self._signalling.receive(payload, now):
                self._take(message, now)
        except RemoteProtocolError as error:
            log.info("voice_signal_dropped", reason=str(error)[:200])
        self._advance(now)

    def push(self, frame: PcmFrame) -> None:
        """Send 20 ms of audio; before the leg is connected it goes nowhere.

        Raises LocalProtocolError for anything but 20 ms of PCM16.
        """
        if frame.dtype != np.int16 or len(frame) != self._frame_samples:
            raise LocalProtocolError(f"a frame of {len(frame)} samples of {frame.dtype} is not 20 ms")
        if self._state is not VoiceState.CONNECTED:
            return
        now = self._clock()
        packet = self._audio.push(frame, now)
        if packet is not None:
            self._send(self._path.send_rtp(packet), now)

    def pull(self) -> PcmFrame:
        """Return the next 20 ms heard, silence when the leg has ended; reads the way in use first."""
        now = self._clock()
        if self._state is VoiceState.CONNECTED and self._path.ice.path is not None:
            self._drain(now, self._path.ice.path.way)
        return silence(self._frame_samples) if self.is_closed else self._audio.pull(now)

    @property
    def passes_opus(self) -> bool:
        """Ready Opus packets can go in and out now."""
        return self._state is VoiceState.CONNECTED and self._audio.passes_opus

    def push_opus(self, packets: Sequence[PassedPacket]) -> None:
        """Send ready packets in place of a frame; before the leg is connected they go nowhere."""
        if self._state is not VoiceState.CONNECTED:
            return
        now = self._clock()
        for packet in self._audio.push_opus(packets, now):
            self._send(self._path.send_rtp(packet), now)

    def pull_opus(self) -> Sequence[PassedPacket]:
        """Return what came since the last time, unopened, in place of a frame."""
        if self._state is not VoiceState.CONNECTED or self._path.ice.path is None:
            return ()
        self._drain(self._clock(), self._path.ice.path.way)
        return self._audio.pull_opus()

    def mute(self, *, is_muted: bool) -> None:
        """Send no sound from now on, or send it again, and tell the far end, as libwebrtc ends do."""
        self._audio.is_muted = is_muted
        self._tell_state(self._clock())

    def statistics(self) -> LegFigures:
        """Return the figures of the leg so far."""
        return self._audio.statistics(self._clock())

    def handle_timer(self, now: float) -> None:
        """Do what time asks for; when connected, not in every tick."""
        is_connected = self._state is VoiceState.CONNECTED
        if self._state is VoiceState.ENDED or (is_connected and now < self._slow_at):
            return
        self._slow_at = now + _SLOW_S
        self._drain(now)
        self._ways.handle_timer(now)
        self._signalling.handle_timer(now)
        self._path.handle_timer(now)
        if is_connected and (report := self._audio.rtcp_due(now)) is not None:
            self._send(self._path.send_rtcp(report), now)
        self._advance(now)
        self._watch(now)

    def next_event(self) -> VoiceEvent | None:
        """Return the oldest event not yet taken; while connecting, also look what has come."""
        if self._state is VoiceState.CONNECTING and not self._events:
            now = self._clock()
            self._drain(now)
            self._ways.handle_timer(now)
            self._path.handle_timer(now)
            self._advance(now)
        return self._events.popleft() if self._events else None

    def close(self) -> None:
        """Leave the call: tell the far end, free sockets and codec. Safe to repeat."""
        self._events.clear()
        self._leave()
        self._events.clear()

    # -- signalling

    def _say_hello(self, now: float) -> None:
        self._signalling.send(self._path.setup(), now)
        self._signalling.start(now)
        self._advance(now)

    def _take(self, message: Message, now: float) -> None:
        match message:
            case InitialSetup():
                self._path.set_remote(message, now)
            case Candidates():
                self._gathering.take(message)
            case MediaState():
                self._take_state(message)

    def _take_state(self, state: MediaState) -> None:
        if state.muted != self._is_far_muted:
            self._is_far_muted = state.muted
            self._events.append(RemoteMuteChanged(state.muted))

    # -- the path

    def _drain(self, now: float, way: int | None = None) -> None:
        """Take in all that has come, or what has come by one way."""
        for number, source, datagram in self._ways.received(now, way):
            self._path.receive(number, source, datagram, now)
        while self._path.rtp:
            self._audio.receive(self._path.rtp.popleft(), now)
        while self._path.rtcp:
            self._audio.receive_rtcp(self._path.rtcp.popleft(), now)
        while self._path.texts:
            self._take_text(self._path.texts.popleft(), now)
        self._send_waiting(now)

    def _take_text(self, text: bytes, now: float) -> None:
        try:
            message = read_message(text)
            if message is not None:
                self._take(message, now)
        except RemoteProtocolError as error:
            log.info("voice_message_malformed", reason=str(error)[:200])

    def _advance(self, now: float) -> None:
        """Send what waits, and notice what both ends have agreed on and that the leg is connected."""
        if (news := self._gathering.news(now)) is not None:
            self._signalling.send(news, now)
        while (packet := self._signalling.next_packet()) is not None:
            self._events.append(VoiceSignal(packet))
        negotiation = self._signalling.negotiation
        self._audio.agree(negotiation.outgoing, negotiation.incoming)
        self._tell_state(now)
        self._send_waiting(now)
        if self._state is VoiceState.CONNECTING and self._path.is_up and negotiation.outgoing is not None:
            self._state = VoiceState.CONNECTED
            self._silence = SilenceWatch(now)
            self._events.append(VoiceStateChanged(VoiceState.CONNECTED))

    def _tell_state(self, now: float) -> None:
        """Say whether we are muted: once at the start, then at each change."""
        if (
            self._state is VoiceState.ENDED
            or not self._path.is_up
            or self._said_muted == self._audio.is_muted
        ):
            return
        self._said_muted = self._audio.is_muted
        self._path.send_text(write_message(MediaState(muted=self._said_muted)), now)
        self._send_waiting(now)

    def _send_waiting(self, now: float) -> None:
        while (datagram := self._path.next_datagram()) is not None:
            self._send(datagram, now)

    def _send(self, datagram: Datagram | None, now: float) -> None:
        if datagram is not None:
            self._ways.send(datagram.way, datagram.target, datagram.payload, now)

    # -- the end

    def _watch(self, now: float) -> None:
        """End the leg when the far end has left, is gone, or never came."""
        if self._path.is_closed:
            self._end("far_end_left")
        elif self._state is VoiceState.CONNECTING and now - self._opened_at > CONNECT_LIMIT_S:
            self._end("not_connected_in_time")
        elif self._state is VoiceState.CONNECTING and self._ways.is_hopeless:
            self._end("no_way_at_all")
        elif self._state is VoiceState.CONNECTED:
            self._watch_far_end(now)
            self._watch_silence(now)

    def _watch_far_end(self, now: float) -> None:
        silent_s = now - self._path.heard_at
        if silent_s > GONE_S:
            self._end("far_end_silent")
        elif silent_s > DOUBT_S:
            self._ways.doubt(now)

    def _watch_silence(self, now: float) -> None:
        """Negotiate again with a far end that is there and yet unheard; that it stays so ends nothing."""
        if self._silence is None:
            return
        incoming, heard = self._signalling.negotiation.incoming, self._audio.packets_heard
        advice = self._silence.look(incoming, heard, now, is_muted=self._is_far_muted)
        if advice is None:
            return
        log.warning("voice_far_end_unheard", is_agreed=incoming is not None, next=advice.value)
        if advice is Advice.OFFER_AGAIN:
            self._signalling.offer_again(now)
            self._advance(now)

    def _end(self, cause: str) -> None:
        was_connected = self._state is VoiceState.CONNECTED
        reason = EndReason.VOICE_LOST if was_connected else EndReason.VOICE_NOT_CONNECTED
        log.info("voice_leg_ended", cause=cause, was_connected=was_connected)
        if not was_connected and (troubles := self._ways.troubles()):
            log.warning("voice_servers_failed", servers=troubles)
        self._leave()
        self._events.append(VoiceStateChanged(VoiceState.ENDED, reason))

    def _say_goodbye(self, now: float) -> None:
        if (goodbye := self._audio.goodbye(now)) is not None:
            self._send(self._path.send_rtcp(goodbye), now)

    def _leave(self) -> None:
        if self._state is VoiceState.ENDED:
            return
        now = self._clock()
        if self._state is VoiceState.CONNECTED:
            self._say_goodbye(now)
        self._path.close()
        self._send_waiting(now)
        self._state = VoiceState.ENDED
        self._ways.close(now)
        self._audio.close()
