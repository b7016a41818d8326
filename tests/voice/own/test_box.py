"""The box: what one end seals only the other end opens."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.box import Box

KEY = bytes(range(256))
CALLER, CALLEE = Box(KEY, is_outgoing=True), Box(KEY, is_outgoing=False)


@given(st.binary(min_size=5, max_size=3000))
def test_what_one_end_seals_the_other_opens(plain: bytes) -> None:
    assert CALLEE.open(CALLER.seal(plain)) == plain
    assert CALLER.open(CALLEE.seal(plain)) == plain


@given(st.binary(min_size=5, max_size=200), st.data())
def test_a_packet_with_one_bit_changed_is_refused(plain: bytes, data: st.DataObject) -> None:
    packet = bytearray(CALLER.seal(plain))
    bit = data.draw(st.integers(0, len(packet) * 8 - 1))
    packet[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RemoteProtocolError):
        CALLEE.open(bytes(packet))


@given(st.binary(max_size=300))
def test_garbage_is_refused_with_the_one_error(packet: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        CALLEE.open(packet)


def test_an_end_does_not_open_what_it_sealed_itself() -> None:
    with pytest.raises(RemoteProtocolError):
        CALLER.open(CALLER.seal(b"hello"))


def test_another_call_s_key_opens_nothing() -> None:
    with pytest.raises(RemoteProtocolError):
        Box(KEY[::-1], is_outgoing=False).open(CALLER.seal(b"hello"))


def test_the_message_key_is_the_middle_of_a_hash_over_the_directions_own_part_of_the_key() -> None:
    for sender, part in ((CALLER, 128), (CALLEE, 136)):
        expected = hashlib.sha256(KEY[88 + part : 120 + part] + b"hello").digest()[8:24]
        assert sender.seal(b"hello")[:16] == expected


def test_a_key_of_another_length_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="256"):
        Box(KEY[:-1], is_outgoing=True)


def test_a_packet_longer_than_any_is_refused_unread() -> None:
    with pytest.raises(RemoteProtocolError, match="bytes"):
        CALLEE.open(bytes((128 << 10) + 1))
