"""Sources that come, go, pause and change, as the receiver sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.rtp.jitter_buffer import JitterBuffer
from linegram.rtp.packet import RtpPacket
from linegram.rtp.receiver import COMFORT_NOISE, RtpReceiver

AUDIO, OPUS, EVENTS = 8, 111, 101


def open_receiver() -> RtpReceiver:
    clocks = {AUDIO: 8_000, OPUS: 48_000}
    return RtpReceiver(JitterBuffer(8_000), audio_clocks_hz=clocks, telephone_event_type=EVENTS)


def packet(index: int, *, payload_type: int = AUDIO, ssrc: int = 1, payload: bytes = b"\xd5" * 160) -> bytes:
    return RtpPacket(payload_type, index & 0xFFFF, index * 160 & 0xFFFF_FFFF, ssrc, payload).serialise()


def test_another_source_takes_over_with_its_second_packet_running() -> None:
    receiver = open_receiver()
    assert receiver.receive(packet(1), 0.0)
    assert not receiver.receive(packet(500, ssrc=2), 0.02)
    assert receiver.receive(packet(501, ssrc=2), 0.04)
    assert receiver.reception is not None
    assert receiver.reception.ssrc == 2
    assert receiver.packets_lost == 0
    assert receiver.packets_received == 2


def test_two_sources_mixed_on_one_port_do_not_take_turns() -> None:
    receiver = open_receiver()
    for index in range(20):
        receiver.receive(packet(index), index * 0.02)
        receiver.receive(packet(index, ssrc=9), index * 0.02)
    assert receiver.packets_received == 20
    assert len(receiver.buffer) == 20


def test_losses_of_an_earlier_source_stay_in_the_sum() -> None:
    receiver = open_receiver()
    for index in (1, 2, 5):
        receiver.receive(packet(index), 0.0)
    receiver.goodbye(1)
    assert receiver.receive(packet(900, ssrc=2), 0.1)
    receiver.receive(packet(902, ssrc=2), 0.1)
    assert receiver.packets_lost == 3


def test_goodbye_of_a_stranger_changes_nothing() -> None:
    receiver = open_receiver()
    receiver.receive(packet(1), 0.0)
    receiver.goodbye(77)
    assert receiver.reception is not None


def test_comfort_noise_and_keep_alives_are_passed_over_quietly() -> None:
    receiver = open_receiver()
    for index, payload_type, payload in ((1, AUDIO, b"\xd5"), (2, COMFORT_NOISE, b"\x40"), (3, AUDIO, b"")):
        assert receiver.receive(packet(index, payload_type=payload_type, payload=payload), 0.0)
    assert (receiver.unknown, receiver.packets_lost, len(receiver.buffer)) == (0, 0, 1)


def test_a_payload_type_that_nobody_agreed_on_is_counted_and_not_played() -> None:
    receiver = open_receiver()
    assert receiver.receive(packet(1, payload_type=34), 0.0)
    assert (receiver.unknown, len(receiver.buffer)) == (1, 0)


def test_a_digit_is_given_and_a_broken_one_counted() -> None:
    receiver = open_receiver()
    receiver.receive(packet(1, payload_type=EVENTS, payload=bytes((5, 10, 0, 160))), 0.0)
    receiver.receive(packet(2, payload_type=EVENTS, payload=b"\x05"), 0.02)
    assert receiver.digits == ["5"]
    assert receiver.malformed == 1


def test_a_change_to_a_codec_of_another_clock_does_not_count_as_jitter() -> None:
    receiver = open_receiver()
    for index in range(50):
        receiver.receive(packet(index), index * 0.02)
    for index in range(50, 100):
        datagram = RtpPacket(OPUS, index, index * 960, 1, b"\x08x").serialise()
        receiver.receive(datagram, index * 0.02)
    assert receiver.jitter_ms == pytest.approx(0.0, abs=0.01)
    assert receiver.buffer.clock_hz == 48_000
    assert receiver.packets_lost == 0


@given(st.lists(st.binary(max_size=40) | st.integers(0, 0xFFFF).map(packet), max_size=60))
def test_nothing_that_arrives_can_break_the_receiver(datagrams: list[bytes]) -> None:
    receiver = open_receiver()
    taken = sum(receiver.receive(datagram, position * 0.02) for position, datagram in enumerate(datagrams))
    assert taken == receiver.packets_received
    assert receiver.packets_lost >= 0
