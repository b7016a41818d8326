"""Two streams over a wire of lists: sound, loss, digits, reports, odd peers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from linegram.audio.frame import PcmFrame
from linegram.audio.spectrum import has_tone
from linegram.audio.tones import ToneGenerator, parse_cadence
from linegram.errors import LocalProtocolError
from linegram.media.stream import RtpStream, StreamSettings

CODECS = [("PCMA", 8), ("PCMU", 0), ("G722", 9), ("opus", 111)]
TICK_S = 0.02


def open_stream(
    codecs: dict[int, str], *, ptime_ms: int = 20, seed: int = 1, events: int | None = 101
) -> RtpStream:
    settings = StreamSettings(codecs, next(iter(codecs)), events, ptime_ms=ptime_ms)
    return RtpStream(settings, 0.0, random.Random(seed).random)


@dataclass
class Wire:
    """Carries datagrams one way: `delay_s` may drop one by giving None."""

    to: RtpStream
    delay_s: Callable[[int], float | None] = lambda _: 0.005
    count: int = 0
    on_the_way: list[tuple[float, bytes]] = field(default_factory=list)

    def send(self, datagrams: Sequence[bytes], now: float) -> None:
        for datagram in datagrams:
            delay = self.delay_s(self.count)
            self.count += 1
            if delay is not None:
                self.on_the_way.append((now + delay, datagram))

    def deliver(self, now: float) -> None:
        due = sorted(entry for entry in self.on_the_way if entry[0] <= now)
        self.on_the_way = [entry for entry in self.on_the_way if entry[0] > now]
        for arrival, datagram in due:
            self.to.receive_rtp(datagram, arrival)


def talk(sender: RtpStream, wire: Wire, seconds: float, start: float = 0.0) -> PcmFrame:
    """Send a tone of 425 Hz and give what the other end hears."""
    generator = ToneGenerator(parse_cadence("425/1000"), sender.sample_hz)
    heard = []
    for step in range(round(seconds / TICK_S)):
        now = start + step * TICK_S
        wire.send(sender.push(generator.frame(), now), now)
        wire.deliver(now + TICK_S / 2)
        heard.append(wire.to.pull(now + TICK_S / 2))
    return np.concatenate(heard)


@pytest.mark.parametrize(("name", "payload_type"), CODECS)
def test_a_tone_is_heard_at_the_other_end(name: str, payload_type: int) -> None:
    sender, receiver = open_stream({payload_type: name}), open_stream({payload_type: name}, seed=2)
    heard = talk(sender, Wire(receiver), 2.0)
    assert len(heard) == 2 * receiver.sample_hz
    assert has_tone(heard[receiver.sample_hz // 5 :], 425, receiver.sample_hz, margin_db=1.0)
    figures = receiver.statistics(1.99)
    assert (figures.packets_received, figures.packets_lost, figures.frames_concealed) == (100, 0, 0)
    assert figures.jitter_ms < 1.0
    assert figures.playout_delay_ms <= 46.0


@pytest.mark.parametrize(("name", "payload_type"), CODECS)
def test_a_tone_survives_loss_jitter_and_reordering(name: str, payload_type: int) -> None:
    chance = random.Random(5)
    delay: Callable[[int], float | None] = lambda _: None if chance.random() < 0.1 else chance.random() * 0.06  # noqa: E731
    sender, receiver = open_stream({payload_type: name}), open_stream({payload_type: name}, seed=2)
    heard = talk(sender, Wire(receiver, delay), 10.0)
    figures = receiver.statistics(10.0)
    assert has_tone(heard[5 * receiver.sample_hz :], 425, receiver.sample_hz, margin_db=3.0)
    assert 6.0 < figures.loss_percent < 14.0
    assert figures.packets_late < 25
    assert 40.0 < figures.playout_target_ms < 90.0
    assert figures.packets_reordered > 20


def test_pressed_digits_arrive_once_each_and_in_order() -> None:
    sender, receiver = open_stream({8: "PCMA"}), open_stream({8: "PCMA"}, seed=2)
    for digit in "1*11#d":
        sender.press(digit, duration_ms=80)
    lossy = Wire(receiver, lambda count: None if count % 4 == 1 else 0.005)
    talk(sender, lossy, 3.0)
    assert receiver.take_digits() == ["1", "*", "1", "1", "#", "D"]
    assert receiver.take_digits() == []


def test_digits_need_telephone_events() -> None:
    with pytest.raises(LocalProtocolError, match="not negotiated"):
        open_stream({8: "PCMA"}, events=None).press("1")
