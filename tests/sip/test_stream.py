"""A TCP stream is cut into messages, however the bytes arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.sip.message import Message, parse_datagram
from linegram.sip.stream import Ping, Pong, StreamParser
from tests.sip.golden import golden, golden_names

MESSAGES = [
    bytes(parse_datagram(golden("sip", name)))
    for name in golden_names("sip", is_bad=False)
    if "invite" in name
]


def drain(parser: StreamParser) -> list[Message | Ping | Pong]:
    """Return everything that is complete."""
    found: list[Message | Ping | Pong] = []
    while (message := parser.next_message()) is not None:
        found.append(message)
    return found


@given(st.lists(st.sampled_from(MESSAGES), max_size=4), st.lists(st.integers(1, 300), max_size=12))
def test_the_cut_of_the_segments_does_not_matter(messages: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(messages)
    parser = StreamParser()
    found: list[Message | Ping | Pong] = []
    for size in sizes:
        parser.feed(stream[:size])
        stream = stream[size:]
        found += drain(parser)
    parser.feed(stream)
    found += drain(parser)
    assert found == [parse_datagram(message) for message in messages]


def test_a_message_may_come_byte_by_byte() -> None:
    parser = StreamParser()
    for byte in MESSAGES[0]:
        assert parser.next_message() is None
        parser.feed(bytes([byte]))
    assert parser.next_message() == parse_datagram(MESSAGES[0])


def test_keep_alives_stand_between_messages() -> None:
    parser = StreamParser()
    parser.feed(b"\r\n\r\n" + MESSAGES[0] + b"\r\n" + MESSAGES[1] + b"\r\n\r\n")
    first, second = parse_datagram(MESSAGES[0]), parse_datagram(MESSAGES[1])
    assert drain(parser) == [Ping(), first, Pong(), second, Ping()]


def test_a_ping_in_pieces_asks_for_an_answer_or_is_harmless() -> None:
    parser = StreamParser()
    parser.feed(b"\r")
    assert drain(parser) == []
    parser.feed(b"\n\r")
    assert drain(parser) == []
    parser.feed(b"\n")
    assert drain(parser) == [Ping()]
    parser.feed(b"\r\n")
    assert drain(parser) == [Pong()]


def test_one_bad_message_does_not_end_the_stream() -> None:
    parser = StreamParser()
    parser.feed(b"INVITE x SIP/2.0\r\nContent-Length: 2\r\n\r\nab" + MESSAGES[0])
    with pytest.raises(RemoteProtocolError):
        parser.next_message()
    assert not parser.is_broken
    assert parser.next_message() == parse_datagram(MESSAGES[0])


@pytest.mark.parametrize(
    ("data", "status_hint"),
    [
        (MESSAGES[0].replace(b"Content-Length", b"X-Length"), 400),
        (MESSAGES[0].replace(b"Content-Length:", b"l: 4\r\nContent-Length:"), 400),
        (b"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n", 400),
        (b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 9999999\r\n\r\n", 513),
        (b"A" * 70_000, 513),
        (b"\n\n", 400),
        (b"\rX", 400),
    ],
)
def test_lost_framing_ends_the_stream(data: bytes, status_hint: int) -> None:
    parser = StreamParser()
    parser.feed(data)
    with pytest.raises(RemoteProtocolError) as caught:
        drain(parser)
    assert caught.value.status_hint == status_hint
    assert parser.is_broken
    parser.feed(MESSAGES[0])
    with pytest.raises(RemoteProtocolError):
        parser.next_message()


@given(st.lists(st.binary(max_size=80) | st.sampled_from([b"\r\n\r\n", *MESSAGES]), max_size=6))
def test_any_stream_gives_messages_or_the_peers_error(segments: list[bytes]) -> None:
    parser = StreamParser(max_message_bytes=4_000)
    for segment in segments:
        parser.feed(segment)
        try:
            drain(parser)
        except RemoteProtocolError:
            continue
