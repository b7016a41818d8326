"""STUN on the wire, held to the sample of RFC 5769."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.stun import (
    Address,
    Attribute,
    Kind,
    StunMessage,
    parse_stun,
    read_xor_address,
    xor_address,
)

RFC_5769_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
RFC_5769_PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION = bytes(range(12))


def test_the_sample_request_of_rfc_5769_is_genuine() -> None:
    message = parse_stun(RFC_5769_REQUEST)
    assert message.kind == Kind.REQUEST
    assert message.find(Attribute.USERNAME) == b"evtj:h6vY"
    assert message.find(Attribute.PRIORITY) == bytes.fromhex("6e0001ff")
    assert message.is_genuine(RFC_5769_PASSWORD)
    assert not message.is_genuine("another")


@given(st.integers(0, (len(RFC_5769_REQUEST) - 8) * 8 - 1))
def test_the_sample_with_one_bit_changed_is_not(bit: int) -> None:
    changed = bytearray(RFC_5769_REQUEST)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        message = parse_stun(bytes(changed))
    except RemoteProtocolError:
        return
    assert not message.is_genuine(RFC_5769_PASSWORD) or message.kind != Kind.REQUEST


def test_the_sample_addresses_of_rfc_5769_are_read() -> None:
    transaction = bytes.fromhex("b7e7a701bc34d686fa87dfae")
    assert read_xor_address(bytes.fromhex("0001a147e112a643"), transaction) == Address("192.0.2.1", 32853)
    six = Address("2001:db8:1234:5678:11:2233:4455:6677", 32853)
    written = bytes.fromhex("0002a1470113a9faa5d3f179bc25f4b5bed2b9d9")
    assert read_xor_address(written, transaction) == six
    assert xor_address(six, transaction) == written


@given(st.ip_addresses(), st.integers(0, 0xFFFF), st.binary(min_size=12, max_size=12))
def test_addresses_come_back(ip: object, port: int, transaction: bytes) -> None:
    address = Address(str(ip), port)
    assert read_xor_address(xor_address(address, transaction), transaction) == address


@given(st.lists(st.tuples(st.sampled_from([6, 0x24, 0x25, 0xC057]), st.binary(max_size=40)), max_size=6))
def test_what_is_written_reads_back_signed(attributes: list[tuple[int, bytes]]) -> None:
    written = StunMessage(Kind.REQUEST, TRANSACTION, tuple(attributes)).serialise("secret")
    message = parse_stun(written)
    assert message.attributes[:-1] == tuple(attributes)
    assert message.is_genuine("secret")
    assert not message.is_genuine("Secret")


def test_what_stands_behind_the_signature_is_not_believed() -> None:
    signed = StunMessage(Kind.REQUEST, TRANSACTION, ()).serialise("secret")
    body = signed[20:-8] + bytes.fromhex("00250000")
    forged = signed[:2] + len(body).to_bytes(2, "big") + signed[4:20] + body
    message = parse_stun(forged)
    assert message.is_genuine("secret")
    assert message.find(Attribute.USE_CANDIDATE) is None


def test_an_unsigned_message_is_never_genuine() -> None:
    assert not parse_stun(bytes.fromhex("000100002112a442") + TRANSACTION).is_genuine("")


@given(st.binary(max_size=100))
def test_garbage_raises_the_one_error(datagram: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_stun(datagram)


@given(st.binary(max_size=60))
def test_garbage_in_a_right_head_raises_the_one_error_or_is_unsigned(body: bytes) -> None:
    head = b"\0\1" + len(body).to_bytes(2, "big") + bytes.fromhex("2112a442") + TRANSACTION
    try:
        assert not parse_stun(head + body).is_genuine("secret")
    except RemoteProtocolError:
        return


@given(st.binary(max_size=24))
def test_a_broken_address_raises_the_one_error(content: bytes) -> None:
    try:
        read_xor_address(content, TRANSACTION)
    except RemoteProtocolError:
        assert len(content) not in (8, 20)
