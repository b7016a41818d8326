"""The sandbox's reflector: passes on what it should, and nothing else."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from linegram.sandbox.reflector import Reflector
from linegram.sandbox.reflector_parties import HELLO, Parties, Passed, Refused, Tags
from linegram.sandbox.world.calls import Relay

SHARED = bytes(range(1, 12))
CALLER, CALLEE = b"\0" + SHARED, b"\1" + SHARED
A, B = b"AAAA", b"BBBB"
GREETING = b"\xee" * 4


def hello(prefix: bytes, own: bytes) -> bytes:
    return prefix + own + HELLO + bytes(7) + b"\x7b"


def to(prefix: bytes, target: bytes, sender: bytes, payload: bytes = b"talk") -> bytes:
    return prefix + target + sender + len(payload).to_bytes(4, "big") + payload + bytes(-len(payload) % 4)


def parties(tags: Tags = Tags.SAME) -> Parties[str]:
    return Parties(tags, lambda shared: shared == SHARED)


def acquainted(tags: Tags) -> Parties[str]:
    found = parties(tags)
    found.take(hello(CALLER, A), "caller", is_stream=False)
    found.take(hello(CALLEE if tags is Tags.BY_ROLE else CALLER, B), "callee", is_stream=False)
    return found


def test_a_hello_is_answered_in_the_relays_own_words() -> None:
    found = parties().take(hello(CALLER, A), "here", is_stream=False)
    assert found == Passed("here", CALLER + A + HELLO + bytes(8))


def test_data_goes_to_the_party_that_its_tag_names() -> None:
    packet = to(CALLER, B, A)
    assert acquainted(Tags.SAME).take(packet, "caller", is_stream=False) == Passed("callee", packet)


@pytest.mark.parametrize(
    ("sender", "receiver"), [((CALLER, A, "caller"), (CALLEE, B)), ((CALLEE, B, "callee"), (CALLER, A))]
)
def test_with_tags_by_role_the_first_byte_becomes_the_receivers(
    sender: tuple[bytes, bytes, str], receiver: tuple[bytes, bytes]
) -> None:
    prefix, own, place = sender
    found = acquainted(Tags.BY_ROLE).take(to(prefix, receiver[1], own), place, is_stream=False)
    assert isinstance(found, Passed)
    assert found.packet == to(receiver[0], receiver[1], own)


@pytest.mark.parametrize(
    ("packet", "place", "reason"),
    [
        (b"", "caller", "no sane length"),
        (bytes(3000), "caller", "no sane length"),
        (hello(b"\0" * 12, A), "caller", "tag of no call"),
        (hello(b"\2" + SHARED, A), "caller", "tag of no call"),
        (to(CALLER, B, A)[:-4], "caller", "cut short"),
        (to(CALLER, B, A) + b"x", "caller", "cut short"),
        (to(CALLER, B, A), "elsewhere", "from one who has not said hello"),
        (to(CALLER, B, b"CCCC"), "caller", "from one who has not said hello"),
        (to(CALLER, b"CCCC", A), "caller", "for one who has not said hello"),
        (to(CALLEE, B, A), "caller", "from one who has not said hello"),
    ],
)
def test_a_strict_reflector_refuses(packet: bytes, place: str, reason: str) -> None:
    found = acquainted(Tags.BY_ROLE).take(packet, place, is_stream=False)
    assert isinstance(found, Refused)
    assert reason in found.reason


def test_a_hello_of_the_other_transport_is_none() -> None:
    short = CALLER + A + bytes(4)
    assert isinstance(parties().take(short, "here", is_stream=False), Refused)
    assert isinstance(parties().take(short, "here", is_stream=True), Passed)


def test_a_party_whose_connection_ended_is_forgotten() -> None:
    found = acquainted(Tags.SAME)
    found.forget("callee")
    assert isinstance(found.take(to(CALLER, B, A), "caller", is_stream=False), Refused)


@pytest.fixture
async def reflector() -> AsyncIterator[Reflector]:
    async with Reflector("127.0.0.1", tags=Tags.BY_ROLE) as opened:
        yield opened


async def udp_party(reflector: Reflector, prefix: bytes, own: bytes) -> socket.socket:
    loop = asyncio.get_running_loop()
    party = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    party.setblocking(False)
    party.connect((reflector.address, reflector.port))
    await loop.sock_sendall(party, hello(prefix, own))
    await loop.sock_recv(party, 2048)
    return party


async def test_a_party_by_udp_and_one_by_tcp_reach_each_other(reflector: Reflector) -> None:
    loop = asyncio.get_running_loop()
    with await udp_party(reflector, CALLER, A) as caller:
        reader, writer = await asyncio.open_connection(reflector.address, reflector.port)
        greeting = CALLEE + B + bytes(4)
        writer.write(GREETING + len(greeting).to_bytes(4, "little") + greeting)
        assert int.from_bytes(await reader.readexactly(4), "little") == 40
        await reader.readexactly(40)
        await loop.sock_sendall(caller, to(CALLER, B, A))
        assert await reader.readexactly(4 + 28) == (28).to_bytes(4, "little") + to(CALLEE, B, A)
        packet = to(CALLEE, A, B)
        writer.write(len(packet).to_bytes(4, "little") + packet)
        assert await loop.sock_recv(caller, 2048) == to(CALLER, A, B)
        writer.close()
        await writer.wait_closed()
    assert (reflector.passed["udp"], reflector.passed["tcp"], reflector.passed_packets) == (1, 1, 2)
    assert not reflector.refused


@pytest.mark.parametrize("opening", [b"GET / HTTP/1.1\r\n\r\n", GREETING + b"\xff\xff\xff\xff"])
async def test_a_connection_that_breaks_the_rules_is_closed(reflector: Reflector, opening: bytes) -> None:
    reader, writer = await asyncio.open_connection(reflector.address, reflector.port)
    writer.write(opening)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_what_is_refused_is_counted(reflector: Reflector) -> None:
    loop = asyncio.get_running_loop()
    with await udp_party(reflector, CALLER, A) as caller:
        await loop.sock_sendall(caller, to(CALLER, b"nope", A))
        await loop.sock_sendall(caller, hello(CALLER, A))
        await loop.sock_recv(caller, 2048)
    assert reflector.refused["udp"] == 1


async def test_several_stand_side_by_side_and_say_what_calls_are_told() -> None:
    async with Reflector("127.0.0.1") as one, Reflector("::1", tags=Tags.BY_ROLE) as other:
        assert one.relay(is_tcp=True) == Relay("127.0.0.1", one.port, is_reflector=True, is_tcp=True)
        assert other.relay() == Relay("", other.port, ipv6="::1", is_reflector=True, has_role_tags=True)
