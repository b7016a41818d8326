"""RTCP of a PBX leg: on its own port or on that of RTP, and what is told when a codec changes in the call."""

from collections.abc import Iterator

import pytest

from linegram.link.commands import EndCall
from linegram.link.events import CallMeasured
from linegram.media.control import HostSettings
from linegram.rtp.packet import RtpPacket, is_rtcp, parse_rtp
from linegram.rtp.rtcp import Goodbye, ReceiverReport, ReportBlock, RtcpPacket, SenderReport, parse_compound
from tests.media.test_exchange import CALL, Room


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room(HostSettings())
    yield made
    made.exchange.close(made.now)
    made.pbx.close()


def measured(room: Room) -> CallMeasured:
    room.events()
    room.exchange.obey(EndCall(CALL), room.now)
    (event,) = room.events()
    assert isinstance(event, CallMeasured)
    return event


def of_one_port(room: Room) -> None:
    port = room.pbx.getsockname()[1]
    room.open_pbx(rtcp_port=port)


def received_with_sources(room: Room) -> Iterator[tuple[bytes, tuple[str, int]]]:
    while True:
        try:
            yield room.pbx.recvfrom(2048)
        except BlockingIOError:
            return


def reports_of(datagrams: list[bytes]) -> list[RtcpPacket]:
    return [packet for one in datagrams if is_rtcp(one) for packet in parse_compound(one)]


def test_a_peer_with_one_port_for_both_gets_reports_and_the_goodbye_from_one_port(room: Room) -> None:
    of_one_port(room)
    room.run(400)
    came = list(received_with_sources(room))
    assert {source for _, source in came} == {("127.0.0.1", room.port)}
    reports = reports_of([datagram for datagram, _ in came])
    assert any(isinstance(packet, SenderReport) for packet in reports)
    measured(room)
    assert any(isinstance(packet, Goodbye) for packet in reports_of(room.received()))


def test_a_peer_with_two_ports_gets_no_report_on_that_of_rtp(room: Room) -> None:
    room.open_pbx()
    room.run(400)
    assert reports_of(room.received()) == []


def test_a_report_on_the_port_of_rtp_is_read_and_is_no_sound(room: Room) -> None:
    of_one_port(room)
    room.run(2)
    ssrc = parse_rtp(room.received()[0]).ssrc
    report = ReceiverReport(9, (ReportBlock(ssrc, 64, 1, 0, 80, 0, 0),))
    room.pbx.sendto(report.serialise(), ("127.0.0.1", room.port))
    room.run(1)
    pbx = measured(room).pbx
    assert pbx is not None
    assert (pbx.far_loss_percent, pbx.far_jitter_ms, pbx.packets_received) == (25.0, 10.0, 0)
    assert pbx.far_mos == pytest.approx(2.3, abs=0.4)


def test_a_change_of_codec_says_goodbye_and_keeps_the_figures_of_the_stream_that_heard_more(
    room: Room,
) -> None:
    of_one_port(room)
    for number in range(5):
        packet = RtpPacket(8, number, number * 160, 4, bytes(160))
        room.pbx.sendto(packet.serialise(), ("127.0.0.1", room.port))
        room.run(1)
    room.received()
    port = room.pbx.getsockname()[1]
    room.connect_pbx(codec="PCMU", payload_type=0, rtcp_port=port)
    assert any(isinstance(packet, Goodbye) for packet in reports_of(room.received()))
    room.run(3)
    pbx = measured(room).pbx
    assert pbx is not None
    assert (pbx.codec, pbx.packets_received) == ("PCMA", 5)
