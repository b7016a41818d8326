"""The bytes below the methods: transports, key exchange, envelopes, and garbage in their place."""

import asyncio
import hashlib
import struct
import time
from contextlib import suppress
from random import Random
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon import errors
from telethon.crypto import AES, AuthKey, rsa
from telethon.extensions import BinaryReader
from telethon.helpers import generate_key_data_from_nonce
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import types
from telethon.tl.functions import PingRequest, ReqDHParamsRequest, ReqPqMultiRequest, SetClientDHParamsRequest
from telethon.tl.tlobject import TLObject

from linegram.errors import RemoteProtocolError
from linegram.sandbox.employee import new_client, sign_in
from linegram.sandbox.mtproto.envelope import EnvelopeWriter, open_envelope, read_object
from linegram.sandbox.mtproto.handshake import DH_PRIME, Handshake
from linegram.sandbox.mtproto.keys import ServerKey
from linegram.sandbox.mtproto.transport import AbridgedFraming, FullFraming, detect_framing
from tests.sandbox.mtproto.conftest import Office

KEY = AuthKey(bytes(range(1, 256)) + b"\x01")
WORDS = st.binary(max_size=4000).map(lambda raw: raw + bytes(-len(raw) % 4))


class AnyLog(dict[str, object]):
    """Stands for Telethon's loggers."""

    def __missing__(self, _key: str) -> None:
        return None


async def feed(raw: bytes) -> asyncio.StreamReader:
    """Return a stream with these bytes and nothing more."""
    reader = asyncio.StreamReader()
    reader.feed_data(raw)
    reader.feed_eof()
    return reader


@settings(deadline=None)
@given(packets=st.lists(WORDS.filter(bool), min_size=1, max_size=4))
def test_abridged_packets_come_out_as_they_went_in(packets: list[bytes]) -> None:
    async def there_and_back() -> list[bytes]:
        framing = AbridgedFraming()
        reader = await feed(b"\xef" + b"".join(framing.frame(packet) for packet in packets))
        found = await detect_framing(reader)
        return [await found.read(reader) for _packet in packets]

    assert asyncio.run(there_and_back()) == packets


@settings(deadline=None)
@given(packets=st.lists(WORDS.filter(bool), min_size=1, max_size=4))
def test_full_packets_come_out_as_they_went_in(packets: list[bytes]) -> None:
    async def there_and_back() -> list[bytes]:
        sender = FullFraming(b"")
        reader = await feed(b"".join(sender.frame(packet) for packet in packets))
        found = await detect_framing(reader)
        return [await found.read(reader) for _packet in packets]

    if len(packets[0]) + 12 & 0xFF != 0xEF:
        assert asyncio.run(there_and_back()) == packets


async def test_a_full_packet_with_a_wrong_checksum_is_the_peers_fault() -> None:
    head = struct.pack("<ii", 16, 0) + b"data"
    reader = await feed(head + struct.pack("<I", crc32(head) ^ 1))
    with pytest.raises(RemoteProtocolError, match="checksum"):
        await FullFraming(b"").read(reader)


@settings(deadline=None)
@given(raw=st.binary(max_size=300))
def test_garbage_in_a_transport_raises_one_error_type_or_ends(raw: bytes) -> None:
    async def read_all() -> None:
        reader = await feed(raw)
        framing = await detect_framing(reader)
        while True:
            await framing.read(reader)

    with pytest.raises((RemoteProtocolError, asyncio.IncompleteReadError)):
        asyncio.run(read_all())


@settings(deadline=None)
@given(raw=st.binary(max_size=200))
def test_garbage_instead_of_an_object_raises_one_error_type(raw: bytes) -> None:
    with suppress(RemoteProtocolError):
        read_object(raw)


@settings(deadline=None)
@given(raw=st.binary(min_size=24, max_size=200))
def test_garbage_instead_of_an_envelope_raises_one_error_type(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        open_envelope(KEY, raw)


@settings(deadline=None)
@given(ping_id=st.integers(-(2**63), 2**63 - 1))
def test_telethon_and_the_sandbox_open_each_others_envelopes(ping_id: int) -> None:
    client = MTProtoState(KEY, AnyLog())
    body = bytes(PingRequest(ping_id))
    packet = client.encrypt_message_data(struct.pack("<qii", 4, 1, len(body)) + body)
    envelope = open_envelope(KEY, packet)
    assert (envelope.session_id, envelope.msg_id) == (client.id, 4)
    assert envelope.content.ping_id == ping_id


def test_message_ids_of_the_server_rise_and_tell_answers_from_pushes() -> None:
    client = MTProtoState(KEY, AnyLog())
    now_s = 1_800_000_000.5
    writer = EnvelopeWriter(KEY, client.id, random=Random(1), now_s=lambda: now_s)
    client.time_offset = int(now_s) - int(time.time())
    ids = [
        client.decrypt_message_data(writer.seal(bytes(types.MsgsAck([])), is_answer=is_answer)).msg_id
        for is_answer in (True, False, True, True)
    ]
    assert ids == sorted(set(ids))
    assert [msg_id % 4 for msg_id in ids] == [1, 3, 1, 1]
    assert ids[0] >> 32 == int(now_s)


# ---- key exchange


def exchange(handshake: Handshake, key: ServerKey, exponent: int) -> tuple[object, AuthKey, int]:
    """Play the client's part (core.telegram.org/mtproto/auth_key); returns the last answer and our key."""
    nonce, new_nonce = 7, 11
    pq = handshake.answer(ReqPqMultiRequest(nonce))
    assert pq.server_public_key_fingerprints == [key.fingerprint]
    inner = bytes(types.PQInnerData(pq.pq, b"p", b"q", nonce, pq.server_nonce, new_nonce))
    block = encrypt_inner(key, inner)
    params = handshake.answer(ReqDHParamsRequest(nonce, pq.server_nonce, b"p", b"q", key.fingerprint, block))
    aes = generate_key_data_from_nonce(pq.server_nonce, new_nonce)
    with BinaryReader(AES.decrypt_ige(params.encrypted_answer, *aes)[20:]) as reader:
        theirs = reader.tgread_object()
    secret = pow(int.from_bytes(theirs.g_a, "big"), exponent, DH_PRIME)
    half = pow(theirs.g, exponent, DH_PRIME)
    mine = bytes(types.ClientDHInnerData(nonce, pq.server_nonce, 0, number_bytes(half)))
    hashed = hashlib.sha1(mine).digest() + mine
    encrypted = AES.encrypt_ige(hashed + bytes(-len(hashed) % 16), *aes)
    answer = handshake.answer(SetClientDHParamsRequest(nonce, pq.server_nonce, encrypted))
    return answer, AuthKey(number_bytes(secret)), new_nonce


def encrypt_inner(key: ServerKey, inner: bytes) -> bytes:
    """Encrypt as Telethon does, with the registered public key."""
    rsa.add_key(key.public_pem, old=False)
    block: bytes = rsa.encrypt(key.fingerprint, inner)
    return block


def number_bytes(number: int) -> bytes:
    """Return a number in as few bytes as it needs."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def test_a_key_exchange_ends_in_the_same_key_on_both_sides(server_key: ServerKey) -> None:
    made: list[AuthKey] = []
    handshake = Handshake(server_key, random=Random(3), now_s=lambda: 0.0, on_key=made.append)
    answer, mine, new_nonce = exchange(handshake, server_key, exponent=2**2000 + 12345)
    assert isinstance(answer, types.DhGenOk)
    assert made == [mine]
    assert answer.new_nonce_hash1 == mine.calc_new_nonce_hash(new_nonce, 1)


def test_a_secret_with_a_leading_zero_byte_is_not_used(server_key: ServerKey) -> None:
    """Clients disagree about padding it: without this, one sign-in in 256 would fail."""
    random = Random(3)
    random.randbytes(16)
    server_exponent = int.from_bytes(random.randbytes(256), "big")
    server_half = pow(3, server_exponent, DH_PRIME)
    exponent = next(e for e in range(2**1990, 2**1991) if pow(server_half, e, DH_PRIME).bit_length() <= 2040)
    made: list[AuthKey] = []
    handshake = Handshake(server_key, random=Random(3), now_s=lambda: 0.0, on_key=made.append)
    answer, mine, new_nonce = exchange(handshake, server_key, exponent)
    assert isinstance(answer, types.DhGenRetry)
    assert answer.new_nonce_hash2 == mine.calc_new_nonce_hash(new_nonce, 2)
    assert made == []


@pytest.mark.parametrize(
    "request_out_of_turn",
    [
        PingRequest(1),
        SetClientDHParamsRequest(1, 2, bytes(16)),
        ReqDHParamsRequest(1, 2, b"", b"", 3, bytes(256)),
    ],
)
def test_requests_out_of_turn_break_the_exchange(
    server_key: ServerKey, request_out_of_turn: TLObject
) -> None:
    handshake = Handshake(server_key, random=Random(3), now_s=lambda: 0.0, on_key=lambda _key: None)
    with pytest.raises(RemoteProtocolError):
        handshake.answer(request_out_of_turn)


# ---- the server as a whole


@pytest.mark.parametrize(
    "raw", [b"\xef\x01abcd", b"GET / HTTP/1.1\r\n\r\n", b"\xef" + b"\x06" + b"\x01" * 24]
)
async def test_the_server_survives_garbage(office: Office, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection(*office.telegram.address)
    writer.write(raw)
    writer.write_eof()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await reader.readexactly(100)
    writer.close()
    async with office.at_device(office.anna) as anna:
        assert (await anna.client.get_me()).id == office.anna.user_id


async def test_a_key_that_the_server_does_not_know_is_told_so(office: Office) -> None:
    """core.telegram.org/mtproto/mtproto-transports#transport-errors: 404, key not found."""
    client = new_client(office.telegram)
    await client.connect()
    await sign_in(office.telegram, client, office.anna)
    device = office.telegram.key_ring.of_user(office.anna.user_id)[0]
    office.telegram.sign_out(device)
    with pytest.raises(errors.AuthKeyNotFound):
        await client.get_dialogs()
    await client.disconnect()


async def test_every_sandbox_has_a_key_of_its_own(server_key: ServerKey) -> None:
    assert ServerKey().fingerprint != server_key.fingerprint
