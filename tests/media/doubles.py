"""A voice engine without a network: tests say what is heard and see what is said. And free ports."""

import socket
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from linegram.link.figures import LegFigures
from linegram.link.voice import VoiceParameters
from linegram.rtp.packet import PassedPacket
from linegram.voice.engine import PcmFrame, VoiceEvent, VoiceLeg


class ScriptedLeg:
    """Gives `to_hear` in every pull; keeps everything that was pushed."""

    def __init__(self, sample_hz: int) -> None:
        self.sample_hz = sample_hz
        self.to_hear: PcmFrame = np.zeros(sample_hz // 50, np.int16)
        self.said: list[PcmFrame] = []
        self.signals: list[bytes] = []
        self.events: list[VoiceEvent] = []
        self.pulls = 0
        self.passes_opus = False
        self.packets_to_hear: list[PassedPacket] = []
        self.packets_said: list[PassedPacket] = []
        self.is_muted = False
        self.figures = LegFigures()
        self.is_closed = False

    def receive_signal(self, payload: bytes) -> None:
        self.signals.append(payload)

    def push(self, frame: PcmFrame) -> None:
        assert len(frame) == self.sample_hz // 50
        self.said.append(frame)

    def pull(self) -> PcmFrame:
        self.pulls += 1
        self.packets_to_hear.clear()
        return self.to_hear

    def push_opus(self, packets: Sequence[PassedPacket]) -> None:
        assert self.passes_opus
        self.packets_said += packets

    def pull_opus(self) -> Sequence[PassedPacket]:
        assert self.passes_opus
        given, self.packets_to_hear = self.packets_to_hear, []
        return given

    def mute(self, *, is_muted: bool) -> None:
        self.is_muted = is_muted

    def statistics(self) -> LegFigures:
        return self.figures

    def handle_timer(self, now: float) -> None:
        return

    def next_event(self) -> VoiceEvent | None:
        return self.events.pop(0) if self.events else None

    def close(self) -> None:
        self.is_closed = True


class ScriptedEngine:
    """Keeps the legs it opened."""

    name = "scripted"
    sample_rates_hz: tuple[int, ...] = (8000, 16000, 48000)

    def __init__(self) -> None:
        self.legs: list[ScriptedLeg] = []
        self.is_closed = False

    def open(self, parameters: VoiceParameters, sample_hz: int) -> VoiceLeg:
        self.legs.append(ScriptedLeg(sample_hz))
        return self.legs[-1]

    def close(self) -> None:
        self.is_closed = True


def free_port() -> int:
    """Find an even port whose neighbour is free too."""
    while True:
        with ExitStack() as stack:
            probes = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in "12"]
            probes[0].bind(("127.0.0.1", 0))
            port = int(probes[0].getsockname()[1])
            try:
                probes[1].bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            if port % 2 == 0:
                return port
