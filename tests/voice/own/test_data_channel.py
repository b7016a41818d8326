"""The data channel: opened by one end, used by both."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.data_channel import MOST_CHANNELS, DataChannel
from linegram.voice.own.sctp.association import Association

OPEN = bytes.fromhex("030000000000000000040000") + b"data"


def ends() -> tuple[DataChannel, DataChannel]:
    return (
        DataChannel(Random(1).random, 0.0, is_opener=True),
        DataChannel(Random(2).random, 0.0, is_opener=False),
    )


def run(pair: tuple[DataChannel, DataChannel], fates: list[bool], seconds: float = 60.0) -> list[list[bytes]]:
    heard: list[list[bytes]] = [[], []]
    for step in range(int(seconds * 4)):
        for side, end in enumerate(pair):
            end.handle_timer(step / 4)
            while (packet := end.next_packet()) is not None:
                if not (fates and fates.pop()):
                    heard[1 - side] += pair[1 - side].receive(packet, step / 4)
    return heard


@settings(max_examples=40)
@given(st.lists(st.booleans(), max_size=40))
def test_texts_said_before_the_channel_is_open_arrive_whatever_is_lost(fates: list[bool]) -> None:
    pair = ends()
    pair[0].send(b"one", 0.0)
    pair[1].send(b"two", 0.0)
    pair[1].send(b"three", 0.0)
    assert run(pair, fates) == [[b"two", b"three"], [b"one"]]


def test_what_waits_for_a_channel_that_never_opens_is_bounded() -> None:
    callee = ends()[1]
    for _ in range(1000):
        callee.send(b"x", 0.0)
    assert len(callee._waiting) <= 16


@given(st.binary(max_size=60))
def test_garbage_raises_the_one_error(packet: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ends()[0].receive(packet, 0.0)


def test_a_far_end_that_opens_channels_without_end_gets_a_few() -> None:
    association, channel = Association(Random(1).random), DataChannel(Random(2).random, 0.0, is_opener=False)
    for stream in range(100):
        association.send(stream, 50, OPEN, 0.0)
    association.connect(0.0)
    acknowledged = set()
    for step in range(200):
        association.handle_timer(step / 4)
        while (packet := association.next_packet()) is not None:
            channel.receive(packet, step / 4)
        while (packet := channel.next_packet()) is not None:
            association.receive(packet, step / 4)
        while (message := association.next_message()) is not None:
            assert message.payload == b"\x02"
            acknowledged.add(message.stream)
    assert len(acknowledged) == MOST_CHANNELS
    channel.send(b"still alive", 60.0)
    while (packet := channel.next_packet()) is not None:
        association.receive(packet, 60.0)
    heard = association.next_message()
    assert heard is not None
    assert heard.payload == b"still alive"
