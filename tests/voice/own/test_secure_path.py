"""Two paths joined in memory: ICE, DTLS, SRTP and the data channel over a network that loses."""

from random import Random

import pytest

from linegram.errors import RemoteProtocolError
from linegram.rtp.packet import RtpPacket
from linegram.rtp.srtp import PROFILES, Srtp, SrtpKeys
from linegram.voice.own.dtls import MOST_UNREAD, MOST_UNSENT, Dtls, Identity, make_identity
from linegram.voice.own.ice.agent import Credentials, Datagram
from linegram.voice.own.ice.candidate import Candidate, priority_of
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.messages import Fingerprint, InitialSetup
from linegram.voice.own.secure_path import SecurePath, is_dtls_client

ADDRESSES = (Address("192.0.2.1", 4000), Address("192.0.2.2", 4000))
IDENTITY = make_identity()
RTP = RtpPacket(111, 1, 960, 7, b"sound").serialise()
RTCP = bytes.fromhex("80c9000100000007")


class Link:
    """Both ends; `lost` counts down the datagrams of each kind of first byte that the network loses."""

    def __init__(self, identities: tuple[Identity, Identity] = (IDENTITY, IDENTITY)) -> None:
        self.now = 10.0
        self.lost: dict[int, int] = {}
        self.ends = tuple(
            SecurePath(
                Credentials("uf" + "ab"[side] * 2, "ab"[side] * 24),
                identities[side],
                Random(side).random,
                is_caller=side == 0,
            )
            for side in (0, 1)
        )
        for side, end in enumerate(self.ends):
            host = Candidate(ADDRESSES[side], "host", priority_of("host", 1))
            end.ice.add_local(0, host)
            self.ends[1 - side].add_remote(host)

    def introduce(self, *sides: int) -> None:
        for side in sides or (0, 1):
            self.ends[side].set_remote(self.ends[1 - side].setup(), self.now)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.now += 0.02
            for end in self.ends:
                end.handle_timer(self.now)
            for _ in range(6):
                self.carry()

    def carry(self) -> None:
        for side in (0, 1):
            while (datagram := self.ends[side].next_datagram()) is not None:
                self.deliver(side, datagram)

    def deliver(self, side: int, datagram: Datagram | None) -> None:
        assert datagram is not None
        first = datagram.payload[0]
        if self.lost.get(first, 0) > 0:
            self.lost[first] -= 1
            return
        self.ends[1 - side].receive(0, ADDRESSES[side], datagram.payload, self.now)


def connected_link() -> Link:
    link = Link()
    link.introduce()
    link.run(0.5)
    assert all(end.is_up for end in link.ends)
    return link


def test_media_and_reports_arrive_both_ways() -> None:
    link = connected_link()
    for side in (0, 1):
        link.deliver(side, link.ends[side].send_rtp(RTP))
        link.deliver(side, link.ends[side].send_rtcp(RTCP))
        assert list(link.ends[1 - side].rtp) == [RTP]
        assert list(link.ends[1 - side].rtcp) == [RTCP]


def test_media_on_the_wire_is_not_what_was_said_and_a_copy_is_dropped() -> None:
    link = connected_link()
    datagram = link.ends[0].send_rtp(RTP)
    assert datagram is not None
    assert b"sound" not in datagram.payload
    for _ in range(3):
        link.deliver(0, datagram)
    assert len(link.ends[1].rtp) == 1


def test_texts_arrive_both_ways_on_the_channel_that_the_caller_opens() -> None:
    link = connected_link()
    for side, end in enumerate(link.ends):
        end.send_text(f"from {side}".encode(), link.now)
    link.run(0.2)
    assert list(link.ends[0].texts) == [b"from 1"]
    assert list(link.ends[1].texts) == [b"from 0"]


def test_a_hello_that_comes_before_the_callee_has_a_path_is_answered() -> None:
    link = Link()
    link.introduce()
    link.lost = {1: 1}
    hello = Dtls(IDENTITY, (Fingerprint("sha-256", "passive", IDENTITY.fingerprint),), is_client=True)
    payload = hello.next_datagram()
    assert payload is not None
    assert link.ends[1].ice.path is None
    link.ends[1].receive(0, ADDRESSES[0], payload, link.now)
    sent = []
    while (datagram := link.ends[1].next_datagram()) is not None:
        sent.append(datagram)
    assert not [datagram for datagram in sent if datagram.payload[0] == 22]
    link.ends[1].handle_timer(link.now)
    link.run(0.02)
    assert link.ends[1].ice.path is not None


def test_a_hello_that_comes_before_the_callers_setup_message_is_kept() -> None:
    link = Link()
    link.introduce(0)
    link.run(0.3)
    assert not link.ends[1].is_up
    link.introduce(1)
    link.run(0.1)
    assert all(end.is_up for end in link.ends)


def test_another_certificate_than_the_signalling_named_ends_the_path() -> None:
    link = Link((IDENTITY, make_identity()))
    told = link.ends[1].setup()
    forged = Fingerprint("sha-256", "passive", IDENTITY.fingerprint)
    link.ends[0].set_remote(InitialSetup(told.ufrag, told.pwd, (forged,)), link.now)
    link.introduce(1)
    link.run(0.5)
    assert link.ends[0].is_closed
    assert not link.ends[0].is_up
    assert link.ends[0].send_rtp(RTP) is None


def test_a_second_setup_message_changes_nothing() -> None:
    link = connected_link()
    other = InitialSetup("evil", "e" * 24, (Fingerprint("sha-256", "active", "00"),))
    link.ends[0].set_remote(other, link.now)
    link.run(5.0)
    assert link.now - link.ends[0].heard_at < 2.0


@pytest.mark.parametrize("leaver", [0, 1])
def test_leaving_is_told(leaver: int) -> None:
    link = connected_link()
    link.ends[leaver].close()
    link.carry()
    assert link.ends[1 - leaver].is_closed


def test_datagrams_from_nowhere_and_garbage_are_dropped() -> None:
    link = connected_link()
    random = Random(3)
    for first in range(256):
        garbage = bytes((first,)) + random.randbytes(random.randrange(80))
        link.ends[0].receive(0, ADDRESSES[1], garbage, link.now)
        link.ends[0].receive(0, Address("198.51.100.1", 1), garbage, link.now)
    link.ends[0].receive(0, ADDRESSES[1], b"", link.now)
    assert not link.ends[0].rtp
    assert not link.ends[0].is_closed
    link.deliver(1, link.ends[1].send_rtp(RTP))
    assert list(link.ends[0].rtp) == [RTP]


@pytest.mark.parametrize(
    ("setup", "is_caller", "expected"),
    [
        ("passive", True, True),
        ("passive", False, True),
        ("active", True, False),
        ("actpass", True, True),
        ("actpass", False, False),
        ("nonsense", False, False),
    ],
)
def test_who_speaks_first_in_dtls(setup: str, is_caller: bool, expected: bool) -> None:
    assert is_dtls_client(setup, is_caller=is_caller) is expected


def join(client: Dtls, server: Dtls) -> None:
    for _ in range(8):
        for source, target in ((client, server), (server, client)):
            while (datagram := source.next_datagram()) is not None:
                assert len(datagram) <= 1200
                target.receive(datagram)


def test_both_ends_of_a_handshake_have_the_same_keys_crosswise() -> None:
    told = (Fingerprint("SHA-256", "x", IDENTITY.fingerprint.lower()),)
    client, server = Dtls(IDENTITY, told, is_client=True), Dtls(IDENTITY, told, is_client=False)
    join(client, server)
    assert client.keys is not None
    assert server.keys is not None
    assert (client.keys.ours, client.keys.theirs) == (server.keys.theirs, server.keys.ours)
    assert client.keys.profile == b"SRTP_AEAD_AES_128_GCM"
    client.send(b"hello")
    join(client, server)
    assert server.next_payload() == b"hello"


def test_an_end_whose_fingerprint_is_of_an_unknown_hash_is_refused() -> None:
    client = Dtls(IDENTITY, (Fingerprint("md5", "x", "00"),), is_client=True)
    server = Dtls(IDENTITY, (Fingerprint("sha-256", "x", IDENTITY.fingerprint),), is_client=False)
    with pytest.raises(RemoteProtocolError, match="certificate"):
        join(client, server)
    assert client.keys is None


def test_nothing_is_sent_before_the_handshake_is_over() -> None:
    server = Dtls(IDENTITY, (Fingerprint("sha-256", "x", "00"),), is_client=False)
    server.send(b"early")
    server.handle_timer()
    server.close()
    server.receive(b"late")
    assert server.next_datagram() is None


def test_answers_that_wait_for_a_path_are_bounded() -> None:
    told = (Fingerprint("sha-256", "x", IDENTITY.fingerprint),)
    server = Dtls(IDENTITY, told, is_client=False)
    hello = Dtls(IDENTITY, told, is_client=True).next_datagram()
    assert hello is not None
    for _ in range(3 * MOST_UNSENT):
        server.receive(hello)
    waiting = 0
    while server.next_datagram() is not None:
        waiting += 1
    assert 0 < waiting <= MOST_UNSENT


def test_hellos_that_come_before_the_setup_message_are_kept_in_a_bounded_number() -> None:
    link = Link()
    hello = Dtls(IDENTITY, (Fingerprint("sha-256", "x", "00"),), is_client=True).next_datagram()
    assert hello is not None
    for _ in range(100):
        link.ends[1].receive(0, ADDRESSES[0], hello, link.now)
    assert len(link.ends[1]._early) == 4


def test_media_reports_and_texts_that_nobody_takes_are_bounded() -> None:
    link = connected_link()
    for number in range(600):
        packet = RtpPacket(111, number, 960 * number, 7, b"sound").serialise()
        link.deliver(0, link.ends[0].send_rtp(packet))
        link.deliver(0, link.ends[0].send_rtcp(RTCP))
    for _ in range(6):
        for _ in range(100):
            link.ends[0].send_text(b"text", link.now)
        link.run(0.5)
    assert [len(link.ends[1].rtp), len(link.ends[1].rtcp), len(link.ends[1].texts)] == [256] * 3


def test_what_nobody_reads_from_the_data_channel_is_bounded() -> None:
    told = (Fingerprint("sha-256", "x", IDENTITY.fingerprint),)
    client, server = Dtls(IDENTITY, told, is_client=True), Dtls(IDENTITY, told, is_client=False)
    join(client, server)
    for _ in range(3 * MOST_UNREAD):
        client.send(b"x")
        join(client, server)
    assert len(server._heard) == MOST_UNREAD


@pytest.mark.parametrize("profile", list(PROFILES))
def test_every_profile_protects_and_opens(profile: bytes) -> None:
    exported = bytes(range(2 * (PROFILES[profile].key_bytes + PROFILES[profile].salt_bytes)))
    client = Srtp(SrtpKeys.split(profile, exported, is_client=True))
    server = Srtp(SrtpKeys.split(profile, exported, is_client=False))
    assert server.open(client.protect(RTP)) == RTP
    assert client.open_rtcp(server.protect_rtcp(RTCP)) == RTCP
    for broken in (b"", RTP, bytes(3000)):
        with pytest.raises(RemoteProtocolError):
            server.open(broken)
        with pytest.raises(RemoteProtocolError):
            server.open_rtcp(broken)


def test_keys_are_not_in_what_is_logged() -> None:
    assert repr(SrtpKeys.split(b"SRTP_AEAD_AES_128_GCM", bytes(56), is_client=True)) == (
        "SrtpKeys(SRTP_AEAD_AES_128_GCM)"
    )
