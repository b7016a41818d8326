"""Framing of versions 12 and 13, end to end."""

import struct
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.box import Box
from linegram.voice.own.inflate import deflate
from linegram.voice.own.sctp_framing import SctpFraming

KEY = bytes(range(256))


def ends() -> tuple[SctpFraming, SctpFraming]:
    return (
        SctpFraming(Box(KEY, is_outgoing=True), Random(1).random, 0.0),
        SctpFraming(Box(KEY, is_outgoing=False), Random(2).random, 0.0),
    )


def carry(pair: tuple[SctpFraming, SctpFraming], now: float, fates: list[str]) -> list[list[bytes]]:
    heard: list[list[bytes]] = [[], []]
    for side, end in enumerate(pair):
        end.handle_timer(now)
        while (packet := end.next_packet()) is not None:
            fate = fates.pop() if fates else "pass"
            for _ in range({"lose": 0, "twice": 2}.get(fate, 1)):
                heard[1 - side] += [text for _, text in pair[1 - side].receive(packet, now)]
    return heard


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["pass", "pass", "lose", "twice"]), max_size=30))
def test_messages_sent_before_all_else_arrive_once_and_in_order(fates: list[str]) -> None:
    pair = ends()
    for number in range(4):
        pair[0].send(b"{%d}" % number, 0.0)
    heard: list[bytes] = []
    for step in range(120):
        heard += carry(pair, step * 0.25, fates)[1]
    assert heard == [b"{0}", b"{1}", b"{2}", b"{3}"]


def test_what_is_not_sealed_with_the_calls_key_is_refused_and_the_next_is_read() -> None:
    pair = ends()
    for step in range(8):
        carry(pair, step * 0.1, [])
    forged = pair[0]
    forged._association.send(0, 53, b"x" * 40, 1.0)
    packet = forged.next_packet()
    assert packet is not None
    with pytest.raises(RemoteProtocolError):
        pair[1].receive(packet, 1.0)
    pair[0].send(b"{}", 1.0)
    assert carry(pair, 1.1, [])[1] == [b"{}"]


def test_a_sealed_message_that_is_replayed_in_a_new_packet_is_not_delivered_again() -> None:
    pair = ends()
    for step in range(8):
        carry(pair, step * 0.1, [])
    sealed = pair[0]._box.seal(struct.pack("!I", 1) + deflate(b"{}"))
    for _ in range(2):
        pair[0]._association.send(0, 53, sealed, 1.0)
    assert carry(pair, 1.0, [])[1] == [b"{}"]
