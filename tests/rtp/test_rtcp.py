"""RTCP: golden compounds, identity, the promise on garbage, round trip."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.rtp.extended_report import UNKNOWN, OtherBlock, VoipMetrics
from linegram.rtp.reception import Reception
from linegram.rtp.rtcp import (
    ExtendedReport,
    Goodbye,
    OtherRtcp,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    compact_ntp,
    ntp_time,
    parse_compound,
    round_trip_s,
    serialise_compound,
)
from tests.rtp.test_packet import golden

U32 = st.integers(0, 0xFFFF_FFFF)
BLOCKS = st.builds(
    ReportBlock,
    ssrc=U32,
    fraction_lost=st.integers(0, 255),
    packets_lost=st.integers(-0x80_0000, 0x7F_FFFF),
    highest_sequence=U32,
    jitter_ticks=U32,
    last_report_ntp=U32,
    delay_since_last_report=U32,
)
BLOCK_TUPLES = st.lists(BLOCKS, max_size=31).map(tuple)
ITEMS = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=60)), max_size=4).map(tuple)
WORDS = st.integers(0, 5).flatmap(lambda words: st.binary(min_size=4 * words, max_size=4 * words))
VOIP_BLOCKS = st.builds(
    VoipMetrics,
    ssrc=U32,
    loss_rate=st.integers(0, 255),
    burst_ms=st.integers(0, 65_535),
    round_trip_ms=st.integers(0, 65_535),
    signal_dbm=st.integers(-128, 127),
    conversation_mos_tenths=st.integers(0, 255),
    playout_limit_ms=st.integers(0, 65_535),
)
EXTENDED_BLOCKS = VOIP_BLOCKS | st.builds(
    OtherBlock, st.sampled_from([1, 4, 6, 20]), st.integers(0, 255), WORDS
)
PACKETS = st.one_of(
    st.builds(ExtendedReport, U32, st.lists(EXTENDED_BLOCKS, max_size=3).map(tuple), st.integers(0, 31)),
    st.builds(SenderReport, U32, st.integers(0, (1 << 64) - 1), U32, U32, U32, BLOCK_TUPLES),
    st.builds(ReceiverReport, U32, BLOCK_TUPLES),
    st.builds(SourceDescription, U32, ITEMS),
    st.builds(Goodbye, st.lists(U32, max_size=31).map(tuple), st.binary(max_size=100)),
    st.builds(
        OtherRtcp,
        packet_type=st.sampled_from([192, 204, 205, 206]),
        count=st.integers(0, 31),
        body=st.integers(0, 9).flatmap(lambda words: st.binary(min_size=4 * words, max_size=4 * words)),
    ),
)


@given(st.lists(PACKETS, min_size=1, max_size=4))
def test_a_compound_parses_back_to_the_same_packets(packets: list[OtherRtcp]) -> None:
    assert parse_compound(serialise_compound(packets)) == tuple(packets)


HEADS = st.sampled_from(
    [
        b"\x80\xcf\x00\x0a\x00\x00\x00\x01\x07\x00\x00\x08",
        b"\x81\xc8\x00\x0c",
        b"\x81\xc9\x00\x07",
        b"\x82\xca\x00\x05",
        b"\xa1\xcb\x00\x02",
    ]
)


@given(st.binary(max_size=90) | st.builds(lambda head, tail: head + tail, HEADS, st.binary(max_size=80)))
def test_any_bytes_are_rtcp_or_a_remote_protocol_error(datagram: bytes) -> None:
    try:
        packets = parse_compound(datagram)
    except RemoteProtocolError:
        return
    assert packets


def test_a_sender_report_with_a_name_gives_every_field() -> None:
    report, description = parse_compound(golden("rtcp_asterisk_style_sr_sdes.hex"))
    assert report == SenderReport(
        0x01020304,
        0xE000000080000000,
        160_000,
        1_000,
        160_000,
        (ReportBlock(0x0A0B0C0D, 64, 5, 65_636, 80, 0x12345678, 0x10000),),
    )
    assert description == SourceDescription(0x01020304, ((1, b"a@b.c"), (6, b"pbx")))
    assert serialise_compound((report, description)) == golden("rtcp_asterisk_style_sr_sdes.hex")


def test_a_goodbye_carries_its_reason() -> None:
    packets = parse_compound(golden("rtcp_rr_bye_with_reason.hex"))
    assert packets == (ReceiverReport(7), Goodbye((7,), b"hungup"))


def test_voip_metrics_give_every_field() -> None:
    (report,) = parse_compound(golden("rtcp_xr_voip_metrics.hex"))
    assert isinstance(report, ExtendedReport)
    other, metrics = report.blocks
    assert other == OtherBlock(4, 0, bytes.fromhex("e000000080000000"))
    assert metrics == VoipMetrics(
        0x0A0B0C0D,
        loss_rate=13,
        discard_rate=2,
        burst_density=128,
        gap_density=3,
        burst_ms=240,
        gap_ms=4_000,
        round_trip_ms=85,
        end_system_ms=60,
        signal_dbm=-20,
        noise_dbm=-70,
        echo_return_loss_db=55,
        gap_minimum=16,
        r_factor=82,
        outer_r_factor=UNKNOWN,
        listening_mos_tenths=41,
        conversation_mos_tenths=39,
        receiver_configuration=0xB0,
        playout_ms=40,
        playout_maximum_ms=80,
        playout_limit_ms=240,
    )
    assert report.serialise() == golden("rtcp_xr_voip_metrics.hex")


@pytest.mark.parametrize(
    "packet",
    [Goodbye((7,)), SourceDescription.named(7, "a"), OtherRtcp(205, 15, bytes(12)), ReceiverReport(7)],
)
def test_a_packet_of_reduced_size_needs_no_report_before_it(packet: RtcpPacket) -> None:
    assert parse_compound(packet.serialise()) == (packet,)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken_rtcp_xr_block.hex", "RTCP extended report ends inside a block"),
        ("broken_rtcp_length.hex", "RTCP packet longer than its datagram"),
        ("broken_rtcp_cut_block.hex", "RTCP packet of type 201 is cut off"),
        ("broken_rtcp_sdes_item.hex", "RTCP source description ends inside an item"),
    ],
)
def test_broken_rtcp_is_refused_with_its_reason(name: str, message: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_compound(golden(name))
    assert str(caught.value) == message


def test_more_than_31_blocks_cannot_be_written() -> None:
    block = ReportBlock(1, 0, 0, 0, 0, 0, 0)
    with pytest.raises(ValueError, match="at most 31"):
        ReceiverReport(1, (block,) * 32).serialise()


@given(st.floats(0, 1e6), st.floats(0, 2), st.floats(0, 10))
def test_the_round_trip_leaves_out_the_time_the_peer_held_the_report(
    sent_at: float, trip_s: float, held_s: float
) -> None:
    block = ReportBlock(1, 0, 0, 0, 0, compact_ntp(ntp_time(sent_at)), int(held_s * 65_536))
    measured = round_trip_s(block, sent_at + trip_s + held_s)
    if block.last_report_ntp == 0:
        assert measured is None
    else:
        assert measured == pytest.approx(trip_s, abs=0.001)


def test_fraction_lost_covers_only_the_interval_since_the_last_report() -> None:
    reception = Reception(1, 0)
    for sequence in (0, 1, 3):
        reception.sequence.extend(sequence)
    first = reception.report_block(1.0)
    assert (first.fraction_lost, first.packets_lost, first.highest_sequence) == (64, 1, 3)
    for sequence in range(4, 12):
        reception.sequence.extend(sequence)
    second = reception.report_block(2.0)
    assert (second.fraction_lost, second.packets_lost) == (0, 1)
    assert reception.report_block(3.0).fraction_lost == 0


def test_duplicates_make_no_negative_fraction() -> None:
    reception = Reception(1, 0)
    for sequence in (0, 0, 0):
        reception.sequence.extend(sequence)
    assert reception.report_block(1.0).fraction_lost == 0
    assert reception.report_block(1.0).packets_lost == -2


def test_the_delay_since_the_last_sender_report_is_echoed() -> None:
    reception = Reception(1, 0)
    assert reception.report_block(9.0).delay_since_last_report == 0
    reception.sender_report_arrived(0xABCDEF01, now=10.0)
    block = reception.report_block(11.5)
    assert (block.last_report_ntp, block.delay_since_last_report) == (0xABCDEF01, int(1.5 * 65_536))


def test_jitter_converges_on_the_mean_deviation_of_the_arrivals() -> None:
    """Arrivals alternate 0 and 10 ms late: every difference is 10 ms, so the estimate goes to 80 ticks."""
    reception = Reception(1, 0)
    for index in range(400):
        reception.arrived(0xFFFFFF00 + index * 160 & 0xFFFF_FFFF, index * 160 + 80 * (index % 2))
    assert reception.jitter_ticks == pytest.approx(80, rel=0.01)
