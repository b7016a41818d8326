"""Digits as telephone events, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.rtp.packet import RtpPacket, parse_rtp
from linegram.rtp.sender import RtpSender, SourceStart
from linegram.rtp.telephone_event import DIGITS, DigitReceiver, TelephoneEvent, parse_telephone_event

STEP = 160


def open_sender(timestamp: int = 1_000) -> RtpSender:
    start = SourceStart(ssrc=7, sequence=65_530, timestamp=timestamp)
    return RtpSender(start, payload_type=8, clock_hz=8_000, telephone_event_type=101)


def run(sender: RtpSender, frames: int) -> list[RtpPacket]:
    datagrams = [sender.event(STEP) or sender.audio(b"\xd5" * STEP, STEP) for _ in range(frames)]
    return [parse_rtp(datagram) for datagram in datagrams]


@given(st.integers(0, 255), st.booleans(), st.integers(0, 63), st.integers(0, 0xFFFF))
def test_a_report_parses_back(event: int, is_end: bool, volume: int, duration: int) -> None:
    report = TelephoneEvent(event, is_end, volume, duration)
    assert parse_telephone_event(report.serialise()) == report


@given(st.binary(max_size=8))
def test_any_payload_is_an_event_or_a_remote_protocol_error(payload: bytes) -> None:
    if len(payload) < 4:
        with pytest.raises(RemoteProtocolError):
            parse_telephone_event(payload)
    else:
        assert 0 <= parse_telephone_event(payload).event <= 255


def test_one_digit_is_sent_as_the_rfc_describes_it() -> None:
    sender = open_sender()
    run(sender, 1)
    sender.press("5", duration_ms=100)
    packets = run(sender, 9)
    events = [packet for packet in packets if packet.payload_type == 101]
    reports = [parse_telephone_event(packet.payload) for packet in events]
    assert {packet.timestamp for packet in events} == {1_000 + STEP}
    assert [packet.marker for packet in events] == [True] + [False] * 6
    assert [report.duration for report in reports] == [160, 320, 480, 640, 800, 800, 800]
    assert [report.is_end for report in reports] == [False] * 4 + [True] * 3
    assert {report.digit for report in reports} == {"5"}
    assert [packet.sequence for packet in packets] == [(65_531 + index) & 0xFFFF for index in range(9)]


def test_audio_goes_on_at_the_right_time_after_a_digit() -> None:
    sender = open_sender()
    sender.press("#", duration_ms=40)
    packets = run(sender, 6)
    audio = [packet for packet in packets if packet.payload_type == 8]
    assert [packet.timestamp for packet in audio] == [1_000 + 4 * STEP, 1_000 + 5 * STEP]
    assert [packet.marker for packet in audio] == [True, False]


@given(
    st.text(DIGITS, min_size=1, max_size=6),
    st.integers(0, 0xFFFF_FFFF),
    st.sets(st.integers(0, 9)),
)
def test_every_digit_arrives_once_whatever_is_lost_of_it(digits: str, first: int, lost: set[int]) -> None:
    """Of ten packets of one digit any may be lost as long as one is left."""
    sender, receiver = open_sender(first), DigitReceiver()
    for digit in digits:
        sender.press(digit, duration_ms=160)
    events = [packet for packet in run(sender, 14 * len(digits)) if packet.payload_type == 101]
    assert len(events) == 10 * len(digits)
    kept = [packet for index, packet in enumerate(events) if index % 10 not in lost]
    heard = [digit for packet in kept for digit in [receiver.receive(packet)] if digit]
    assert heard == (list(digits) if len(lost) < 10 else [])


def test_repeated_and_reordered_reports_of_an_event_give_no_second_digit() -> None:
    receiver = DigitReceiver()
    packets = [
        RtpPacket(101, index, 500, 1, TelephoneEvent(3, False, 10, 160).serialise()) for index in range(3)
    ]
    later = RtpPacket(101, 9, 2_000, 1, TelephoneEvent(3, False, 10, 160).serialise())
    heard = [receiver.receive(packet) for packet in (packets[1], later, packets[0], packets[2])]
    assert heard == ["3", "3", None, None]


def test_flash_is_an_event_but_no_digit() -> None:
    assert DigitReceiver().receive(RtpPacket(101, 1, 1, 1, bytes((16, 10, 0, 160)))) is None


@pytest.mark.parametrize("digit", ["", "12", "E", "x", "٣"])
def test_only_keys_of_the_telephone_can_be_pressed(digit: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        open_sender().press(digit, 100)


@pytest.mark.parametrize("duration_ms", [0, 9_000])
def test_an_impossible_duration_is_refused(duration_ms: int) -> None:
    with pytest.raises(ValueError, match="cannot last"):
        open_sender().press("1", duration_ms)


def test_without_an_agreement_on_events_pressing_is_our_mistake() -> None:
    sender = RtpSender(SourceStart(1, 1, 1), payload_type=8, clock_hz=8_000)
    with pytest.raises(LocalProtocolError):
        sender.press("1", 100)
    assert sender.event(STEP) is None
