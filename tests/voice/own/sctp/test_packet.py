"""SCTP on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.sctp.packet import (
    Chunk,
    ChunkType,
    Data,
    Init,
    Sack,
    SctpPacket,
    crc32c,
    parse_data,
    parse_init,
    parse_packet,
    parse_sack,
)


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_an_init_goes_out_as_the_rfc_draws_it() -> None:
    packet = SctpPacket(5000, 5000, 0, (Init(0x01020304, 0x20000, 7).chunk(ChunkType.INIT),)).serialise()
    assert packet[:8].hex() == "1388138800000000"
    assert packet[12:].hex() == "01000014" + "01020304" + "00020000" + "ffffffff" + "00000007"
    assert packet[8:12] == crc32c(packet[:8] + bytes(4) + packet[12:]).to_bytes(4, "little")


CHUNKS = st.builds(Chunk, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=60))


@given(st.lists(CHUNKS, max_size=10), st.integers(0, 0xFFFF_FFFF))
def test_what_is_written_reads_back(chunks: list[Chunk], tag: int) -> None:
    packet = SctpPacket(5000, 5001, tag, tuple(chunks))
    assert parse_packet(packet.serialise()) == packet


@given(
    st.builds(
        Data,
        st.integers(0, 0xFFFF_FFFF),
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFF_FFFF),
        st.binary(min_size=1, max_size=50),
        st.integers(0, 7),
    )
)
def test_data_reads_back(data: Data) -> None:
    assert parse_data(data.chunk()) == data


def test_acknowledgements_and_set_ups_read_back() -> None:
    sack = Sack(9, 1000, ((2, 3), (5, 5)))
    assert parse_sack(sack.chunk()) == sack
    init = Init(1, 2, 3, b"cookie of odd size")
    assert parse_init(init.chunk(ChunkType.INIT_ACK)) == init


@pytest.mark.parametrize(
    "chunk",
    [
        Chunk(ChunkType.SACK, 0, bytes(11)),
        Chunk(ChunkType.SACK, 0, Sack(1, 1, ((1, 2),)).chunk().body[:-1]),
    ],
)
def test_a_short_acknowledgement_is_refused(chunk: Chunk) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_sack(chunk)


@pytest.mark.parametrize(
    "body",
    [b"", bytes(16), Init(1, 1, 1).chunk(ChunkType.INIT).body + b"\0\7\0\3", b"\1" * 16 + b"\0\7\0\x99abcd"],
)
def test_a_broken_set_up_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_init(Chunk(ChunkType.INIT, 0, body))


def test_data_without_data_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_data(Chunk(ChunkType.DATA, 3, bytes(12)))


@given(st.binary(max_size=80))
def test_garbage_raises_the_one_error(datagram: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_packet(datagram)


@given(st.binary(max_size=60))
def test_garbage_behind_a_right_checksum_raises_the_one_error_or_is_chunks(body: bytes) -> None:
    head = bytes.fromhex("1388138800000001")
    datagram = head + crc32c(head + bytes(4) + body).to_bytes(4, "little") + body
    try:
        parse_packet(datagram)
    except RemoteProtocolError:
        return
