"""The sound of a leg without any network: what is said is heard, over loss, reordering and a mute."""

from random import Random

import numpy as np
import pytest

from linegram.audio.spectrum import has_tone
from linegram.rtp.packet import parse_rtp
from linegram.rtp.rtcp import ReceiverReport, ReportBlock, SenderReport, SourceDescription, parse_compound
from linegram.voice.own.audio import VoiceAudio
from linegram.voice.own.negotiation import Stream
from tests.voice.leg_process import sine_frame


class Talk:
    """One end says 440 Hz to the other; time is counted."""

    def __init__(self, sample_hz: int = 8000) -> None:
        self.sample_hz = sample_hz
        self.now = 5.0
        self.said = VoiceAudio(sample_hz, 7, Random(1).random, self.now)
        self.heard = VoiceAudio(sample_hz, 8, Random(2).random, self.now)
        self.said.agree(Stream(7, 111), Stream(8, 111))
        self.heard.agree(Stream(8, 111), Stream(7, 111))
        self.frames: list[np.ndarray] = []
        self._number = 0

    def run(self, ticks: int, *, lose_every: int = 0, is_muted: bool = False) -> None:
        for number in range(ticks):
            self.now += 0.02
            packet = self.said.push(sine_frame(440, self.sample_hz, self._number), self.now)
            self._number += 1
            is_lost = is_muted or (lose_every and number % lose_every == 0)
            if packet is not None and not is_lost:
                self.heard.receive(packet, self.now)
            self.frames.append(self.heard.pull(self.now))

    def hears(self, margin_db: float = 1.0) -> bool:
        samples = np.concatenate(self.frames)[-self.sample_hz // 2 :]
        return has_tone(samples, 440, self.sample_hz, margin_db=margin_db)


@pytest.mark.parametrize("sample_hz", [8000, 16000, 48000])
def test_what_is_said_is_heard(sample_hz: int) -> None:
    talk = Talk(sample_hz)
    talk.run(60)
    assert all(len(frame) == sample_hz // 50 for frame in talk.frames)
    assert talk.hears()


def test_a_tenth_lost_is_concealed() -> None:
    talk = Talk()
    talk.run(150, lose_every=10)
    assert talk.hears(margin_db=3.0)
    assert min(int(np.abs(frame).max()) for frame in talk.frames[-50:]) > 500


def test_a_mute_is_silence_and_the_sound_comes_back() -> None:
    talk = Talk()
    talk.run(50)
    talk.run(60, is_muted=True)
    assert not talk.frames[-1].any()
    talk.run(60)
    assert talk.hears()


def test_before_the_far_end_agreed_nothing_is_sent_and_nothing_heard() -> None:
    talk = Talk()
    talk.said.agree(None, None)
    talk.run(5)
    talk.heard.agree(None, None)
    talk.said.agree(Stream(7, 111), None)
    talk.run(30)
    assert not np.concatenate(talk.frames).any()


def test_a_source_that_nobody_agreed_on_is_not_heard() -> None:
    talk = Talk()
    talk.heard.agree(Stream(8, 111), Stream(9, 111))
    talk.run(30)
    assert not np.concatenate(talk.frames).any()


def test_a_new_source_agreed_in_the_call_is_heard_at_once() -> None:
    talk = Talk()
    talk.run(30)
    talk.said = VoiceAudio(8000, 70, Random(9).random, talk.now)
    talk.said.agree(Stream(70, 96), None)
    talk.heard.agree(Stream(8, 111), Stream(70, 96))
    talk.run(60)
    assert talk.hears()


def test_packets_carry_the_agreed_number_and_run_on_in_time() -> None:
    audio = Talk().said
    audio.agree(Stream(7, 97), None)
    one, two = (parse_rtp(audio.push(sine_frame(440, 8000, n), 5.0) or b"") for n in (0, 1))
    assert (one.payload_type, one.ssrc, one.marker) == (97, 7, True)
    assert (two.sequence - one.sequence & 0xFFFF, two.timestamp - one.timestamp & 0xFFFF_FFFF) == (1, 960)


def test_reports_tell_of_what_was_sent_and_heard() -> None:
    talk = Talk()
    talk.run(60)
    talk.heard.push(sine_frame(700, 8000, 0), talk.now)
    assert talk.heard.rtcp_due(talk.now - 9) is None
    report = talk.heard.rtcp_due(talk.now + 10)
    assert report is not None
    sender_report, name = parse_compound(report)
    assert isinstance(sender_report, SenderReport)
    assert isinstance(name, SourceDescription)
    assert sender_report.packets_sent == 1
    assert sender_report.blocks[0].ssrc == 7


def test_the_last_report_says_goodbye_and_garbage_is_counted() -> None:
    talk = Talk()
    assert talk.said.goodbye(5.0) is None
    talk.run(1)
    assert len(parse_compound(talk.said.goodbye(5.0) or b"")) == 3
    talk.said.receive_rtcp(b"garbage", 5.0)
    assert talk.said.malformed == 1


def test_reported_losses_make_packets_carry_redundancy() -> None:
    talk = Talk(16000)
    noise = np.random.default_rng(1).normal(0, 4000, (100, 320)).astype(np.int16)
    before = sum(len(talk.said.push(frame, 5.0) or b"") for frame in noise)
    block = ReportBlock(7, 100, 0, 0, 0, 0, 0)
    talk.said.receive_rtcp(ReceiverReport(8, (block,)).serialise(), 5.0)
    after = sum(len(talk.said.push(frame, 5.0) or b"") for frame in noise)
    assert after != before
    talk.said.close()
    talk.said.close()
