"""What a media host does with commands, audio and events; no process, no voice network, no waiting."""

import itertools
import socket
import struct
from collections.abc import Iterator

import numpy as np
import pytest

from linegram.audio.frame import PcmFrame
from linegram.audio.g711 import G711Codec
from linegram.audio.keypad_detector import KeypadDetector
from linegram.audio.spectrum import has_tone, level_dbfs
from linegram.audio.tones import ToneGenerator, keypad_cadence, parse_cadence
from linegram.errors import UnavailableError
from linegram.link.commands import CloseVoice, ConnectAudio, EndCall, OpenVoice, PlayTone, SignalVoice, Tone
from linegram.link.events import CallMeasured, DigitReceived, VoiceConnected, VoiceEnded, VoiceSignalled
from linegram.link.figures import LegFigures
from linegram.link.voice import VoiceParameters
from linegram.media.control import (
    ClosePbxLeg,
    ConnectPbxLeg,
    Direction,
    HostEvent,
    HostSettings,
    MediaSilent,
    MuteVoice,
    OpenPbxLeg,
    PbxLegOpened,
    PortRefused,
    PressDigits,
    RemoteMedia,
    SrtpMedia,
)
from linegram.media.exchange import Exchange
from linegram.outcomes import EndReason
from linegram.rtp.srtp import SUITES, Srtp, SrtpKeys
from linegram.sip.sdp_crypto import KEY_BYTES
from linegram.units import CallId, LegId
from linegram.voice.engine import RemoteMuteChanged, VoiceSignal, VoiceState, VoiceStateChanged
from tests.media.doubles import ScriptedEngine, ScriptedLeg, free_port

CALL, PBX, VOICE = CallId("call"), LegId("pbx"), LegId("voice")
PARAMETERS = VoiceParameters(
    key=bytes(256), is_outgoing=True, versions=("9.0.0",), servers=(), is_p2p_allowed=True
)


class Room:
    """An exchange with a plain socket as the PBX, in made-up time."""

    def __init__(self, settings: HostSettings) -> None:
        self.engine = ScriptedEngine()
        self.exchange = Exchange(self.engine, settings)
        self.now = 0.0
        self.port = free_port()
        self.pbx = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.pbx.setblocking(False)
        self.pbx.bind(("127.0.0.1", 0))

    def open_pbx(self, **changes: object) -> None:
        self.exchange.obey(OpenPbxLeg(CALL, PBX, "127.0.0.1", self.port), self.now)
        self.connect_pbx(**changes)

    def connect_pbx(self, **changes: object) -> None:
        port = self.pbx.getsockname()[1]
        fields = {"ip": "127.0.0.1", "port": port, "rtcp_port": 9, "codec": "PCMA", "payload_type": 8}
        remote = RemoteMedia(**{**fields, **changes})
        self.exchange.obey(ConnectPbxLeg(PBX, remote), self.now)

    def open_voice(self) -> ScriptedLeg:
        self.exchange.obey(OpenVoice(CALL, VOICE, PARAMETERS), self.now)
        return self.engine.legs[-1]

    def run(self, ticks: int) -> None:
        for _ in range(ticks):
            self.now += 0.02
            self.exchange.drain(self.now)
            self.exchange.tick(self.now)
            self.exchange.collect(self.now)

    def received(self) -> list[bytes]:
        packets = []
        while True:
            try:
                packets.append(self.pbx.recv(2048))
            except BlockingIOError:
                return packets

    def events(self) -> list[HostEvent]:
        found = list(self.exchange.events)
        self.exchange.events.clear()
        return found


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room(HostSettings())
    yield made
    made.exchange.close(made.now)
    made.pbx.close()


def tone(hz: int, sample_hz: int) -> PcmFrame:
    return ToneGenerator(parse_cadence(f"{hz}/1000"), sample_hz).frame()


def test_a_leg_is_opened_once_however_often_it_is_asked_for(room: Room) -> None:
    room.open_pbx()
    first = room.events()
    room.open_pbx()
    assert first == room.events()
    assert isinstance(first[0], PbxLegOpened)
    assert room.exchange.call_count == 1


def test_a_taken_port_is_refused_and_leaves_no_call_behind(room: Room) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("127.0.0.1", room.port + 1))
        room.open_pbx()
    (refusal,) = room.events()
    assert isinstance(refusal, PortRefused)
    assert refusal.port == room.port
    assert room.exchange.call_count == 0


@pytest.mark.parametrize(
    ("codec", "payload_type", "sample_hz"), [("PCMU", 0, 8000), ("G722", 9, 16000), ("opus", 111, 48000)]
)
def test_the_voice_leg_opens_at_the_rate_of_the_pbx_leg(
    room: Room, codec: str, payload_type: int, sample_hz: int
) -> None:
    room.open_pbx(codec=codec, payload_type=payload_type)
    assert room.open_voice().sample_hz == sample_hz


def test_without_a_pbx_leg_the_voice_leg_opens_at_full_band(room: Room) -> None:
    assert room.open_voice().sample_hz == 48000


def test_before_the_audio_is_connected_both_sides_get_silence_in_every_tick(room: Room) -> None:
    room.open_pbx()
    leg = room.open_voice()
    leg.to_hear = tone(700, 8000)
    room.run(10)
    assert len(leg.said) == leg.pulls == 10
    assert level_dbfs(np.concatenate(leg.said)) < -100
    packets = room.received()
    assert len(packets) == 10
    assert {packet[12:] for packet in packets} == {b"\xd5" * 160}


def test_connected_audio_reaches_the_pbx(room: Room) -> None:
    room.open_pbx()
    leg = room.open_voice()
    leg.to_hear = tone(700, 8000)
    room.exchange.obey(ConnectAudio(CALL), room.now)
    room.run(5)
    assert all(packet[12:] != b"\xd5" * 160 for packet in room.received())


def test_on_hold_the_time_passes_unsent_and_the_voice_leg_still_gets_its_frames(room: Room) -> None:
    room.open_pbx(direction=Direction.NEITHER)
    leg = room.open_voice()
    room.run(10)
    assert room.received() == []
    assert len(leg.said) == 10


def test_a_tone_takes_the_place_of_the_conversation_until_it_is_connected_again(room: Room) -> None:
    leg = room.open_voice()
    room.exchange.obey(ConnectAudio(CALL), room.now)
    room.exchange.obey(PlayTone(CALL, Tone.BUSY), room.now)
    room.run(20)
    assert has_tone(np.concatenate(leg.said), 425, 48000, margin_db=1.0)
    room.exchange.obey(ConnectAudio(CALL), room.now)
    leg.said.clear()
    room.run(5)
    assert level_dbfs(np.concatenate(leg.said)) < -100


def test_tone_none_ends_a_tone(room: Room) -> None:
    leg = room.open_voice()
    room.exchange.obey(PlayTone(CALL, Tone.RING_BACK), room.now)
    room.run(2)
    room.exchange.obey(PlayTone(CALL, Tone.NONE), room.now)
    leg.said.clear()
    room.run(5)
    assert level_dbfs(np.concatenate(leg.said)) < -100


def test_the_waiting_tone_leaves_the_conversation_connected(room: Room) -> None:
    room.open_pbx()
    leg = room.open_voice()
    leg.to_hear = tone(700, 8000)
    room.exchange.obey(ConnectAudio(CALL), room.now)
    room.exchange.obey(PlayTone(CALL, Tone.WAITING), room.now)
    room.run(5)
    assert has_tone(np.concatenate(leg.said), 425, 8000, margin_db=1.0)
    assert all(packet[12:] != b"\xd5" * 160 for packet in room.received())


def test_what_the_voice_leg_reports_is_told_in_the_links_words(room: Room) -> None:
    leg = room.open_voice()
    assert room.exchange.is_setting_up
    leg.events += [
        VoiceSignal(b"s"),
        VoiceStateChanged(VoiceState.CONNECTED),
        RemoteMuteChanged(is_muted=True),
        VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_LOST),
    ]
    room.run(1)
    assert room.events() == [
        VoiceSignalled(VOICE, b"s"),
        VoiceConnected(VOICE),
        VoiceEnded(VOICE, EndReason.VOICE_LOST),
    ]
    assert leg.is_closed
    assert not room.exchange.is_setting_up


def test_signalling_reaches_its_leg_and_nothing_reaches_a_closed_one(room: Room) -> None:
    leg = room.open_voice()
    room.exchange.obey(SignalVoice(VOICE, b"1"), room.now)
    room.exchange.obey(CloseVoice(VOICE), room.now)
    room.exchange.obey(CloseVoice(VOICE), room.now)
    room.exchange.obey(SignalVoice(VOICE, b"2"), room.now)
    assert leg.signals == [b"1"]
    assert leg.is_closed


def test_a_voice_is_muted_and_speaks_again_and_an_unknown_one_is_left_alone(room: Room) -> None:
    leg = room.open_voice()
    states = []
    for leg_id, is_muted in ((LegId("other"), True), (VOICE, True), (VOICE, False)):
        room.exchange.obey(MuteVoice(leg_id, is_muted=is_muted), room.now)
        states.append(leg.is_muted)
    assert states == [False, True, False]


def test_a_call_is_measured_once_at_its_end(room: Room) -> None:
    room.open_pbx()
    leg = room.open_voice()
    room.run(3)
    room.events()
    room.exchange.obey(EndCall(CALL), room.now)
    room.exchange.obey(EndCall(CALL), room.now)
    pbx = LegFigures(codec="PCMA", duration_s=0.1, packets_sent=3, sent_kbps=64.0)
    assert room.events() == [CallMeasured(call_id=CALL, codec="PCMA", pbx=pbx, voice=LegFigures())]
    assert leg.is_closed
    assert room.exchange.call_count == 0
    room.run(1)


def test_a_closed_pbx_leg_frees_its_ports_but_its_figures_stay(room: Room) -> None:
    room.open_pbx()
    room.exchange.obey(ClosePbxLeg(PBX), room.now)
    room.exchange.obey(ClosePbxLeg(PBX), room.now)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as next_user:
        next_user.bind(("127.0.0.1", room.port))
    room.events()
    room.exchange.obey(EndCall(CALL), room.now)
    assert room.events() == [CallMeasured(call_id=CALL, codec="PCMA", pbx=LegFigures(codec="PCMA"))]


def test_a_silent_pbx_is_reported_after_thirty_seconds_without_a_first_packet(room: Room) -> None:
    room.open_pbx()
    room.events()
    room.run(1499)
    assert room.events() == []
    room.run(2)
    assert room.events() == [MediaSilent(PBX)]


def test_a_new_agreement_with_another_codec_goes_on_with_it(room: Room) -> None:
    room.open_pbx()
    leg = room.open_voice()
    room.run(2)
    room.received()
    room.connect_pbx(codec="G722", payload_type=9)
    room.run(2)
    assert {packet[1] & 0x7F for packet in room.received()} == {9}
    assert leg.sample_hz == 8000


def test_an_agreement_on_an_unknown_codec_leaves_the_stream_as_it_was(room: Room) -> None:
    room.open_pbx()
    room.connect_pbx(codec="semaphore", payload_type=99)
    room.run(2)
    assert {packet[1] & 0x7F for packet in room.received()} == {8}


def test_digits_without_an_agreement_on_them_are_dropped(room: Room) -> None:
    room.open_pbx()
    room.exchange.obey(PressDigits(PBX, "12"), room.now)
    room.run(3)
    assert {packet[1] & 0x7F for packet in room.received()} == {8}


def test_digits_in_the_audio_sound_in_place_of_what_is_said_and_then_it_goes_on(room: Room) -> None:
    leg = room.open_voice()
    leg.to_hear = tone(400, leg.sample_hz)
    room.open_pbx()
    room.exchange.obey(ConnectAudio(CALL), room.now)
    room.exchange.obey(PressDigits(PBX, "15#", in_band=True), room.now)
    detector, law = KeypadDetector(8000), G711Codec("PCMA")
    room.run(40)
    heard = [law.decode(packet[12:]) for packet in room.received()]
    assert [digit for frame in heard for digit in detector.hear(frame)] == ["1", "5", "#"]
    assert has_tone(heard[-1], 400, 8000)


def test_keys_in_the_audio_of_a_pbx_without_another_way_are_reported(room: Room) -> None:
    room.open_pbx(has_keypad_tones=True)
    law, number = G711Codec("PCMA"), itertools.count()
    for digit in "42*":
        generator = ToneGenerator(keypad_cadence(digit), 8000)
        while not generator.is_finished:
            n = next(number)
            head = struct.pack("!BBHII", 0x80, 8, n, n * 160, 7)
            room.pbx.sendto(head + law.encode(generator.frame()), ("127.0.0.1", room.port))
            room.run(1)
    room.run(10)
    assert [one.digit for one in room.events() if isinstance(one, DigitReceived)] == ["4", "2", "*"]


def test_commands_about_unknown_calls_and_legs_are_ignored(room: Room) -> None:
    room.connect_pbx()
    for command in (ConnectAudio(CALL), PlayTone(CALL, Tone.BUSY), EndCall(CALL), CloseVoice(VOICE)):
        room.exchange.obey(command, room.now)
    room.exchange.obey(PressDigits(PBX, "1"), room.now)
    room.run(1)
    assert room.events() == []


def test_a_fault_in_one_call_ends_that_call_and_leaves_the_others(room: Room) -> None:
    broken = room.open_voice()
    room.exchange.obey(OpenVoice(CallId("other"), LegId("other-voice"), PARAMETERS), room.now)
    broken.sample_hz = 8000
    room.run(3)
    assert room.events() == [VoiceEnded(VOICE, EndReason.INTERNAL_ERROR)]
    assert broken.is_closed
    assert len(room.engine.legs[1].said) == 3
    room.exchange.obey(EndCall(CALL), room.now)
    (measured,) = room.events()
    assert isinstance(measured, CallMeasured)
    assert measured.voice == LegFigures()


def test_a_host_name_instead_of_an_address_is_refused(room: Room) -> None:
    room.open_pbx(ip="pbx.example")
    room.run(2)
    assert len(room.events()) == 1
    assert room.received() == []


def test_a_stuck_engine_is_the_end_of_the_host(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(now: float) -> None:
        raise UnavailableError("stuck")

    monkeypatch.setattr(room.open_voice(), "handle_timer", refuse, raising=True)
    with pytest.raises(UnavailableError):
        room.run(1)


@pytest.mark.parametrize("suite", [*SUITES])
def test_encrypted_audio_goes_both_ways_and_what_is_not_genuine_is_not_heard(room: Room, suite: str) -> None:
    length = KEY_BYTES[suite]
    ours, theirs = bytes(range(length)), bytes(range(100, 100 + length))
    leg = room.open_voice()
    leg.to_hear = tone(400, leg.sample_hz)
    room.open_pbx(srtp=SrtpMedia(suite, ours, theirs))
    room.exchange.obey(ConnectAudio(CALL), room.now)
    pbx, law = Srtp(SrtpKeys(SUITES[suite], theirs, ours)), G711Codec("PCMA")
    forger = Srtp(SrtpKeys(SUITES[suite], ours, theirs))
    voice = ToneGenerator(parse_cadence("700/1000"), 8000)
    for number in range(40):
        packet = struct.pack("!BBHII", 0x80, 8, number, number * 160, 7) + law.encode(voice.frame())
        sealed = pbx.protect(packet)
        for datagram in (packet, forger.protect(packet), sealed, sealed):
            room.pbx.sendto(datagram, ("127.0.0.1", room.port))
        room.run(1)
    packets = [pbx.open(packet) for packet in room.received()]
    assert has_tone(law.decode(packets[-1][12:]), 400, 8000)
    assert has_tone(np.concatenate(leg.said[-10:]), 700, leg.sample_hz)
    room.exchange.obey(EndCall(CALL), room.now)
    (figures,) = (one for one in room.events() if isinstance(one, CallMeasured))
    assert figures.pbx is not None
    assert figures.pbx.packets_received == 40, "the forged and the repeated ones do not count"
