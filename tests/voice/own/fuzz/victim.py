"""A connected leg that takes blows: broken packets of every kind, from a far end that has all the keys."""

import json
from collections.abc import Callable
from ipaddress import ip_address
from random import Random
from typing import Self

import numpy as np

from linegram.rtp.packet import RtpPacket
from linegram.voice.engine import VoiceState
from linegram.voice.own.box import Box
from linegram.voice.own.engine import OwnEngine
from linegram.voice.own.ice.candidate import reflector_tag
from linegram.voice.own.ice.stun import Address, Attribute, Kind, StunMessage, parse_stun
from linegram.voice.own.leg import OwnLeg
from linegram.voice.own.messages import MediaState, write_message
from linegram.voice.own.sctp_framing import SctpFraming
from linegram.voice.own.signalling import ACKED_VERSIONS
from linegram.voice.own.ways.machine import local_ips
from tests.voice.own.fuzz.mutations import broken_sctp, mutate, mutate_line, mutate_message, with_checksum
from tests.voice.own.test_own_legs import parameters

Bend = Callable[[bytes, Random], bytes]
_STEP_S = 0.02
_KEY = bytes(range(256))
_MESSAGES = (
    '{"@type":"InitialSetup","ufrag":"abcd","pwd":"' + "p" * 24 + '","renomination":true,'
    '"fingerprints":[{"hash":"sha-256","setup":"actpass","fingerprint":"79:E0"}]}',
    '{"@type":"Candidates","candidates":[{"sdpString":"candidate:1 1 udp 2122194688 192.0.2.2 41541 typ host'
    ' generation 0 ufrag wqJt network-id 1","sdpMid":"","sdpMLineIndex":0}]}',
    '{"@type":"NegotiateChannels","exchangeId":"95113378","contents":[{"type":"audio","ssrc":"47251413",'
    '"payloadTypes":[{"id":111,"name":"opus","clockrate":48000,"channels":2,"feedbackTypes":'
    '[{"type":"transport-cc","subtype":""}],"parameters":{"minptime":"10"}}],"rtpExtensions":'
    '[{"uri":"urn:x","id":2}]},{"type":"video","ssrc":"7","ssrcGroups":[{"semantics":"FID","ssrcs":["1","2"]}]}]}',
    '{"@type":"MediaState","muted":true,"lowBattery":false,"videoState":"inactive","videoRotation":90}',
)
_RTCP = (
    "81c90007000000010000000200000000000000010000000000000000",
    "80c8000600000001e3a1b2c3d4e5f607000003e80000000a00000640",
    "81ca0004000000010105686f7374310000000000",
    "81cb000100000001",
)


class Victim:
    """Our leg and its far end, in one process, on a clock that the test moves."""

    def __init__(self, version: str, *, is_caller: bool, seed: int, bend: Bend | None = None) -> None:
        """Connect both; with `bend`, beside all that our leg gets meanwhile it gets broken copies."""
        self.now = 50.0
        self._bend = bend
        self.random = Random(seed)
        self._engine = OwnEngine(clock=lambda: self.now)
        self._far_box = Box(_KEY, is_outgoing=not is_caller)
        self._is_acked = version in ACKED_VERSIONS
        self._signals: list[bytes] = []
        self._datagrams: list[bytes] = []
        self._is_recording = True
        self._words = 0
        self.leg = self._open(version, is_caller=is_caller)
        self.far = self._open(version, is_caller=not is_caller)
        self._record_datagrams()
        self.blows: dict[str, Callable[[], None]] = {
            "signal": self._signal,
            "signal of this call": self._sealed_signal,
            "message": self._message,
            "datagram": self._datagram,
            "check": self._check,
            "audio": self._audio,
            "report": self._report,
            "channel": self._channel,
            "text": self._text,
        }
        for _ in range(1200):
            self.step()
            if self.are_connected or self.has_ended:
                break
        if self.are_connected:
            self._speak()

    @property
    def are_connected(self) -> bool:
        return all(leg._state is VoiceState.CONNECTED for leg in (self.leg, self.far))

    @property
    def has_ended(self) -> bool:
        return self.leg.is_closed or self.far.is_closed

    def step(self) -> None:
        """Let 20 ms pass, in which both legs do what they do."""
        self.now += _STEP_S
        for leg, other in ((self.leg, self.far), (self.far, self.leg)):
            leg.handle_timer(self.now)
            leg.pull()
            while (event := leg.next_event()) is not None:
                payload = getattr(event, "payload", None)
                if isinstance(payload, bytes):
                    if leg is self.far and self._is_recording:
                        self._signals.append(payload)
                    self._give_signal(other, payload)

    def _give_signal(self, leg: OwnLeg, payload: bytes) -> None:
        if leg is self.leg and self._is_recording and self._bend is not None:
            leg.receive_signal(self._bend(payload, self.random))
        leg.receive_signal(payload)

    def _speak(self) -> None:
        """Have the far end say and report something, to be recorded; then the blows may begin."""
        for pause_s in (0.0, 0.0, 4.0, 4.0, 0.0):
            self.now += pause_s
            self.far.push(np.zeros(160, np.int16))
            self.step()
        self._is_recording = False

    def can_still_talk(self) -> bool:
        """Say whether sound of either end still arrives at the other."""
        heard = []
        for leg, other in ((self.leg, self.far), (self.far, self.leg)):
            before = other._path._last_media_at
            self.now += _STEP_S
            self._words += 1
            leg._send(leg._path.send_rtp(RtpPacket(111, self._words, 960, 7, b"word").serialise()), self.now)
            other._drain(self.now)
            heard.append(other._path._last_media_at > before)
        return all(heard)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()

    def _open(self, version: str, *, is_caller: bool) -> OwnLeg:
        leg = self._engine.open(parameters(version, is_outgoing=is_caller, key=_KEY), 8000)
        assert isinstance(leg, OwnLeg)
        send, own_ips = leg._ways.send, frozenset(local_ips())

        def checked_send(way: int, target: Address, payload: bytes, now: float) -> None:
            """Let nothing out to addresses that mutations invented; look that they are addresses."""
            if reflector_tag(target.ip) == 0:
                assert "%" not in target.ip
                ip_address(target.ip)
            if target.ip in own_ips:
                send(way, target, payload, now)

        leg._ways.send = checked_send  # type: ignore[method-assign, assignment]
        return leg

    def _record_datagrams(self) -> None:
        receive = self.leg._path.receive

        def recording(way: int, source: Address, datagram: bytes, now: float) -> None:
            if self._is_recording:
                self._datagrams.append(datagram)
            if self._is_recording and self._bend is not None:
                receive(way, source, self._bend(datagram, self.random), now)
            receive(way, source, datagram, now)

        self.leg._path.receive = recording  # type: ignore[method-assign, assignment]

    # -- blows

    def _signal(self) -> None:
        """Bytes that may not even be of this call."""
        self.leg.receive_signal(mutate(self.random.choice(self._signals), self.random, self._signals))

    def _sealed_signal(self) -> None:
        """Broken, but sealed with the key, or with the checksum and tag of the association."""
        original = self.random.choice(self._signals)
        if self._is_acked:
            plain = mutate(self._far_box.seal(original) and self._opened(original), self.random)
            self.leg.receive_signal(self._far_box.seal(plain))
        elif self.random.random() < 0.5:
            self.leg.receive_signal(with_checksum(mutate(original, self.random)))
        else:
            framing = self.leg._signalling._framing
            assert isinstance(framing, SctpFraming)
            self.leg.receive_signal(broken_sctp(framing._association._tag, self.random))

    def _opened(self, sealed: bytes) -> bytes:
        """Open what the far end sealed, as the far end could not."""
        part = self._far_box._our_part
        return self._far_box._crypt(part, sealed[:16], sealed[16:])

    def _message(self) -> None:
        """A broken message, carried as a whole one is."""
        text = mutate_message(self.random.choice(_MESSAGES).encode(), self.random)
        if self.random.random() < 0.2:
            broken = mutate_line(json.loads(_MESSAGES[1])["candidates"][0]["sdpString"], self.random)
            text = json.dumps({"@type": "Candidates", "candidates": [{"sdpString": broken}]}).encode()
        self.far._signalling._framing.send(text, self.now)

    def _datagram(self) -> None:
        """STUN, DTLS, SRTP and SRTCP as they came, broken."""
        datagram = mutate(self.random.choice(self._datagrams), self.random, self._datagrams)
        self._give(datagram)

    def _check(self) -> None:
        """A STUN message that is signed as it should be, and full of nonsense."""
        checks = [one for one in self._datagrams if one and one[0] < 2]
        message = parse_stun(self.random.choice(checks))
        attributes = [
            (kind, mutate(content, self.random) if self.random.random() < 0.5 else content)
            for kind, content in message.attributes
            if kind != Attribute.MESSAGE_INTEGRITY and self.random.random() < 0.9
        ]
        kind = self.random.choice((message.kind, *Kind))
        ours = self.leg._path._ours.password
        broken = StunMessage(kind, self.random.randbytes(12), tuple(attributes))
        self._give(broken.serialise(ours))

    def _audio(self) -> None:
        """An RTP packet whose protection was in order."""
        incoming = self.leg._signalling.negotiation.incoming
        ssrc = incoming.ssrc if incoming is not None else 1
        sequence = self.random.randrange(1 << 16)
        whole = RtpPacket(111, sequence, self.random.getrandbits(32), ssrc, self.random.randbytes(60))
        self.leg._audio.receive(mutate(whole.serialise(), self.random), self.now)

    def _report(self) -> None:
        whole = bytes.fromhex("".join(self.random.choices(_RTCP, k=self.random.randint(1, 3))))
        broken = mutate(whole, self.random)
        if self.random.random() < 0.5:
            words = max(0, len(broken) // 4 - 1)
            broken = broken[:2] + words.to_bytes(2, "big") + broken[4:]
        self.leg._audio.receive_rtcp(broken, self.now)

    def _channel(self) -> None:
        """A packet of the data channel's SCTP, in DTLS as it should be."""
        dtls, channel = self.far._path._dtls, self.leg._path._channel
        assert dtls is not None
        assert channel is not None
        dtls.send(broken_sctp(channel._association._tag, self.random))
        while (datagram := dtls.next_datagram()) is not None:
            self._give(datagram)

    def _text(self) -> None:
        whole = self.random.choice((write_message(MediaState(muted=True)), _MESSAGES[1].encode()))
        self.far._path.send_text(mutate_message(whole, self.random) or b"x", self.now)

    def _give(self, datagram: bytes) -> None:
        path = self.leg._path.ice.path
        if path is not None:
            self.leg._path.receive(path.way, path.remote.address, datagram, self.now)
