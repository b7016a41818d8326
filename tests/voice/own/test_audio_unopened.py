"""The sound of a leg without opening it, its mute, and its figures; no network."""

from random import Random

import numpy as np
import pytest

from linegram.rtp.packet import PassedPacket, parse_rtp
from linegram.voice.own.audio import VoiceAudio
from linegram.voice.own.negotiation import Stream
from tests.voice.leg_process import sine_frame
from tests.voice.own.test_audio import Talk


def ready(number: int, ticks: int = 960, payload: bytes = b"\x78ready") -> PassedPacket:
    return PassedPacket(3, number, number * ticks, payload, ticks)


def test_what_the_far_end_encoded_comes_out_bit_by_bit() -> None:
    talk = Talk(48_000)
    talk.heard.pull_opus()
    sent = [talk.said.push(sine_frame(440, 48_000, number), 5.0) or b"" for number in range(4)]
    for packet in (*sent, sent[-1]):
        talk.heard.receive(packet, 5.0)
    assert [packet.payload for packet in talk.heard.pull_opus()] == [packet[12:] for packet in sent]
    figures = talk.heard.statistics(6.0)
    assert (figures.packets_received, figures.packets_duplicate, figures.packets_lost) == (5, 1, 0)


def test_ready_packets_are_sent_bit_by_bit_under_the_agreed_number() -> None:
    talk = Talk(48_000)
    packets = [parse_rtp(datagram) for datagram in talk.said.push_opus([ready(5), ready(7)], 5.0)]
    assert [packet.payload for packet in packets] == [b"\x78ready"] * 2
    assert {(packet.payload_type, packet.ssrc) for packet in packets} == {(111, 7)}
    assert packets[1].sequence - packets[0].sequence & 0xFFFF == 2
    assert talk.said.statistics(6.0).packets_passed == 2


def test_a_leg_that_passed_packets_is_heard_again_when_it_opens_them() -> None:
    talk = Talk(16_000)
    talk.run(50)
    for _ in range(25):
        talk.now += 0.02
        packet = talk.said.push(sine_frame(440, 16_000, talk._number), talk.now)
        talk._number += 1
        talk.heard.receive(packet or b"", talk.now)
        talk.heard.pull_opus()
    talk.frames.clear()
    talk.run(60)
    silent = [frame for frame in talk.frames if not frame.any()]
    assert len(silent) <= 3
    assert talk.hears()


def test_before_both_ends_agreed_nothing_is_passed() -> None:
    audio = VoiceAudio(48_000, 7, Random(1).random, 5.0)
    assert not audio.passes_opus
    assert audio.push_opus([ready(1)], 5.0) == []
    assert audio.pull_opus() == []
    audio.agree(Stream(7, 111), Stream(8, 111))
    assert audio.passes_opus


@pytest.mark.parametrize("is_unopened", [False, True])
def test_a_muted_end_sends_nothing_and_comes_back_without_a_burst(is_unopened: bool) -> None:
    audio = Talk(48_000).said

    def push(number: int) -> list[bytes]:
        if is_unopened:
            return audio.push_opus([ready(number)], 5.0)
        packet = audio.push(sine_frame(440, 48_000, number), 5.0)
        return [] if packet is None else [packet]

    (before,) = push(0)
    audio.is_muted = True
    assert [push(number) for number in range(1, 51)] == [[]] * 50
    audio.is_muted = False
    (after,) = push(51)
    first, second = parse_rtp(before), parse_rtp(after)
    assert second.sequence - first.sequence & 0xFFFF == 1
    assert second.timestamp - first.timestamp & 0xFFFF_FFFF == 51 * 960


def test_figures_tell_of_losses_concealment_and_how_it_sounded() -> None:
    talk = Talk(16_000)
    talk.run(500, lose_every=20)
    figures = talk.heard.statistics(talk.now)
    assert figures.packets_received == 475
    assert figures.packets_lost == pytest.approx(25, abs=1)
    assert 300 <= figures.concealed_ms <= 700
    assert figures.playout_ms > 0
    assert figures.mos is not None
    assert 3.4 < figures.mos < 4.0
    clean = Talk(16_000)
    clean.run(500)
    assert (clean.heard.statistics(clean.now).mos or 0) > 4.3
    assert 10 < clean.heard.statistics(clean.now).received_kbps < 60
    assert clean.said.statistics(clean.now).mos is None


def test_reports_make_both_ends_know_the_round_trip_and_the_losses_of_the_other() -> None:
    talk = Talk(8_000)
    for _ in range(10):
        talk.run(50, lose_every=10)
        talk.heard.push(np.zeros(160, np.int16), talk.now)
        for one, other in ((talk.said, talk.heard), (talk.heard, talk.said)):
            talk.now += 8
            report = one.rtcp_due(talk.now)
            if report is not None:
                other.receive_rtcp(report, talk.now + 0.04)
    figures = talk.said.statistics(talk.now)
    assert figures.round_trip_ms == pytest.approx(80, abs=2)
    assert figures.far_loss_percent == pytest.approx(10, abs=3)
    assert figures.far_mos is not None
    assert figures.far_mos < 3.8
