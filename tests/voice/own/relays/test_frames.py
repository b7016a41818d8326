"""Packets on a stream come out whole, whatever pieces the stream comes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.relays.frames import LONGEST_PACKET_BYTES, FrameReader, frame


def test_a_frame_is_its_length_and_the_packet() -> None:
    assert frame(b"abc") == b"\3\0\0\0abc"


@given(st.lists(st.binary(max_size=200), max_size=12), st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_packets_survive_any_cutting(packets: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(frame(packet) for packet in packets)
    reader, found, number = FrameReader(), list[bytes](), 0
    while stream:
        size = sizes[number % len(sizes)]
        found += reader.receive(stream[:size])
        stream, number = stream[size:], number + 1
    assert found == packets
    assert not reader._held


@given(st.integers(LONGEST_PACKET_BYTES + 1, 2**32 - 1))
def test_a_packet_that_is_too_long_is_refused_before_it_comes(length: int) -> None:
    with pytest.raises(RemoteProtocolError):
        FrameReader().receive(length.to_bytes(4, "little"))
