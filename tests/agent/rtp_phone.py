"""A phone as the PBX's side of a leg: says a tone over RTP and keeps what it hears."""

import asyncio
import random
import socket
import time
from collections.abc import Callable

import numpy as np

from linegram.audio.frame import PcmFrame, silence
from linegram.audio.spectrum import has_tone
from linegram.audio.tones import ToneGenerator, parse_cadence
from linegram.media.control import Direction, LocalMedia, RemoteMedia
from linegram.media.stream import RtpStream, StreamSettings

PAYLOAD_TYPES = {"PCMA": 8, "PCMU": 0, "G722": 9, "opus": 111}
EVENTS = 101
TICK_S = 0.02
WINDOW_FRAMES = 25


class RtpPhone:
    """Runs in the test's loop, one 20 ms beat on an absolute schedule."""

    def __init__(self, codec: str, tone_hz: int) -> None:
        self.digits: list[str] = []
        self.quiet_ticks = 0
        self.to: LocalMedia | None = None
        self.is_mute = False
        self._codec = codec
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        payload_type = PAYLOAD_TYPES[codec]
        settings = StreamSettings({payload_type: codec}, payload_type, EVENTS)
        self._stream = RtpStream(settings, time.monotonic(), random.random)
        self.sample_hz = self._stream.sample_hz
        self._voice = ToneGenerator(parse_cadence(f"{tone_hz}/1000"), self.sample_hz)
        self._heard: list[PcmFrame] = []
        self._task = asyncio.create_task(self._run())

    def description(self, **changes: object) -> RemoteMedia:
        """What this phone's SDP would have settled."""
        ip, port = self._socket.getsockname()
        fields: dict[str, object] = {
            "ip": ip,
            "port": port,
            "rtcp_port": port + 1,
            "codec": self._codec,
            "payload_type": PAYLOAD_TYPES[self._codec],
            "telephone_event_payload_type": EVENTS,
            "direction": Direction.BOTH,
        }
        return RemoteMedia(**{**fields, **changes})  # type: ignore[arg-type]

    def press(self, digit: str) -> None:
        self._stream.press(digit)

    async def hears(self, tone_hz: int, *, within_s: float = 15.0) -> bool:
        """Wait until the last half second carries the tone."""
        return await until(lambda: self._has(tone_hz), within_s)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._stream.close()
        self._socket.close()

    def _has(self, tone_hz: int) -> bool:
        if len(self._heard) < WINDOW_FRAMES:
            return False
        return has_tone(np.concatenate(self._heard[-WINDOW_FRAMES:]), tone_hz, self.sample_hz, margin_db=1.5)

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            due += TICK_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._tick(time.monotonic())

    def _tick(self, now: float) -> None:
        self.quiet_ticks += 1
        while True:
            try:
                datagram = self._socket.recv(2048)
            except OSError:
                break
            self.quiet_ticks = 0
            self._stream.receive_rtp(datagram, now)
        self._heard.append(self._stream.pull(now))
        self.digits += self._stream.take_digits()
        said = silence(self.sample_hz // 50) if self.is_mute else self._voice.frame()
        for packet in self._stream.push(said, now):
            if self.to is not None:
                self._socket.sendto(packet, ("127.0.0.1", self.to.port))


async def until(is_so: Callable[[], bool], within_s: float) -> bool:
    """Look every few milliseconds whether something has become true."""
    deadline = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True
