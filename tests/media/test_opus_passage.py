"""Opus through a whole call of a media host: bit by bit both ways, and every reason to open it."""

from collections.abc import Iterator

import numpy as np
import pytest

from linegram.audio.opus import OpusCodec
from linegram.audio.spectrum import has_tone
from linegram.link.commands import ConnectAudio, EndCall, PlayTone, Tone
from linegram.link.events import CallMeasured
from linegram.media.control import Direction, HostSettings, MediaSilent, PressDigits
from linegram.rtp.packet import PassedPacket, RtpPacket, parse_rtp
from linegram.voice.engine import RemoteMuteChanged
from tests.media.doubles import ScriptedLeg
from tests.media.test_exchange import CALL, PBX, Room
from tests.voice.leg_process import sine_frame

OPUS, FRAME = 111, 960


class OpusRoom(Room):
    """A connected call whose PBX speaks Opus, and a voice leg that passes it."""

    def __init__(self) -> None:
        super().__init__(HostSettings())
        self.codec = OpusCodec(48_000)
        self._number = 0
        self._voice_number = 0
        self.pbx_payloads: list[bytes] = []
        self.leg: ScriptedLeg
        self.open_pbx(codec="opus", payload_type=OPUS)
        self.leg = self.open_voice()
        self.leg.passes_opus = True
        self.exchange.obey(ConnectAudio(CALL), self.now)

    def say_at_pbx(self, hz: int = 440, *, kind: int = OPUS) -> None:
        payload = self.codec.encode(sine_frame(hz, 48_000, self._number))
        packet = RtpPacket(kind, self._number & 0xFFFF, self._number * FRAME, 4, payload, self._number == 0)
        self._number += 1
        self.pbx_payloads.append(payload)
        self.pbx.sendto(packet.serialise(), ("127.0.0.1", self.port))

    def say_at_voice(self, payload: bytes = b"\x78voice", ticks: int = FRAME) -> None:
        packet = PassedPacket(6, self._voice_number, self._voice_number * ticks, payload, ticks)
        self._voice_number += 1
        self.leg.packets_to_hear.append(packet)

    def talk(self, ticks: int) -> None:
        for _ in range(ticks):
            self.say_at_pbx()
            self.say_at_voice()
            self.run(1)

    def measured(self) -> CallMeasured:
        self.events()
        self.exchange.obey(EndCall(CALL), self.now)
        (measured,) = self.events()
        assert isinstance(measured, CallMeasured)
        return measured

    def at_pbx(self) -> list[RtpPacket]:
        return [parse_rtp(datagram) for datagram in self.received()]


@pytest.fixture
def room() -> Iterator[OpusRoom]:
    made = OpusRoom()
    yield made
    made.exchange.close(made.now)
    made.pbx.close()
    made.codec.close()


def test_packets_go_through_bit_by_bit_both_ways_and_the_figures_say_so(room: OpusRoom) -> None:
    room.talk(20)
    assert [packet.payload for packet in room.leg.packets_said] == room.pbx_payloads
    assert {packet.payload for packet in room.at_pbx()} == {b"\x78voice"}
    assert room.leg.said == []
    figures = room.measured().pbx
    assert figures is not None
    assert (figures.packets_passed, figures.packets_received, figures.codec) == (20, 20, "opus")


@pytest.mark.parametrize(
    ("payload", "ticks"),
    [(b"\x78", FRAME), (b"\x7cstereo", FRAME), (b"\xe4s", 120), (b"\xfb\x06" + bytes(60), 6 * FRAME)],
    ids=["nothing to say", "stereo", "2.5 ms", "120 ms"],
)
def test_every_form_of_opus_goes_through(room: OpusRoom, payload: bytes, ticks: int) -> None:
    room.connect_pbx(codec="opus", payload_type=OPUS, ptime_ms=120)
    room.say_at_voice(payload, ticks)
    packet = RtpPacket(OPUS, 1, 1, 4, payload)
    room.pbx.sendto(packet.serialise(), ("127.0.0.1", room.port))
    room.run(1)
    assert [one.payload for one in room.at_pbx()] == [payload]
    (passed,) = room.leg.packets_said
    assert (passed.payload, passed.duration_ticks) == (payload, ticks)


def test_losses_pauses_and_long_packets_arrive_as_they_were_sent(room: OpusRoom) -> None:
    room.connect_pbx(codec="opus", payload_type=OPUS, ptime_ms=60)
    room.say_at_voice(b"\x7b\x03abc", 3 * FRAME)
    room.run(3)
    room._voice_number += 1
    room.say_at_voice(b"\x7b\x03def", 3 * FRAME)
    room.run(3)
    first, second = room.at_pbx()
    assert (second.sequence - first.sequence & 0xFFFF) == 2
    assert (second.timestamp - first.timestamp & 0xFFFF_FFFF) == 6 * FRAME


@pytest.mark.parametrize("tone", [Tone.WAITING, Tone.BUSY])
def test_a_tone_is_mixed_and_afterwards_packets_go_through_again(room: OpusRoom, tone: Tone) -> None:
    room.talk(10)
    room.exchange.obey(PlayTone(CALL, tone), room.now)
    room.talk(5)
    assert len(room.leg.said) == 5
    before = room.at_pbx()
    room.exchange.obey(ConnectAudio(CALL), room.now)
    room.leg.packets_said.clear()
    room.talk(5)
    assert len(room.leg.said) == 5
    assert room.leg.packets_said[-1].payload == room.pbx_payloads[-1]
    after = room.at_pbx()
    assert len({packet.sequence for packet in before + after}) == 20
    steps = np.diff([packet.timestamp for packet in before + after]) & 0xFFFF_FFFF
    assert set(steps.tolist()) == {FRAME}


def test_what_waited_to_be_played_is_not_cut_off_when_packets_begin_to_go_through(room: OpusRoom) -> None:
    room.leg.passes_opus = False
    room.talk(30)
    room.leg.passes_opus = True
    room.talk(5)
    passed = [packet.payload for packet in room.leg.packets_said]
    assert passed == room.pbx_payloads[-len(passed) :]
    assert 6 <= len(passed) <= 8


def test_when_packets_are_opened_again_the_sound_is_missing_for_no_more_than_the_jitter_buffer_needs(
    room: OpusRoom,
) -> None:
    room.talk(30)
    room.leg.passes_opus = False
    room.leg.to_hear = sine_frame(700, 48_000, 0)
    room.talk(40)
    silent = [frame for frame in room.leg.said if not frame.any()]
    assert len(silent) <= 3
    assert has_tone(np.concatenate(room.leg.said[6:]), 440, 48_000, margin_db=6.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"direction": Direction.SEND},
        {"direction": Direction.RECEIVE},
        {"codec": "PCMA", "payload_type": 8},
    ],
)
def test_a_hold_or_another_codec_at_the_pbx_opens_the_packets(
    room: OpusRoom, changes: dict[str, object]
) -> None:
    room.talk(3)
    room.connect_pbx(**{"codec": "opus", "payload_type": OPUS, **changes})
    room.run(3)
    assert len(room.leg.said) == 3


def test_a_pbx_that_wishes_short_packets_gets_the_frames_of_long_ones(room: OpusRoom) -> None:
    for _ in range(3):
        room.say_at_voice(b"\x7b\x03abcdef", 3 * FRAME)
        room.run(3)
    packets = room.at_pbx()
    assert [packet.payload for packet in packets] == [b"\x78ab", b"\x78cd", b"\x78ef"] * 3
    assert set(np.diff([packet.timestamp for packet in packets]) & 0xFFFF_FFFF) == {FRAME}
    assert set(np.diff([packet.sequence for packet in packets]) & 0xFFFF) == {1}


def test_frames_longer_than_the_pbx_wishes_are_opened_from_then_on(room: OpusRoom) -> None:
    room.say_at_voice(b"\x18one long frame", 3 * FRAME)
    room.run(5)
    assert len(room.leg.said) == 4
    room.connect_pbx(codec="opus", payload_type=OPUS, ptime_ms=60)
    room.talk(3)
    assert len(room.leg.said) == 4


def test_a_pbx_that_sends_another_agreed_codec_is_opened_for_good(room: OpusRoom) -> None:
    room.connect_pbx(codec="opus", payload_type=OPUS, other_codecs={8: "PCMA"})
    room.talk(3)
    room.say_at_pbx(kind=8)
    room.run(1)
    room.talk(10)
    assert len(room.leg.said) == 11


def test_digits_to_the_pbx_take_the_place_of_packets_without_opening_them(room: OpusRoom) -> None:
    room.connect_pbx(codec="opus", payload_type=OPUS, telephone_event_payload_type=101)
    room.talk(3)
    room.received()
    room.exchange.obey(PressDigits(PBX, "5"), room.now)
    room.talk(30)
    sent = room.at_pbx()
    kinds = [packet.payload_type for packet in sent]
    assert 101 in kinds
    assert kinds[-1] == OPUS
    assert len({packet.sequence for packet in sent}) == len(sent)
    assert room.leg.said == []


@pytest.mark.parametrize("seconds", [20, pytest.param(600, marks=pytest.mark.slow)])
def test_a_muted_employee_is_silence_at_the_pbx_and_ends_nothing(room: OpusRoom, seconds: int) -> None:
    room.talk(5)
    room.events()
    room.received()
    room.leg.events.append(RemoteMuteChanged(is_muted=True))
    sent = 0
    for _ in range(seconds):
        room.say_at_pbx()
        room.run(50)
        packets = room.at_pbx()
        sent += len(packets)
        assert packets, "a second without a packet: the PBX would give the call up"
    assert room.events() == []
    assert sent >= seconds * 50 - 35
    room.leg.events.append(RemoteMuteChanged(is_muted=False))
    room.run(1)
    room.received()
    room.talk(5)
    assert [packet.payload for packet in room.at_pbx()] == [b"\x78voice"] * 5
    voice = room.measured().voice
    assert voice is not None
    assert voice.far_muted_ms == pytest.approx(seconds * 1000, abs=100)


def test_a_pbx_that_falls_silent_is_still_missed(room: OpusRoom) -> None:
    room.talk(5)
    room.events()
    for _ in range(800):
        room.say_at_voice()
        room.run(1)
    assert room.events() == [MediaSilent(PBX)]
    assert len(room.leg.said) == 770
    assert not any(frame.any() for frame in room.leg.said)
