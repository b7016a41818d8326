"""The employees' ends of many calls in one cheap process: our own engine, passing ready Opus packets.

Each voice says some seconds of ready Opus packets over and over, 60 ms in each, as Telegram's apps do. It
keeps the last packets that it heard: they are decoded only when somebody asks. What is spent here is told
apart from what a media host spends.
"""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

import msgspec
import numpy as np

from bench.telephones import come_second
from linegram.audio.frame import FRAME_MS, FULLBAND_HZ, PcmFrame, samples_per_frame, silence
from linegram.audio.opus import OpusCodec
from linegram.link.voice import VoiceParameters
from linegram.media.process import become_media_process, leave_at_once
from linegram.rtp.packet import PassedPacket
from linegram.voice.engine import VoiceLeg, VoiceSignal, VoiceState, VoiceStateChanged
from linegram.voice.own.engine import OwnEngine

TICK_S = 0.02
SAMPLE_HZ = 8_000
PACKET_MS = 60
TICKS_PER_PACKET = PACKET_MS // FRAME_MS
WARM_UP_PACKETS = 9
KEPT_FRAMES = 60
PACKET_TICKS = samples_per_frame(FULLBAND_HZ, PACKET_MS)
SILENT = silence(samples_per_frame(SAMPLE_HZ))
SETUP_LOOK_S = 0.002


class Join(msgspec.Struct, frozen=True, tag=True):
    """Join a call as its far end; every voice has a number."""

    voice: int
    parameters: VoiceParameters
    says: tuple[bytes, ...]


class Signal(msgspec.Struct, frozen=True, tag=True):
    """Signalling bytes, to or from a voice."""

    voice: int
    payload: bytes


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Ask what a voice heard last, and what this process has spent."""

    voice: int = -1


class Joined(msgspec.Struct, frozen=True, tag=True):
    """A voice is connected."""

    voice: int


class Ended(msgspec.Struct, frozen=True, tag=True):
    """A voice lost its call."""

    voice: int


class Told(msgspec.Struct, frozen=True, tag=True):
    """The answer to Ask: PCM16 at 8 kHz; CPU seconds and ticks of the process."""

    heard: bytes
    cpu_s: float
    ticks: int


class Leave(msgspec.Struct, frozen=True, tag=True):
    """End the process."""


Order = Join | Signal | Ask | Leave
Report = Signal | Joined | Ended | Told
_ORDERS: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_REPORTS: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)


def opus_of(samples: PcmFrame, sample_hz: int) -> tuple[bytes, ...]:
    """Encode sound that can be repeated, as an app would; the encoder warms up on its end."""
    size = samples_per_frame(sample_hz, PACKET_MS)
    frames = [samples[start : start + size] for start in range(0, len(samples) - size + 1, size)]
    codec = OpusCodec(sample_hz)
    payloads = [codec.encode(frame) for frame in (*frames[-WARM_UP_PACKETS:], *frames)]
    codec.close()
    return tuple(payloads[WARM_UP_PACKETS:])


def opus_tone(hz: int) -> tuple[bytes, ...]:
    """Encode three seconds of a tone of whole Hertz."""
    at_s = np.arange(3 * SAMPLE_HZ) / SAMPLE_HZ
    return opus_of((8_000 * np.sin(2 * np.pi * hz * at_s)).astype(np.int16), SAMPLE_HZ)


class FarVoice:
    """One voice: a leg that passes Opus, what it says, and what it heard last."""

    def __init__(self, number: int, leg: VoiceLeg, says: Sequence[bytes]) -> None:
        self.number, self.leg = number, leg
        self.is_connecting = True
        self._says = says
        self._heard: deque[bytes] = deque(maxlen=KEPT_FRAMES)
        self._ticks = number

    def tick(self, now: float) -> None:
        """Let 20 ms pass."""
        leg = self.leg
        leg.handle_timer(now)
        if not leg.passes_opus:
            leg.pull()
            leg.push(SILENT)
            return
        for heard in leg.pull_opus():
            self._heard.append(heard.payload)
        leg.push_opus(self._next_packet())

    def _next_packet(self) -> list[PassedPacket]:
        number, rest = divmod(self._ticks, TICKS_PER_PACKET)
        self._ticks += 1
        if rest:
            return []
        payload = self._says[number % len(self._says)]
        return [PassedPacket(1, number, number * PACKET_TICKS, payload, PACKET_TICKS)]

    def reports(self) -> Iterator[Report]:
        """Give what happened."""
        while (event := self.leg.next_event()) is not None:
            if isinstance(event, VoiceSignal):
                yield Signal(self.number, event.payload)
            elif isinstance(event, VoiceStateChanged) and event.state is not VoiceState.CONNECTING:
                self.is_connecting = False
                yield Joined(self.number) if event.state is VoiceState.CONNECTED else Ended(self.number)

    def heard(self) -> PcmFrame:
        """Decode what came last."""
        codec = OpusCodec(SAMPLE_HZ)
        frames = [codec.decode(payload) for payload in tuple(self._heard) if payload]
        codec.close()
        return np.concatenate([silence(0), *frames])


class FarVoices:
    """All voices of the process."""

    def __init__(self, control: Connection) -> None:
        self._control = control
        self._voices: dict[int, FarVoice] = {}
        self._engine = OwnEngine()
        self._is_leaving = False
        self._ticks = 0

    def run(self) -> None:
        """Tick until told to leave or left alone."""
        due = time.monotonic()
        while not self._is_leaving:
            due += TICK_S
            self._obey_until(due)
            now = time.monotonic()
            self._ticks += 1
            for voice in self._voices.values():
                voice.tick(now)
                self._report(voice)

    def _obey_until(self, due: float) -> None:
        """Take orders until the next tick is due; one at least, however late it is."""
        left = 0.0
        while not self._is_leaving:
            connecting = [voice for voice in self._voices.values() if voice.is_connecting]
            has_order = self._control.poll(min(left, SETUP_LOOK_S) if connecting else left)
            if has_order:
                self._obey(_ORDERS.decode(self._control.recv_bytes()))
            for voice in connecting:
                self._report(voice)
            left = max(0.0, due - time.monotonic())
            if not left:
                return

    def _obey(self, order: Order) -> None:
        match order:
            case Join():
                self._join(order)
            case Signal(number, payload):
                self._voices[number].leg.receive_signal(payload)
            case Ask(number):
                heard = self._voices[number].heard().tobytes() if number in self._voices else b""
                self._send(Told(heard, time.process_time(), self._ticks))
            case Leave():
                self._is_leaving = True

    def _join(self, order: Join) -> None:
        leg = self._engine.open(order.parameters, SAMPLE_HZ)
        voice = self._voices[order.voice] = FarVoice(order.voice, leg, order.says)
        self._report(voice)

    def _report(self, voice: FarVoice) -> None:
        for report in voice.reports():
            self._send(report)

    def _send(self, report: Report) -> None:
        self._control.send_bytes(msgspec.msgpack.encode(report))


def serve(control: Connection) -> None:
    """Be the voices."""
    status = 1
    become_media_process()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    come_second()
    try:
        FarVoices(control).run()
        status = 0
    except EOFError:
        status = 0
    finally:
        leave_at_once(status)


class FarEnd:
    """A process of voices, seen from the one who started it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.link, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid or 0

    def send(self, order: Order) -> None:
        """Tell the process something."""
        self.link.send_bytes(msgspec.msgpack.encode(order))

    def receive(self) -> Report:
        """Take one report; waits for it."""
        return _REPORTS.decode(self.link.recv_bytes())

    def close(self) -> None:
        """End the process."""
        self.send(Leave())
        self._process.join()
        self.link.close()


def both_sides() -> tuple[VoiceParameters, VoiceParameters]:
    """Agree on a call: the parameters of its caller and its callee."""
    key = os.urandom(256)
    caller, callee = (
        VoiceParameters(key=key, is_outgoing=side, versions=("13.0.0",), servers=(), is_p2p_allowed=True)
        for side in (True, False)
    )
    return caller, callee
