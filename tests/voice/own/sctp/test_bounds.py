"""What the far end can make an association hold is bounded, and what is beyond it harms nobody."""

import pytest

from linegram.errors import RemoteProtocolError
from linegram.voice.own.sctp.association import MOST_REPLIES, Association
from linegram.voice.own.sctp.inbox import LONGEST_MESSAGE_BYTES, MOST_AHEAD, MOST_WAITING, WINDOW_BYTES, Inbox
from linegram.voice.own.sctp.outbox import MOST_FRAGMENTS, Outbox
from linegram.voice.own.sctp.packet import (
    FIRST_FRAGMENT,
    LAST_FRAGMENT,
    LONGEST_PACKET_BYTES,
    MOST_CHUNKS,
    Chunk,
    ChunkType,
    Data,
    Sack,
    SctpPacket,
    parse_packet,
)


def fragment(tsn: int, payload: bytes = b"x", flags: int = FIRST_FRAGMENT | LAST_FRAGMENT) -> Data:
    return Data(tsn, 0, 0, 53, payload, flags)


def packet_of(chunks: int, body_bytes: int = 0) -> bytes:
    return SctpPacket(5000, 5000, 1, (Chunk(ChunkType.HEARTBEAT, 0, bytes(body_bytes)),) * chunks).serialise()


def test_a_packet_has_no_more_chunks_than_the_limit() -> None:
    assert len(parse_packet(packet_of(MOST_CHUNKS)).chunks) == MOST_CHUNKS
    with pytest.raises(RemoteProtocolError, match="too many"):
        parse_packet(packet_of(MOST_CHUNKS + 1))


def test_a_packet_is_no_longer_than_the_limit() -> None:
    overhead = len(packet_of(1))
    assert parse_packet(packet_of(1, LONGEST_PACKET_BYTES - overhead)).chunks
    with pytest.raises(RemoteProtocolError, match="bytes"):
        parse_packet(packet_of(1, LONGEST_PACKET_BYTES - overhead + 4))


def test_fragments_far_ahead_are_not_kept_and_come_again() -> None:
    inbox = Inbox(1)
    for tsn in range(2, 2 * MOST_AHEAD):
        inbox.receive(fragment(tsn))
    assert len(inbox._ahead) == MOST_AHEAD - 1
    inbox.receive(fragment(1))
    assert inbox.sack() == Sack(MOST_AHEAD, WINDOW_BYTES)
    assert len(inbox.messages) == MOST_AHEAD


def test_bytes_that_wait_for_their_turn_are_no_more_than_the_window() -> None:
    inbox = Inbox(1)
    for tsn in range(2, 400):
        inbox.receive(fragment(tsn, bytes(1000)))
    assert sum(len(one.payload) for one in inbox._ahead.values()) <= WINDOW_BYTES
    inbox.receive(fragment(1, bytes(1000)))
    assert len(inbox.messages) == 1 + WINDOW_BYTES // 1000
    assert inbox._ahead_bytes == 0


def test_a_message_longer_than_any_is_forgotten_whole_and_the_next_one_comes() -> None:
    inbox = Inbox(1)
    inbox.receive(fragment(1, bytes(1000), FIRST_FRAGMENT))
    refused = 0
    tsn = 2
    while tsn < 3 * LONGEST_MESSAGE_BYTES // 1000:
        try:
            inbox.receive(fragment(tsn, bytes(1000), 0))
        except RemoteProtocolError:
            refused += 1
        assert inbox._part_bytes <= LONGEST_MESSAGE_BYTES
        tsn += 1
    assert refused > 0
    assert not inbox._parts
    inbox.receive(fragment(tsn, b"whole"))
    assert [message.payload for message in inbox.messages] == [b"whole"]


def test_messages_that_nobody_takes_are_bounded() -> None:
    inbox = Inbox(1)
    for tsn in range(1, 3 * MOST_WAITING):
        inbox.receive(fragment(tsn))
    assert len(inbox.messages) == MOST_WAITING


def test_a_far_end_that_takes_nothing_costs_a_bounded_queue_and_can_still_come_back() -> None:
    outbox = Outbox(1)
    for _ in range(3 * MOST_FRAGMENTS):
        outbox.send(0, 53, b"x")
    assert len(outbox._waiting) + len(outbox._sent) == MOST_FRAGMENTS
    arrived = 0
    while not outbox.is_empty:
        arrived += len(outbox.due(0.0))
        outbox.acknowledge(Sack(arrived, WINDOW_BYTES), 0.0)
    assert arrived == MOST_FRAGMENTS
    outbox.send(0, 53, b"again")
    assert [one.stream_sequence for one in outbox.due(0.0)] == [MOST_FRAGMENTS]


def test_the_same_fragment_twice_is_counted_once() -> None:
    inbox = Inbox(1)
    for _ in range(1000):
        inbox.receive(fragment(3, bytes(1000)))
    assert inbox._ahead_bytes == 1000


def test_one_packet_full_of_questions_gets_a_bounded_number_of_answers() -> None:
    association = Association(lambda: 0.5)
    beats = (Chunk(ChunkType.HEARTBEAT, 0, b"beat"),) * MOST_CHUNKS
    association.receive(SctpPacket(5000, 5000, association._tag, beats).serialise(), 0.0)
    answers = 0
    while association.next_packet() is not None:
        answers += 1
    assert answers == MOST_REPLIES
