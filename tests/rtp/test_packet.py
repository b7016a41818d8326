"""RTP packets: golden bytes, the promise on garbage, identity of parse and serialise."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.rtp.packet import HeaderExtension, RtpPacket, is_rtcp, parse_rtp

DATA = Path(__file__).parent.parent / "data" / "rtp"


def golden(name: str) -> bytes:
    return bytes.fromhex((DATA / name).read_text())


EXTENSIONS = st.builds(
    HeaderExtension,
    profile=st.integers(0, 0xFFFF),
    content=st.integers(0, 8).flatmap(lambda words: st.binary(min_size=4 * words, max_size=4 * words)),
)
PACKETS = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFF_FFFF),
    ssrc=st.integers(0, 0xFFFF_FFFF),
    payload=st.binary(max_size=200),
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 0xFFFF_FFFF), max_size=15).map(tuple),
    extension=st.none() | EXTENSIONS,
    padding_bytes=st.integers(0, 255),
)


@given(PACKETS)
def test_what_is_serialised_parses_back_to_the_same_packet(packet: RtpPacket) -> None:
    assert parse_rtp(packet.serialise()) == packet


@given(st.binary(max_size=120) | st.binary(min_size=12, max_size=60).map(lambda tail: b"\xbf" + tail))
def test_any_bytes_are_a_packet_or_a_remote_protocol_error(datagram: bytes) -> None:
    try:
        packet = parse_rtp(datagram)
    except RemoteProtocolError:
        return
    assert parse_rtp(packet.serialise()) == packet
    assert len(packet.serialise()) == len(datagram)


def test_a_plain_pcma_packet_gives_every_field() -> None:
    packet = parse_rtp(golden("plain_pcma_marker.hex"))
    assert packet == RtpPacket(8, 0x1234, 0x00ABCDEF, 0xDEADBEEF, b"\xd5" * 8, marker=True)
    assert packet.serialise() == golden("plain_pcma_marker.hex")


def test_contributing_sources_extension_and_padding_are_taken_off_the_payload() -> None:
    packet = parse_rtp(golden("csrc_extension_padding.hex"))
    assert packet.csrcs == (0x11111111, 0x22222222)
    assert packet.extension == HeaderExtension(0xBEDE, bytes.fromhex("10ff0000"))
    assert packet.payload == b"\xff\xfe\xfd"
    assert packet.padding_bytes == 4
    assert packet.serialise() == golden("csrc_extension_padding.hex")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken_short_header.hex", "RTP packet shorter than its header"),
        ("broken_version_1.hex", "RTP version 1, not 2"),
        ("broken_csrc_cut.hex", "RTP packet ends inside its contributing sources"),
        ("broken_extension_missing.hex", "RTP packet ends before its header extension"),
        ("broken_extension_cut.hex", "RTP packet ends inside its header extension"),
        ("broken_padding_zero.hex", "RTP padding longer than the packet or of no length"),
        ("broken_padding_long.hex", "RTP padding longer than the packet or of no length"),
    ],
)
def test_a_broken_packet_is_refused_with_its_reason(name: str, message: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_rtp(golden(name))
    assert str(caught.value) == message


def test_rtcp_is_told_from_rtp_even_with_the_marker_set() -> None:
    assert is_rtcp(golden("rtcp_asterisk_style_sr_sdes.hex"))
    assert not is_rtcp(golden("plain_pcma_marker.hex"))
    assert not is_rtcp(b"\x80")
