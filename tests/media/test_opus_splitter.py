"""Long Opus packets for a PBX that wishes short ones."""

from hypothesis import given
from hypothesis import strategies as st

from linegram.media.opus_splitter import OpusSplitter
from linegram.rtp.packet import PassedPacket

THREE_FRAMES = b"\x7b\x03abcdef"
ONE_LONG_FRAME = b"\x18abc"


def passed(
    number: int, payload: bytes = THREE_FRAMES, *, source: int = 1, marker: bool = False
) -> PassedPacket:
    return PassedPacket(source, number, number * 2880 & 0xFFFF_FFFF, payload, 2880, marker)


def test_a_packet_of_three_frames_becomes_three_that_follow_each_other() -> None:
    parts = OpusSplitter(20).split([passed(7, marker=True), passed(8)])
    assert [part.payload for part in parts] == [b"\x78ab", b"\x78cd", b"\x78ef"] * 2
    assert [part.sequence for part in parts] == list(range(parts[0].sequence, parts[0].sequence + 6))
    assert [part.timestamp for part in parts] == [7 * 2880 + 960 * at for at in range(6)]
    assert [part.marker for part in parts] == [True] + [False] * 5


def test_a_lost_packet_is_three_lost_ones_and_a_late_one_takes_their_place() -> None:
    splitter = OpusSplitter(20)
    numbers = [part.sequence for part in splitter.split([passed(1), passed(3), passed(2), passed(4)])]
    start = numbers[0]
    assert [number - start for number in numbers] == [0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11]


def test_what_is_short_enough_or_says_nothing_goes_as_it_is() -> None:
    splitter = OpusSplitter(60)
    assert [part.payload for part in splitter.split([passed(1)])] == [THREE_FRAMES]
    short = OpusSplitter(20)
    assert [part.payload for part in short.split([passed(1, b"\x18")])] == [b"\x18"]
    assert not splitter.has_met_uncuttable
    assert not short.has_met_uncuttable


def test_a_frame_that_is_too_long_goes_once_and_is_noted() -> None:
    splitter = OpusSplitter(20)
    assert [part.payload for part in splitter.split([passed(1, ONE_LONG_FRAME)])] == [ONE_LONG_FRAME]
    assert splitter.has_met_uncuttable


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([THREE_FRAMES, ONE_LONG_FRAME])), max_size=40))
def test_in_order_no_number_comes_twice(steps: list[tuple[int, bytes]]) -> None:
    number, numbers, splitter = 100, [], OpusSplitter(20)
    for lost, payload in steps:
        number += 1 + lost
        numbers += [part.sequence for part in splitter.split([passed(number, payload)])]
    assert numbers == sorted(set(numbers))
