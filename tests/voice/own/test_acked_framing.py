"""Framing of versions 8 and 9: every message arrives once, whatever the network does."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.voice.own.acked_framing import (
    LONGEST_PACKET_BYTES,
    MOST_UNACKED,
    RESEND_S,
    AckedFraming,
    SeenWindow,
    parse_records,
)
from linegram.voice.own.inflate import deflate

WANTS_ACK = 1 << 30


def texts(end: AckedFraming, packet: bytes) -> list[bytes]:
    return [text for _, text in end.receive(packet)]


def packets_of(end: AckedFraming) -> list[bytes]:
    found = []
    while (packet := end.next_packet()) is not None:
        found.append(packet)
    return found


def message(counter: int, body: bytes) -> bytes:
    return struct.pack("!IBI", counter | WANTS_ACK, 0x7F, len(body)) + body


def test_a_message_travels_behind_an_empty_record_and_wishes_for_an_ack() -> None:
    end = AckedFraming()
    end.send(b'{"a":1}', 0.0)
    assert packets_of(end) == [bytes.fromhex("00000002fe") + message(1, b'{"a":1}')]


def test_messages_said_together_travel_together() -> None:
    end = AckedFraming()
    for body in (b"{1}", b"{2}"):
        end.send(body, 0.0)
    assert packets_of(end) == [bytes.fromhex("00000003fe") + message(1, b"{1}") + message(2, b"{2}")]


def test_what_does_not_fit_in_one_packet_travels_in_the_next() -> None:
    end = AckedFraming()
    for body in (bytes(9000), bytes(8000)):
        end.send(body, 0.0)
    first, second = packets_of(end)
    assert max(len(first), len(second)) <= LONGEST_PACKET_BYTES
    assert [record.body for record in parse_records(second)[1:]] == [bytes(8000)]


def test_a_message_is_acknowledged_by_its_whole_sequence_word() -> None:
    end = AckedFraming()
    assert texts(end, message(1, b"{}")) == [b"{}"]
    assert packets_of(end) == [bytes.fromhex("00000001fe") + bytes.fromhex("40000001ff")]


def test_an_ack_rides_on_our_next_message() -> None:
    end = AckedFraming()
    end.receive(message(1, b"{}"))
    end.send(b"[]", 0.0)
    assert packets_of(end) == [bytes.fromhex("00000002fe") + message(1, b"[]") + bytes.fromhex("40000001ff")]


def test_what_is_not_acknowledged_is_sent_again_in_order() -> None:
    end = AckedFraming()
    end.send(b"{1}", 0.0)
    end.send(b"{2}", 0.0)
    packets_of(end)
    end.handle_timer(RESEND_S - 0.01)
    assert packets_of(end) == []
    end.handle_timer(RESEND_S)
    assert packets_of(end) == [bytes.fromhex("00000004fe") + message(1, b"{1}") + message(2, b"{2}")]
    assert end.receive(bytes.fromhex("00000001fe40000001ff40000002ff")) == []
    assert end.unacked_count == 0
    end.handle_timer(99.0)
    assert packets_of(end) == []


class ForgetfulEnd:
    """How ntgcalls 3.0.5 behaves: a message that begins a packet has it forget all earlier ones."""

    def __init__(self) -> None:
        self.had: set[int] = set()
        self.delivered: list[int] = []

    def receive(self, packet: bytes) -> None:
        for place, record in enumerate(parse_records(packet)):
            counter = record.sequence & (1 << 30) - 1
            if record.kind != 0x7F:
                continue
            if place == 0:
                self.had = {one for one in self.had if one >= counter}
            if counter not in self.had:
                self.had.add(counter)
                self.delivered.append(counter)


def test_nothing_that_is_sent_again_looks_new_to_an_end_that_forgets() -> None:
    end, far_end = AckedFraming(), ForgetfulEnd()
    for number in range(5):
        end.send(b"{}", number * RESEND_S)
        end.handle_timer(number * RESEND_S)
        for packet in packets_of(end):
            far_end.receive(packet)
    assert len(far_end.delivered) == 5


def test_a_far_end_that_never_acknowledges_costs_no_more_than_its_limit() -> None:
    end = AckedFraming()
    for number in range(3 * MOST_UNACKED):
        end.send(b"%d" % number, 0.0)
    packets_of(end)
    assert end.unacked_count == MOST_UNACKED
    end.handle_timer(RESEND_S)
    assert [record.body for record in parse_records(packets_of(end)[0])][-1] == b"%d" % (3 * MOST_UNACKED - 1)


def test_a_message_that_waited_through_an_outage_is_still_delivered() -> None:
    end = AckedFraming()
    end.receive(message(1, b"{1}"))
    end.receive(bytes.fromhex("000000c8fe"))
    assert texts(end, bytes.fromhex("000000c9fe") + message(2, b"{2}")) == [b"{2}"]


def test_what_is_remembered_of_the_far_ends_messages_is_bounded() -> None:
    end = AckedFraming()
    for number in range(1, 1001):
        end.receive(message(number, b"{}"))
        packets_of(end)
    assert len(end._seen_messages) == 256


def test_a_message_that_cannot_be_unpacked_takes_no_other_with_it() -> None:
    end = AckedFraming()
    packet = bytes.fromhex("00000009fe") + message(1, b"\x1f\x8bbroken") + message(2, b"{2}")
    assert texts(end, packet) == [b"{2}"]
    assert packets_of(end) == [bytes.fromhex("00000001fe40000001ff40000002ff")]


def test_a_message_that_was_lost_comes_later_with_its_own_place_in_the_order() -> None:
    end = AckedFraming()
    assert end.receive(message(2, b"{2}")) == [(2, b"{2}")]
    assert end.receive(bytes.fromhex("00000003fe") + message(1, b"{1}")) == [(1, b"{1}")]


def test_a_repeated_packet_brings_nothing_new() -> None:
    end = AckedFraming()
    assert texts(end, message(1, b"{}")) == [b"{}"]
    assert end.receive(message(1, b"{}")) == []


def test_a_message_sent_again_is_acknowledged_again_but_not_delivered_again() -> None:
    end = AckedFraming()
    end.receive(message(1, b"{}"))
    packets_of(end)
    assert end.receive(bytes.fromhex("00000002fe") + message(1, b"{}")) == []
    assert packets_of(end) == [bytes.fromhex("00000002fe40000001ff")]


def test_a_packed_message_is_unpacked() -> None:
    assert texts(AckedFraming(), message(1, deflate(b'{"x":2}'))) == [b'{"x":2}']


def test_a_record_that_is_alone_by_its_flag_is_understood() -> None:
    end = AckedFraming()
    packet = struct.pack("!IBI", 1 << 31 | WANTS_ACK | 1, 0x7F, 2) + b"{}"
    assert texts(end, packet) == [b"{}"]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0\0\0\1",
        bytes.fromhex("40000001ff"),
        bytes.fromhex("00000001fe00000002fe"),
        bytes.fromhex("0000000155"),
        bytes.fromhex("400000017f000000ff7b7d"),
        bytes.fromhex("400000017f0000"),
        bytes.fromhex("80000001fe40000001ff"),
        bytes.fromhex("00000001fe") + bytes.fromhex("40000001ff") * 2000,
    ],
)
def test_a_malformed_packet_is_refused_whole(packet: bytes) -> None:
    end = AckedFraming()
    with pytest.raises(RemoteProtocolError):
        end.receive(packet)
    assert texts(end, message(1, b"{}")) == [b"{}"]


@given(st.binary(max_size=200))
def test_garbage_raises_the_one_error_or_is_records(packet: bytes) -> None:
    try:
        assert parse_records(packet)
    except RemoteProtocolError:
        return


def test_a_message_that_fits_in_no_packet_is_our_own_mistake() -> None:
    with pytest.raises(LocalProtocolError):
        AckedFraming().send(bytes(17_000), 0.0)


@given(st.lists(st.integers(1, 300), max_size=300))
def test_the_window_never_forgets_what_came_among_the_last_64(counters: list[int]) -> None:
    window, came = SeenWindow(), set[int]()
    for counter in counters:
        newest = max(came, default=0)
        assert window.has(counter) == (counter in came or counter <= newest - 64)
        window.add(counter)
        came.add(counter)


FATES = st.lists(st.sampled_from(["pass", "pass", "lose", "twice", "late"]), min_size=4, max_size=60)


class LossyPair:
    """Two ends and a network whose every packet has a fate."""

    def __init__(self, fates: list[str]) -> None:
        self.ends = (AckedFraming(), AckedFraming())
        self.heard: tuple[list[bytes], list[bytes]] = ([], [])
        self._fates = fates
        self._late: list[tuple[int, bytes]] = []

    def carry(self, *, is_kind: bool) -> None:
        delayed, self._late = self._late, []
        for side, packet in delayed:
            self._deliver(side, packet)
        for side, end in enumerate(self.ends):
            for packet in packets_of(end):
                fate = "pass" if is_kind or not self._fates else self._fates.pop()
                if fate == "late":
                    self._late.append((1 - side, packet))
                for _ in range({"lose": 0, "late": 0, "twice": 2}.get(fate, 1)):
                    self._deliver(1 - side, packet)

    def _deliver(self, side: int, packet: bytes) -> None:
        self.heard[side].extend(texts(self.ends[side], packet))


@settings(max_examples=100)
@given(FATES, st.integers(1, 8))
def test_every_message_arrives_exactly_once_over_a_bad_network(fates: list[str], count: int) -> None:
    pair = LossyPair(fates)
    sent = [f"{{{number}}}".encode() for number in range(count)]
    for body in sent:
        for end in pair.ends:
            end.send(body, 0.0)
    for step in range(60):
        pair.carry(is_kind=step > 40)
        for end in pair.ends:
            end.handle_timer(step * RESEND_S)
    for side in (0, 1):
        assert sorted(pair.heard[side]) == sorted(sent)
        assert pair.ends[side].unacked_count == 0
