"""Packets that a real ntgcalls 3.0.5 sent, and vectors of our own: read, looked at, written back the same.

`record_golden.py` made the files; each is one call with keys that were thrown away.
"""

import struct
from pathlib import Path

import msgspec
import pytest

from linegram.rtp.packet import is_rtcp, parse_rtp
from linegram.rtp.srtp import PROFILES, Srtp, SrtpKeys
from linegram.voice.own.acked_framing import AckedFraming, Record, parse_records
from linegram.voice.own.box import Box
from linegram.voice.own.ice.candidate import parse_candidate
from linegram.voice.own.ice.stun import Attribute, Kind, parse_stun
from linegram.voice.own.inflate import inflate
from linegram.voice.own.messages import (
    Candidates,
    InitialSetup,
    Message,
    NegotiateChannels,
    read_message,
)
from linegram.voice.own.sctp.association import Association
from linegram.voice.own.sctp.inbox import Inbox
from linegram.voice.own.sctp.packet import ChunkType, SctpPacket, parse_data, parse_init, parse_packet

FOLDER = Path(__file__).parents[2] / "data" / "voice"
MESSAGE, EMPTY, ACK = 0x7F, 0xFE, 0xFF
COUNTER = (1 << 30) - 1


class Recording(msgspec.Struct):
    """One recorded call; `is_outgoing` says that ntgcalls placed it."""

    version: str
    is_outgoing: bool
    key: str
    signals: list[str]
    answers_of_ours: list[str]
    srtp_profile: str
    srtp_key: str
    srtp_packets: list[str]
    stun_checks: list[str]
    stun_password: str

    @property
    def their_box(self) -> Box:
        return Box(bytes.fromhex(self.key), is_outgoing=self.is_outgoing)

    @property
    def our_box(self) -> Box:
        return Box(bytes.fromhex(self.key), is_outgoing=not self.is_outgoing)

    @property
    def packets(self) -> list[bytes]:
        return [bytes.fromhex(signal) for signal in self.signals]


RECORDINGS = {
    path.stem: msgspec.json.decode(path.read_bytes(), type=Recording)
    for path in sorted(FOLDER.glob("*.json"))
}
ACKED = [name for name, one in RECORDINGS.items() if one.version == "8.0.0"]
SCTP = [name for name, one in RECORDINGS.items() if one.version == "13.0.0"]


def said(recording: Recording) -> list[Message | None]:
    """Give every message of a recording, once each."""
    if recording.version == "8.0.0":
        framing = AckedFraming()
        texts = [
            text
            for packet in recording.packets
            for _, text in framing.receive(recording.our_box.open(packet))
        ]
        return [read_message(text) for text in texts]
    fragments = [
        parse_data(chunk)
        for packet in recording.packets
        for chunk in parse_packet(packet).chunks
        if chunk.kind == ChunkType.DATA
    ]
    inbox = Inbox(min(fragment.tsn for fragment in fragments))
    for fragment in fragments:
        inbox.receive(fragment)
    plains = [recording.our_box.open(message.payload) for message in inbox.messages]
    assert [struct.unpack("!I", plain[:4])[0] for plain in plains] == list(range(1, len(plains) + 1))
    return [read_message(inflate(plain[4:])) for plain in plains]


def test_there_is_a_recording_of_each_framing_in_each_role() -> None:
    assert sorted((one.version, one.is_outgoing) for one in RECORDINGS.values()) == [
        ("13.0.0", False),
        ("13.0.0", True),
        ("8.0.0", False),
        ("8.0.0", True),
    ]


@pytest.mark.parametrize("name", ACKED)
def test_the_box_and_the_records_of_8_read_and_write_back_the_same(name: str) -> None:
    recording = RECORDINGS[name]
    for packet in recording.packets:
        plain = recording.our_box.open(packet)
        records = parse_records(plain)
        assert b"".join(record.serialise() for record in records) == plain
        assert recording.their_box.seal(plain) == packet
    for signal in recording.answers_of_ours:
        packet = bytes.fromhex(signal)
        assert recording.our_box.seal(recording.their_box.open(packet)) == packet


@pytest.mark.parametrize("name", ACKED)
def test_the_records_of_8_are_as_we_describe_them(name: str) -> None:
    recording = RECORDINGS[name]
    packets = [parse_records(recording.our_box.open(packet)) for packet in recording.packets]
    assert packets[0][0].kind == MESSAGE
    assert packets[0][0].sequence == 1 << 30 | 1
    heads = [records[0].sequence & COUNTER for records in packets]
    assert heads == sorted(set(heads))
    for records in packets:
        assert {record.kind for record in records[1:]} <= {MESSAGE, ACK}
        assert all(record.sequence >> 30 == 1 for record in records if record.kind != EMPTY)
    acked = {record.sequence for records in packets for record in records if record.kind == ACK}
    ours = [
        record
        for signal in recording.answers_of_ours
        for record in parse_records(recording.their_box.open(bytes.fromhex(signal)))
        if record.kind == MESSAGE
    ]
    assert acked
    assert acked <= {record.sequence for record in ours}


@pytest.mark.parametrize("name", SCTP)
def test_the_sctp_packets_of_13_read_and_write_back_the_same(name: str) -> None:
    kinds = set()
    for packet in RECORDINGS[name].packets:
        parsed = parse_packet(packet)
        assert parsed.serialise() == packet
        assert (parsed.source_port, parsed.target_port) == (5000, 5000)
        kinds |= {chunk.kind for chunk in parsed.chunks}
        for chunk in parsed.chunks:
            if chunk.kind in (ChunkType.INIT, ChunkType.INIT_ACK):
                init = parse_init(chunk)
                assert init.window_bytes == 5 << 20
                assert bool(init.cookie) is (chunk.kind == ChunkType.INIT_ACK)
            if chunk.kind == ChunkType.DATA:
                data = parse_data(chunk)
                assert (data.stream, data.protocol, data.flags) == (0, 53, 3)
                assert data.chunk() == chunk
    assert {ChunkType.INIT, ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO, ChunkType.DATA} <= kinds


@pytest.mark.parametrize("name", SCTP)
def test_an_association_of_ours_answers_the_recorded_init(name: str) -> None:
    first = RECORDINGS[name].packets[0]
    association = Association(lambda: 0.5)
    association.receive(first, 0.0)
    answer = association.next_packet()
    assert answer is not None
    (chunk,) = parse_packet(answer).chunks
    assert chunk.kind == ChunkType.INIT_ACK
    assert parse_packet(answer).tag == parse_init(parse_packet(first).chunks[0]).tag


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_set_up_says_who_protects_the_path(name: str) -> None:
    recording = RECORDINGS[name]
    (setup,) = {one for one in said(recording) if isinstance(one, InitialSetup)}
    assert (len(setup.ufrag), len(setup.pwd), setup.renomination) == (4, 24, True)
    (fingerprint,) = setup.fingerprints
    assert fingerprint.hash == "sha-256"
    assert fingerprint.setup == ("actpass" if recording.is_outgoing else "passive")
    assert len(bytes.fromhex(fingerprint.fingerprint.replace(":", ""))) == 32


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_candidates_are_ones_that_we_can_reach(name: str) -> None:
    lines = [
        line.sdp_string
        for one in said(RECORDINGS[name])
        if isinstance(one, Candidates)
        for line in one.candidates
    ]
    assert lines
    candidates = [parse_candidate(line) for line in lines]
    assert {candidate.kind for candidate in candidates if candidate is not None} == {"host"}
    assert None not in candidates


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_offer_lists_opus_first_and_a_camera_and_the_answer_repeats_our_ssrc(name: str) -> None:
    negotiated = [one for one in said(RECORDINGS[name]) if isinstance(one, NegotiateChannels)]
    offers = [one for one in negotiated if len(one.contents) == 2]
    answers = [one for one in negotiated if len(one.contents) == 1]
    assert len(offers) == len(answers) == 1
    audio, video = offers[0].contents
    assert (audio.type, video.type) == ("audio", "video")
    assert [codec.name for codec in audio.payload_types] == [
        "opus", "red", "G722", "PCMU", "PCMA", "CN", "telephone-event", "telephone-event",
    ]  # fmt: skip
    opus = audio.payload_types[0]
    assert (opus.id, opus.clockrate, opus.channels) == (111, 48000, 2)
    assert opus.parameters == {"minptime": "10", "useinbandfec": "1"}
    assert len(audio.rtp_extensions) == 2
    (answer,) = answers[0].contents
    assert [(codec.id, codec.name) for codec in answer.payload_types] == [(111, "opus")]
    assert answer.ssrc not in (audio.ssrc, video.ssrc)


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_recorded_sound_opens_with_the_keys_that_dtls_exported(name: str) -> None:
    recording = RECORDINGS[name]
    profile = recording.srtp_profile.encode()
    theirs = bytes.fromhex(recording.srtp_key)
    assert len(theirs) == PROFILES[profile].key_bytes + PROFILES[profile].salt_bytes
    srtp = Srtp(SrtpKeys(profile, bytes(len(theirs)), theirs))
    offers = [one for one in said(recording) if isinstance(one, NegotiateChannels) and len(one.contents) == 2]
    sound = [bytes.fromhex(packet) for packet in recording.srtp_packets]
    opened = [parse_rtp(srtp.open(packet)) for packet in sound if not is_rtcp(packet)]
    assert opened
    for packet in opened:
        assert packet.payload_type == 111
        assert str(packet.ssrc) == offers[0].contents[0].ssrc


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_recorded_checks_are_signed_with_our_password(name: str) -> None:
    recording = RECORDINGS[name]
    for check in recording.stun_checks:
        message = parse_stun(bytes.fromhex(check))
        if message.kind == Kind.REQUEST:
            assert message.is_genuine(recording.stun_password)
            assert not message.is_genuine(recording.stun_password[::-1])
            role = Attribute.ICE_CONTROLLING if recording.is_outgoing else Attribute.ICE_CONTROLLED
            assert message.find(role) is not None


KEY = bytes(range(256))
PLAIN = bytes.fromhex("00000002fe") + b"golden"


@pytest.mark.parametrize(
    ("is_outgoing", "sealed"),
    [
        (True, "b04d356114c51d9a74eca457a5f86f17710cb495bcaada4e7f56f3"),
        (False, "06745f0b9bd967ec8554901aceb20f96216e0c65f7a23324166773"),
    ],
)
def test_the_box_seals_as_it_always_has(is_outgoing: bool, sealed: str) -> None:
    packet = Box(KEY, is_outgoing=is_outgoing).seal(PLAIN)
    assert packet.hex() == sealed
    assert Box(KEY, is_outgoing=not is_outgoing).open(packet) == PLAIN


def test_a_record_of_each_kind_has_its_bytes() -> None:
    assert Record(1 << 30 | 7, MESSAGE, b"{}").serialise().hex() == "400000077f000000027b7d"
    assert Record(8, EMPTY).serialise().hex() == "00000008fe"
    assert Record(1 << 30 | 7, ACK).serialise().hex() == "40000007ff"


def test_an_empty_sctp_packet_has_its_bytes() -> None:
    assert SctpPacket(5000, 5000, 1, ()).serialise().hex() == "1388138800000001aac611d9"


@pytest.mark.parametrize(
    ("profile", "protected"),
    [
        (b"SRTP_AEAD_AES_128_GCM", "806f0001000003c0000000072a9494c3c2f338b5747b251cf5fee0b11ab7236bd3"),
        (b"SRTP_AEAD_AES_256_GCM", "806f0001000003c000000007d7d5fc8f176db611523f8ef4262625a1673973719b"),
        (b"SRTP_AES128_CM_SHA1_80", "806f0001000003c0000000076fcf6c42fcebd9b0b49da0d3d89773"),
    ],
)
def test_exported_keys_are_cut_and_used_as_they_always_have_been(profile: bytes, protected: str) -> None:
    exported = bytes(range(2 * (PROFILES[profile].key_bytes + PROFILES[profile].salt_bytes)))
    client = Srtp(SrtpKeys.split(profile, exported, is_client=True))
    packet = bytes.fromhex("806f0001000003c000000007") + b"sound"
    assert client.protect(packet).hex() == protected
