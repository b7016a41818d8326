"""Unpacking with limits: no few bytes become many."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.inflate import LONGEST_JSON_BYTES, deflate, inflate


@given(st.binary(max_size=5000))
def test_packed_text_comes_back(text: bytes) -> None:
    assert inflate(deflate(text)) == text
    assert gzip.decompress(deflate(text)) == text


def test_plain_text_is_left_as_it_is() -> None:
    assert inflate(b'{"@type":"X"}') == b'{"@type":"X"}'


def test_a_bomb_does_not_go_off() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    assert len(bomb) < 60_000
    with pytest.raises(RemoteProtocolError, match="any real message"):
        inflate(bomb)


def test_plain_text_has_the_same_limit() -> None:
    with pytest.raises(RemoteProtocolError):
        inflate(b"{" * (LONGEST_JSON_BYTES + 1))


@given(st.binary(max_size=300))
def test_broken_gzip_raises_the_one_error(rest: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        inflate(b"\x1f\x8b\xff" + rest)


def test_gzip_that_is_cut_off_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        inflate(deflate(b"some text that is long enough")[:-4])
