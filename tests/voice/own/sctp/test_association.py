"""Associations that begin at both ends at once, over networks that lose, double and delay."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.voice.own.sctp.association import Association, State
from linegram.voice.own.sctp.packet import Chunk, ChunkType, Data, Init, SctpPacket, parse_packet


class Pair:
    """Two ends and the network between them; `fates` are used up, then all packets pass."""

    def __init__(self, fates: list[str] | None = None, seed: int = 1) -> None:
        self.now = 0.0
        self.ends = (Association(Random(seed).random), Association(Random(seed + 1).random))
        self.heard: tuple[list[bytes], list[bytes]] = ([], [])
        self._fates = fates or []
        self._late: list[tuple[int, bytes]] = []

    def packets_of(self, side: int) -> list[bytes]:
        found = []
        while (packet := self.ends[side].next_packet()) is not None:
            found.append(packet)
        return found

    def deliver(self, side: int, packet: bytes) -> None:
        self.ends[side].receive(packet, self.now)
        while (message := self.ends[side].next_message()) is not None:
            self.heard[side].append(message.payload)

    def carry(self) -> None:
        delayed, self._late = self._late, []
        for side, packet in delayed:
            self.deliver(side, packet)
        for side in (0, 1):
            for packet in self.packets_of(side):
                fate = self._fates.pop() if self._fates else "pass"
                if fate == "late":
                    self._late.append((1 - side, packet))
                for _ in range({"lose": 0, "late": 0, "twice": 2}.get(fate, 1)):
                    self.deliver(1 - side, packet)

    def run(self, steps: int, step_s: float = 0.1) -> None:
        for _ in range(steps):
            self.carry()
            self.now += step_s
            for end in self.ends:
                end.handle_timer(self.now)


def connected_pair() -> Pair:
    pair = Pair()
    for end in pair.ends:
        end.connect(0.0)
    pair.run(6)
    assert [end.state for end in pair.ends] == [State.ESTABLISHED] * 2
    return pair


def test_two_ends_that_begin_at_once_are_one_association() -> None:
    connected_pair()


def test_an_end_that_did_not_begin_is_connected_too() -> None:
    pair = Pair()
    pair.ends[0].connect(0.0)
    pair.run(6)
    assert [end.state for end in pair.ends] == [State.ESTABLISHED] * 2


def test_messages_wait_until_the_association_is_up_and_keep_their_order() -> None:
    pair = Pair()
    for number in range(3):
        pair.ends[0].send(0, 53, bytes((number,)), 0.0)
    assert pair.packets_of(0) == []
    for end in pair.ends:
        end.connect(0.0)
    pair.run(10)
    assert pair.heard[1] == [b"\0", b"\1", b"\2"]


def test_a_long_message_is_cut_and_joined() -> None:
    pair = connected_pair()
    message = Random(5).randbytes(60_000)
    pair.ends[1].send(0, 53, message, pair.now)
    pair.run(40)
    assert pair.heard[0] == [message]


def test_packets_fit_in_a_datagram() -> None:
    pair = connected_pair()
    pair.ends[0].send(0, 53, bytes(8000), pair.now)
    packets = pair.packets_of(0)
    assert len(packets) > 5
    assert max(map(len, packets)) <= 1200


def test_a_heartbeat_is_echoed() -> None:
    pair = connected_pair()
    tag = parse_packet(_one_packet(pair, 1)).tag
    pair.carry()
    beat = SctpPacket(5000, 5000, tag, (Chunk(ChunkType.HEARTBEAT, 0, b"info"),)).serialise()
    pair.ends[0].receive(beat, pair.now)
    echo = parse_packet(pair.packets_of(0)[0])
    assert echo.chunks == (Chunk(ChunkType.HEARTBEAT_ACK, 0, b"info"),)


@pytest.mark.parametrize("kind", [ChunkType.ABORT, ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_COMPLETE])
def test_an_end_that_leaves_ends_the_association(kind: ChunkType) -> None:
    pair = connected_pair()
    tag = parse_packet(_one_packet(pair, 1)).tag
    pair.ends[0].receive(SctpPacket(5000, 5000, tag, (Chunk(kind, 0, bytes(4)),)).serialise(), pair.now)
    assert pair.ends[0].state is State.ENDED
    pair.ends[0].handle_timer(pair.now + 99)


def test_a_cookie_that_we_did_not_bake_is_refused() -> None:
    pair = Pair()
    pair.ends[0].connect(0.0)
    (init,) = parse_packet(pair.packets_of(0)[0]).chunks
    tag = int.from_bytes(init.body[:4], "big")
    forged = SctpPacket(5000, 5000, tag, (Chunk(ChunkType.COOKIE_ECHO, 0, bytes(24)),))
    with pytest.raises(RemoteProtocolError, match="cookie"):
        pair.ends[0].receive(forged.serialise(), 0.0)
    assert pair.ends[0].state is State.COOKIE_WAIT


def test_a_packet_with_another_tag_is_refused() -> None:
    pair = connected_pair()
    packet = SctpPacket(5000, 5000, 12, (Chunk(ChunkType.ABORT),)).serialise()
    with pytest.raises(RemoteProtocolError, match="another association"):
        pair.ends[0].receive(packet, pair.now)


def test_another_end_cannot_take_over_a_running_association() -> None:
    pair = connected_pair()
    foreign = SctpPacket(5000, 5000, 0, (Init(77, 1000, 5).chunk(ChunkType.INIT),)).serialise()
    pair.ends[0].receive(foreign, pair.now)
    assert pair.packets_of(0) == []


def test_data_far_ahead_of_its_turn_is_not_stored() -> None:
    pair = connected_pair()
    sample = parse_packet(_one_packet(pair, 1))
    pair.carry()
    first = int.from_bytes(sample.chunks[0].body[:4], "big")
    for ahead in range(100_000, 101_000):
        chunk = Data(first + ahead & 0xFFFF_FFFF, 0, 0, 53, b"x").chunk()
        pair.ends[0].receive(SctpPacket(5000, 5000, sample.tag, (chunk,)).serialise(), pair.now)
    inbox = pair.ends[0]._inbox
    assert inbox is not None
    assert not inbox._ahead


def test_a_message_without_end_is_given_up() -> None:
    pair = connected_pair()
    sample = parse_packet(_one_packet(pair, 1))
    pair.carry()
    first = int.from_bytes(sample.chunks[0].body[:4], "big")

    def send_fragments() -> None:
        for number in range(1, 300):
            fragment = Data(first + number & 0xFFFF_FFFF, 0, 1, 53, bytes(1000), 2 if number == 1 else 0)
            packet = SctpPacket(5000, 5000, sample.tag, (fragment.chunk(),))
            pair.ends[0].receive(packet.serialise(), pair.now)

    with pytest.raises(RemoteProtocolError, match="longer than any"):
        send_fragments()


@pytest.mark.parametrize("size", [0, 70_000])
def test_a_message_of_no_or_too_great_length_is_our_own_mistake(size: int) -> None:
    with pytest.raises(LocalProtocolError):
        Pair().ends[0].send(0, 53, bytes(size), 0.0)


@given(st.binary(max_size=60))
def test_garbage_raises_the_one_error_and_changes_nothing(datagram: bytes) -> None:
    end = Association(Random(1).random)
    end.connect(0.0)
    with pytest.raises(RemoteProtocolError):
        end.receive(datagram, 0.0)
    assert end.state is State.COOKIE_WAIT


FATES = st.lists(st.sampled_from(["pass", "pass", "lose", "twice", "late"]), max_size=60)


@settings(max_examples=60)
@given(FATES, st.integers(0, 1 << 30), st.lists(st.integers(1, 5000), min_size=1, max_size=6))
def test_every_message_arrives_once_and_in_order_over_a_bad_network(
    fates: list[str], seed: int, sizes: list[int]
) -> None:
    pair = Pair(fates, seed)
    messages = [Random(size).randbytes(size) for size in sizes]
    for end in pair.ends:
        end.connect(0.0)
        for message in messages:
            end.send(0, 53, message, 0.0)
    pair.run(400, 0.25)
    assert pair.heard == (messages, messages)
    assert all(end._outbox.is_empty for end in pair.ends)


def _one_packet(pair: Pair, side: int) -> bytes:
    """Let one end send something, carry it, and give the packet; it shows the tag of the other end."""
    pair.ends[side].send(0, 53, b"something", pair.now)
    (packet,) = pair.packets_of(side)
    pair.deliver(1 - side, packet)
    return packet
