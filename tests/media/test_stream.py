"""Two streams over a wire of lists: sound, loss, digits, reports, odd peers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.audio.codec import open_codec
from linegram.audio.frame import PcmFrame, samples_per_frame, silence
from linegram.audio.spectrum import has_tone
from linegram.audio.tones import ToneGenerator, parse_cadence
from linegram.errors import LocalProtocolError
from linegram.media.stream import RtpStream, StreamSettings
from linegram.rtp.packet import RtpPacket, is_rtcp, parse_rtp
from linegram.rtp.rtcp import ReceiverReport, SenderReport, parse_compound
from linegram.rtp.sequence import timestamp_distance

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


def far_packets(name: str, payload_type: int, ptime_ms: int, seconds: float) -> list[bytes]:
    """Make what a peer with another packet time sends: a tone of 425 Hz."""
    codec = open_codec(name)
    generator = ToneGenerator(parse_cadence("425/1000"), codec.sample_hz)
    ticks = codec.clock_hz * ptime_ms // 1000
    packets = []
    for index in range(round(seconds * 1000 / ptime_ms)):
        payload = codec.encode(generator.frame(codec.sample_hz * ptime_ms // 1000))
        packets.append(RtpPacket(payload_type, index, index * ticks, 5, payload).serialise())
    return packets


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
@pytest.mark.parametrize(("name", "payload_type"), [("PCMA", 8), ("G722", 9)])
def test_every_packet_time_of_the_peer_is_understood(name: str, payload_type: int, ptime_ms: int) -> None:
    receiver = open_stream({payload_type: name})
    packets = far_packets(name, payload_type, ptime_ms, 3.0)
    heard, sent = [], 0
    for tick in range(150):
        now = tick * TICK_S
        while sent < len(packets) and (sent + 1) * ptime_ms / 1000 <= now + 1e-9:
            receiver.receive_rtp(packets[sent], (sent + 1) * ptime_ms / 1000)
            sent += 1
        heard.append(receiver.pull(now))
    samples = np.concatenate(heard)[receiver.sample_hz // 2 :]
    assert has_tone(samples, 425, receiver.sample_hz, margin_db=0.5)
    figures = receiver.statistics(3.0)
    assert figures.frames_concealed <= 3
    assert figures.packets_lost == figures.packets_late == 0


@pytest.mark.parametrize(("name", "payload_type"), [("PCMA", 8), ("opus", 111)])
@pytest.mark.parametrize("ptime_ms", [40, 60])
def test_longer_packets_are_sent_when_the_peer_wants_them(
    name: str, payload_type: int, ptime_ms: int
) -> None:
    sender, receiver = open_stream({payload_type: name}, ptime_ms=ptime_ms), open_stream({payload_type: name})
    wire = Wire(receiver)
    heard = talk(sender, wire, 2.4)
    assert wire.count == 2_400 // ptime_ms
    assert has_tone(heard[receiver.sample_hz :], 425, receiver.sample_hz, margin_db=0.5)


def test_a_collected_frame_is_not_lost_when_a_digit_comes_between() -> None:
    sender = open_stream({8: "PCMA"}, ptime_ms=60)
    assert sender.push(silence(160), 0.0) == []
    sender.press("1", duration_ms=40)
    audio, event = (parse_rtp(datagram) for datagram in sender.push(silence(160), 0.02))
    assert (audio.payload_type, len(audio.payload), event.payload_type) == (8, 160, 101)
    assert event.timestamp == (audio.timestamp + 160) & 0xFFFF_FFFF


def test_the_peer_may_change_between_negotiated_codecs_of_other_rates_and_clocks() -> None:
    receiver = open_stream({8: "PCMA", 9: "G722", 111: "opus"})
    heard = []
    for part, (name, payload_type) in enumerate([("PCMA", 8), ("G722", 9), ("opus", 111), ("PCMA", 8)]):
        for index, datagram in enumerate(far_packets(name, payload_type, 20, 1.0)):
            moved = parse_rtp(datagram)._replace(sequence=part * 50 + index)
            now = part + index * TICK_S
            receiver.receive_rtp(moved.serialise(), now)
            heard.append(receiver.pull(now))
    samples = np.concatenate(heard)
    assert len(samples) == 4 * 8_000
    for part in range(4):
        assert has_tone(samples[part * 8_000 + 2_000 : (part + 1) * 8_000], 425, 8_000, margin_db=1.0)


def test_a_new_source_after_a_transfer_is_heard_within_100_ms() -> None:
    receiver = open_stream({8: "PCMA"})
    talk(open_stream({8: "PCMA"}, seed=2), Wire(receiver), 1.0)
    heard = talk(open_stream({8: "PCMA"}, seed=3), Wire(receiver), 1.0, start=1.0)
    assert has_tone(heard[800:], 425, 8_000, margin_db=1.0)
    assert receiver.statistics(2.0).packets_lost == 0


def test_a_silent_sender_is_silence_without_loss() -> None:
    sender, receiver = open_stream({8: "PCMA"}), open_stream({8: "PCMA"}, seed=2)
    talk(sender, Wire(receiver), 1.0)
    for step in range(150):
        assert sender.push(None, 1.0 + step * TICK_S) == []
        frame = receiver.pull(1.0 + step * TICK_S)
    assert not np.any(frame)
    wire = Wire(receiver)
    heard = talk(sender, wire, 1.0, start=4.0)
    assert has_tone(heard[1_600:], 425, 8_000, margin_db=1.0)
    figures = receiver.statistics(5.0)
    assert (figures.packets_lost, figures.packets_late) == (0, 0)
    assert receiver.last_packet_at == pytest.approx(4.985)


def test_reports_tell_loss_jitter_and_round_trip_to_the_other_end() -> None:
    near, far = open_stream({8: "PCMA"}), open_stream({8: "PCMA"}, seed=2)
    to_far = Wire(far, lambda count: None if count % 5 == 0 else 0.005)
    to_near, reports = Wire(near), 0
    for step in range(1_000):
        now = step * TICK_S
        to_far.send(near.push(silence(160), now), now)
        to_near.send(far.push(silence(160), now), now)
        to_far.deliver(now)
        to_near.deliver(now)
        for one, other in ((near, far), (far, near)):
            one.pull(now)
            report = one.rtcp_to_send(now)
            if report is not None:
                reports += 1
                assert is_rtcp(report)
                assert other.receive_rtcp(report, now + 0.03)
    assert 4 <= reports <= 16
    figures = near.statistics(20.0)
    assert figures.remote_loss_percent == pytest.approx(20.0, abs=1.5)
    assert figures.round_trip_ms == pytest.approx(60.0, abs=1.0)
    assert figures.loss_percent == 0.0
    assert far.statistics(20.0).loss_percent == pytest.approx(20.0, abs=1.0)


def test_goodbye_lets_the_next_source_in_at_once() -> None:
    sender, receiver = open_stream({8: "PCMA"}, seed=2), open_stream({8: "PCMA"})
    talk(sender, Wire(receiver), 0.2)
    assert receiver.receive_rtcp(sender.goodbye(0.2) or b"", 0.2)
    (datagram,) = open_stream({8: "PCMA"}, seed=3).push(silence(160), 0.2)
    assert receiver.receive_rtp(datagram, 0.2)


def test_a_sender_report_carries_the_rtp_clock_of_its_instant() -> None:
    stream = open_stream({8: "PCMA"})
    packets = [parse_rtp(stream.push(silence(160), index * TICK_S)[0]) for index in range(500)]
    report = stream.rtcp_to_send(9.99)
    assert report is not None
    head = parse_compound(report)[0]
    assert isinstance(head, SenderReport)
    assert (head.packets_sent, head.bytes_sent) == (500, 80_000)
    assert timestamp_distance(head.rtp_timestamp, packets[-1].timestamp) == pytest.approx(240, abs=2)


def test_a_listener_that_sends_nothing_reports_as_a_receiver() -> None:
    sender, listener = open_stream({8: "PCMA"}), open_stream({8: "PCMA"}, seed=2)
    talk(sender, Wire(listener), 0.4)
    report = listener.rtcp_to_send(20.0)
    assert report is not None
    assert isinstance(parse_compound(report)[0], ReceiverReport)
    assert listener.rtcp_to_send(20.1) is None


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(CODECS),
    st.lists(
        st.binary(max_size=60)
        | st.builds(
            lambda kind, sequence, timestamp, payload: RtpPacket(
                kind, sequence, timestamp, 1, payload
            ).serialise(),
            st.sampled_from([0, 8, 9, 13, 101, 111]),
            st.integers(0, 40),
            st.integers(0, 9_000),
            st.binary(max_size=80),
        ),
        max_size=60,
    ),
)
def test_whatever_arrives_every_pull_gives_a_whole_frame(
    codec: tuple[str, int], datagrams: list[bytes]
) -> None:
    stream = open_stream({codec[1]: codec[0]})
    for position, datagram in enumerate(datagrams):
        now = position * TICK_S / 2
        stream.receive_rtp(datagram, now)
        stream.receive_rtcp(datagram, now)
        if position % 2:
            frame = stream.pull(now)
            assert len(frame) == samples_per_frame(stream.sample_hz)
            assert frame.dtype == np.int16
    stream.take_digits()
    stream.close()


@pytest.mark.parametrize("ppm", [-200, 200])
def test_ten_minutes_with_a_drifting_peer_keep_tone_and_delay(ppm: int) -> None:
    receiver = open_stream({8: "PCMA"})
    packets = far_packets("PCMA", 8, 60, 600.0)
    heard, delays, sent = [], [], 0
    for tick in range(600 * 50):
        now = tick * TICK_S
        while sent < len(packets) and (sent + 1) * 0.06 * (1 - ppm / 1e6) <= now:
            receiver.receive_rtp(packets[sent], now)
            sent += 1
        heard.append(receiver.pull(now))
        delays.append(receiver.statistics(now).playout_delay_ms if tick % 500 == 499 else 0.0)
    samples = np.concatenate(heard)
    assert max(delays) < 120
    for second in range(30, 590, 40):
        assert has_tone(samples[second * 8_000 : (second + 2) * 8_000], 425, 8_000, margin_db=2.0)
    figures = receiver.statistics(600.0)
    assert 4 <= figures.slips + figures.frames_concealed <= 20


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="not among"):
        StreamSettings({8: "PCMA"}, 0)
    with pytest.raises(ValueError, match="20, 40 or 60"):
        StreamSettings({8: "PCMA"}, 8, ptime_ms=30)
    with pytest.raises(ValueError, match="no such codec"):
        open_stream({96: "semaphore"})


def test_digits_are_sent_on_hold_too() -> None:
    sender, receiver = open_stream({8: "PCMA"}), open_stream({8: "PCMA"}, seed=2)
    for digit in "12":
        sender.press(digit, duration_ms=40)
    sent = []
    for step in range(20):
        sent += sender.push(None, step * TICK_S)
    for datagram in sent:
        receiver.receive_rtp(datagram, 0.0)
    assert receiver.take_digits() == ["1", "2"]
    assert {parse_rtp(datagram).payload_type for datagram in sent} == {101}


def test_a_payload_that_is_no_opus_is_concealed_and_counted() -> None:
    sender, receiver = open_stream({111: "opus"}, seed=2), open_stream({111: "opus"})
    for step in range(50):
        now = step * TICK_S
        (datagram,) = sender.push(silence(960), now)
        broken = parse_rtp(datagram)._replace(payload=b"\xff\xff\xff")
        receiver.receive_rtp(broken.serialise() if step % 10 == 5 else datagram, now)
        assert len(receiver.pull(now)) == 960
    assert receiver.statistics(1.0).packets_malformed == 5


def test_slips_inside_long_loud_packets_keep_the_tone_in_phase() -> None:
    """The peer is 2 000 ppm fast, so the delay grows by a frame every ten seconds."""
    receiver = open_stream({8: "PCMA"})
    packets = far_packets("PCMA", 8, 60, 30.0)
    heard, sent = [], 0
    for tick in range(1_450):
        now = tick * TICK_S
        while sent < len(packets) and sent * 0.06 * 0.998 <= now:
            receiver.receive_rtp(packets[sent], now)
            sent += 1
        heard.append(receiver.pull(now))
    figures = receiver.statistics(29.0)
    assert 2 <= figures.slips <= 6
    assert figures.frames_concealed == 0
    assert figures.playout_delay_ms < 120
    samples = np.concatenate(heard)[8_000:]
    for start in range(0, len(samples) - 8_000, 8_000):
        assert has_tone(samples[start : start + 8_000], 425, 8_000, margin_db=1.0)


def test_a_host_that_stalls_catches_up_without_a_gap() -> None:
    """One tick is 340 ms late; 17 frames are then pulled at once, as the voice engine wants them all."""
    receiver = open_stream({8: "PCMA"})
    packets = far_packets("PCMA", 8, 20, 20.0)
    clock, sent = 0.0, 0
    for tick in range(1_000):
        clock = max(clock, tick * TICK_S + (0.34 if tick == 300 else 0.0))
        while sent < len(packets) and sent * TICK_S <= clock:
            receiver.receive_rtp(packets[sent], clock)
            sent += 1
        receiver.pull(clock)
    figures = receiver.statistics(clock)
    assert (figures.frames_concealed, figures.packets_late) == (0, 0)
    assert figures.slips <= 12
    assert figures.playout_delay_ms < 120
