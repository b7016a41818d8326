"""An end at a reflector: when it says hello, and what packets look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.voice.own.ice.stun import Address
from linegram.voice.own.relays.reflector import ReflectorClient

PEER_TAG = bytes(range(1, 17))
PREFIX = PEER_TAG[:12]
FAR = Address("reflector-2-67305985.reflector", 598)
HELLO = bytes.fromhex("0102030405060708090a0b0c 0d0c0b0a ffffffffffffffffffffffff feffffff 000000000000007b")
ANSWER = PREFIX + b"any." + b"\xff" * 12 + bytes(12)


def client(*, is_stream: bool = False, tag: int = 0x0A0B0C0D) -> ReflectorClient:
    return ReflectorClient(PEER_TAG, 2, 598, tag=tag, is_stream=is_stream)


def hellos(end: ReflectorClient, start: float, seconds: float) -> list[float]:
    """When hellos go out, looked at every tenth of a second."""
    found: list[float] = []
    for tenth in range(round(seconds * 10)):
        now = start + tenth / 10
        end.handle_timer(now)
        while end.next_packet() is not None:
            found.append(round(now, 1))
    return found


def test_the_hello_is_byte_for_byte_as_reflectors_know_it() -> None:
    end = client()
    end.handle_timer(0.0)
    assert end.next_packet() == HELLO
    assert end.next_packet() is None


def test_the_hello_over_a_stream_is_short() -> None:
    end = client(is_stream=True)
    end.handle_timer(0.0)
    assert end.next_packet() == PREFIX + bytes.fromhex("0d0c0b0a 00000000")


def test_hellos_hurry_until_one_is_answered_and_then_keep_the_place() -> None:
    end = client()
    assert hellos(end, 100.0, 1.2) == [100.0, 100.5, 101.0]
    assert end.heard_at is None
    assert end.receive(ANSWER, 101.2) is None
    assert end.is_answered
    assert hellos(end, 101.2, 30.0) == [111.0, 121.0, 131.0]


def test_a_reflector_that_falls_silent_while_we_speak_is_greeted_anew() -> None:
    end = client()
    end.handle_timer(0.0)
    end.receive(ANSWER, 0.1)
    end.next_packet()
    assert hellos(end, 0.1, 5.0) == []
    for tenth in range(60):
        end.wrap(FAR, b"speech", 5.1 + tenth / 10)
    assert hellos(end, 8.2, 1.0) == [8.2, 8.7]
    end.receive(ANSWER, 9.2)
    assert hellos(end, 9.2, 9.0) == []


def test_a_change_of_network_is_told_at_once() -> None:
    end = client()
    end.receive(ANSWER, 0.0)
    end.greet_again(3.0)
    assert end.next_packet() == HELLO


def test_data_is_byte_for_byte_as_reflectors_know_it() -> None:
    assert (
        client().wrap(FAR, b"speech", 0.0)
        == PREFIX + bytes.fromhex("01020304 0d0c0b0a 00000006") + b"speech\0\0"
    )


def test_data_of_the_far_end_bears_our_own_prefix_and_its_tag() -> None:
    packet = PREFIX + bytes.fromhex("0d0c0b0a 01020304 00000006") + b"speech\0\0"
    assert client().receive(packet, 0.0) == (FAR, b"speech")


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        PREFIX,
        PREFIX + bytes(8),
        PREFIX + bytes(8) + b"\0\0\0\5abcd",
        b"\xff" + PREFIX[1:] + bytes(4) + b"\1\2\3\4\0\0\0\4abcd",
        ANSWER,
    ],
)
def test_what_is_no_data_is_passed_over(packet: bytes) -> None:
    assert client().receive(packet, 0.0) is None


def test_packets_of_other_calls_prove_nothing() -> None:
    end = client()
    end.receive(b"\xff" + PREFIX[1:] + bytes(28), 0.0)
    assert not end.is_answered


def test_an_end_with_a_hundred_thousand_names_is_not_remembered_by_all() -> None:
    end = client()
    for tag in range(1000):
        end.receive(PREFIX + bytes(4) + tag.to_bytes(4, "little") + b"\0\0\0\1a\0\0\0", 0.0)
        end.wrap(Address(f"reflector-2-{tag}.reflector", 598), b"a", 0.0)
    assert len(end._ends) <= 256
    assert len(end._heads) <= 256


@given(st.binary(max_size=1500), st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1))
def test_what_one_end_wraps_the_other_one_reads(payload: bytes, one_tag: int, other_tag: int) -> None:
    one, other = client(tag=one_tag), client(tag=other_tag)
    packet = one.wrap(other.address, payload, 0.0)
    assert len(packet) % 4 == 0
    assert other.receive(packet, 0.0) == (one.address, payload)


@given(st.binary(max_size=80), st.booleans())
def test_garbage_is_passed_over(garbage: bytes, has_prefix: bool) -> None:
    client().receive((PREFIX if has_prefix else b"") + garbage, 0.0)
