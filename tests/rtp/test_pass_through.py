"""Packets that go through unopened: bit by bit, gaps kept, no number used twice, no step at a change."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.rtp.jitter_buffer import JitterBuffer
from linegram.rtp.packet import PassedPacket, RtpPacket, parse_rtp
from linegram.rtp.pass_through import PassedPackets, PassThrough
from linegram.rtp.receiver import RtpReceiver
from linegram.rtp.sender import RtpSender, SourceStart
from linegram.rtp.sequence import ReplayWindow

CLOCK_HZ, FRAME, OPUS, EVENT = 48_000, 960, 111, 101


def duration_of(payload: bytes) -> int:
    if payload == b"bad":
        raise RemoteProtocolError("bad")
    return FRAME


class End:
    """A receiver and a sender of one stream, with packets of 20 ms."""

    def __init__(self, sequence: int = 65_530) -> None:
        buffer = JitterBuffer(CLOCK_HZ)
        self.receiver = RtpReceiver(buffer, audio_clocks_hz={OPUS: CLOCK_HZ, 0: CLOCK_HZ})
        self.sender = RtpSender(SourceStart(9, sequence, 0xFFFF_FF00), payload_type=96, clock_hz=CLOCK_HZ)
        self.passing = PassThrough(self.receiver, self.sender, duration_of, FRAME)
        self.now = 0.0

    def hear(self, number: int, *, payload: bytes | None = None, kind: int = OPUS, ssrc: int = 5) -> None:
        content = b"packet %d" % number if payload is None else payload
        packet = RtpPacket(kind, number & 0xFFFF, 7 + number * FRAME & 0xFFFF_FFFF, ssrc, content)
        self.receiver.receive(packet.serialise(), self.now)

    def take(self) -> list[PassedPacket]:
        return self.passing.take(frozenset({OPUS}))

    def give(self, packets: Sequence[PassedPacket]) -> list[RtpPacket]:
        self.now += 0.02
        return [parse_rtp(datagram) for datagram in self.passing.give(packets, self.now)]


def passed(number: int, source: int = 5, timestamp: int | None = None) -> PassedPacket:
    return PassedPacket(source, number, number * FRAME if timestamp is None else timestamp, b"x", FRAME)


def test_payloads_go_through_bit_by_bit_and_gaps_stay_gaps() -> None:
    one, other = End(), End()
    one.take()
    for number in (1, 2, 5, 4):
        one.hear(number)
    sent = other.give(one.take())
    assert [packet.payload for packet in sent] == [b"packet 1", b"packet 2", b"packet 5", b"packet 4"]
    first = sent[0]
    assert [packet.sequence - first.sequence & 0xFFFF for packet in sent] == [0, 1, 4, 3]
    steps = [packet.timestamp - first.timestamp & 0xFFFF_FFFF for packet in sent]
    assert steps == [0, FRAME, 4 * FRAME, 3 * FRAME]
    assert {(packet.payload_type, packet.ssrc) for packet in sent} == {(96, 9)}


def test_what_comes_twice_or_is_no_packet_goes_nowhere_and_is_counted() -> None:
    end = End()
    end.take()
    end.hear(1)
    end.hear(1)
    end.hear(2, payload=b"bad")
    assert [packet.sequence for packet in end.take()] == [1]
    assert end.passing.duplicates == 1


def test_a_digit_leaves_no_gap_but_a_lost_packet_does() -> None:
    end = End()
    end.take()
    for number, kind in ((1, OPUS), (2, EVENT), (3, EVENT), (4, OPUS), (6, OPUS)):
        end.hear(number, kind=kind)
    assert [packet.sequence for packet in end.take()] == [1, 2, 4]


def test_another_codec_is_noted_and_does_not_pass() -> None:
    end = End()
    end.take()
    end.hear(1, kind=0)
    assert end.take() == []
    assert end.passing.has_other_type


def test_what_waited_to_be_played_goes_first() -> None:
    one, other = End(), End()
    for number in (1, 2):
        one.hear(number)
    assert [packet.payload for packet in other.give(one.take())] == [b"packet 1", b"packet 2"]
    assert not len(one.receiver.buffer)


def test_after_passing_packets_are_played_again() -> None:
    end = End()
    end.take()
    end.hear(1)
    end.passing.stop()
    end.passing.stop()
    end.hear(2)
    assert len(end.receiver.buffer) == 1
    assert not end.passing.is_on


def test_own_audio_goes_on_behind_what_was_passed_and_the_other_way_round() -> None:
    end = End()
    own = parse_rtp(end.sender.audio(b"own", FRAME))
    through = [end.give([passed(70 + number)])[0] for number in range(3)]
    again = parse_rtp(end.sender.audio(b"own", FRAME))
    packets = [own, *through, again]
    assert [packet.sequence - own.sequence & 0xFFFF for packet in packets] == [0, 1, 2, 3, 4]
    assert [packet.timestamp - own.timestamp & 0xFFFF_FFFF for packet in packets] == [
        FRAME * number for number in range(5)
    ]
    assert (own.marker, again.marker) == (True, True)


def test_own_audio_never_begins_before_the_end_of_a_long_packet_that_was_passed() -> None:
    end = End()
    (long,) = end.give([PassedPacket(5, 1, 0, b"x", 3 * FRAME)])
    own = parse_rtp(end.sender.audio(b"own", FRAME))
    assert own.timestamp - long.timestamp & 0xFFFF_FFFF == 3 * FRAME


def test_a_pause_of_the_far_end_is_a_pause_in_the_timestamps_of_what_follows() -> None:
    end = End()
    first = end.give([passed(1)])[0]
    for _ in range(9):
        end.give([])
    own = parse_rtp(end.sender.audio(b"own", FRAME))
    assert own.timestamp - first.timestamp & 0xFFFF_FFFF == 10 * FRAME


@pytest.mark.parametrize(
    "jump", [passed(50_000, timestamp=2 * FRAME), passed(2, timestamp=10_000_000), passed(70, source=6)]
)
def test_a_source_that_jumps_goes_on_where_the_last_one_ended(jump: PassedPacket) -> None:
    end = End()
    before = end.give([passed(1)])[0]
    after = end.give([jump])[0]
    assert after.sequence - before.sequence & 0xFFFF == 1
    assert after.timestamp - before.timestamp & 0xFFFF_FFFF == FRAME


def test_a_packet_from_before_the_change_never_takes_a_used_number() -> None:
    end = End()
    end.sender.audio(b"own", FRAME)
    end.give([passed(10)])
    assert end.give([passed(9)]) == []
    assert end.give([passed(10)]) == []


@given(st.lists(st.tuples(st.sampled_from("pao"), st.integers(-200, 200)), max_size=80))
def test_no_number_is_ever_used_twice(steps: list[tuple[str, int]]) -> None:
    end, number, used = End(), 1_000, []
    for kind, step in steps:
        number += step if kind == "p" else 1
        if kind == "a":
            used.append(parse_rtp(end.sender.audio(b"own", FRAME)).sequence)
        else:
            source = 5 if kind == "p" else 6
            used += [packet.sequence for packet in end.give([passed(number, source)])]
    assert len(set(used)) == len(used)


@given(st.lists(st.integers(-300, 300)))
def test_the_window_lets_each_number_through_once(numbers: list[int]) -> None:
    window, taken = ReplayWindow(), set[int]()
    for number in numbers:
        is_first = window.take(number)
        assert not (is_first and number in taken)
        assert is_first or number in taken or number <= window.highest - 128
        if is_first:
            taken.add(number)


def test_what_piles_up_is_bounded() -> None:
    packets = PassedPackets(frozenset({OPUS}), duration_of)
    for number in range(300):
        packets.put(number, RtpPacket(OPUS, number, 0, 5, b"x"), 0.0)
    assert (len(packets.take()), packets.overflowed) == (100, 200)
