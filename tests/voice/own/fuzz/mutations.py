"""Breaks packets and messages in every way that a seed can think of."""

import json
import struct
from copy import deepcopy
from random import Random

from linegram.voice.own.sctp.packet import crc32c

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_VALUES: tuple[object, ...] = (
    None, True, -1, 0, 1 << 31, 1 << 63, 10**30, 1.5, "", "0", "-1", "9" * 21, "opus", "\0", "é" * 20,
    "x" * 1100, [], {}, [[[[[[]]]]]], {"@type": "Candidates"}, [0] * 70, ["audio"], "127.0.0.1", "::%\0",
)  # fmt: skip


_WORDS = (
    "", "0", "-1", "1", "99999999999999999999", "tcp", "udp", "relay", "typ", "raddr", "::", "::1",
    "127.0.0.1", "255.255.255.255", "192.0.2.1", "2001:db8::1%eth0", "2001:db8::1%\0",
    "x" * 300, "reflector-1-5.reflector", "reflector-99999999999-1.reflector", "٣", "\0", "é.local",
    "1e9", "0x10",
)  # fmt: skip
_CHUNKS = (
    (0, struct.pack("!IHHI", 5, 0, 0, 51) + b'{"@type":"MediaState"}'),
    (0, struct.pack("!IHHI", 6, 1, 0, 50) + bytes.fromhex("030000000000000000040000") + b"data"),
    (1, struct.pack("!IIHHI", 7, 1 << 17, 0xFFFF, 0xFFFF, 5)),
    (2, struct.pack("!IIHHIHH", 7, 1 << 17, 0xFFFF, 0xFFFF, 5, 7, 28) + bytes(24)),
    (3, struct.pack("!IIHHHH", 5, 1 << 17, 1, 0, 2, 3)),
    (4, struct.pack("!HH", 1, 8) + b"beat"),
    (5, b"beat"),
    (8, b""),
    (10, bytes(24)),
    (11, b""),
)  # fmt: skip


def mutate(packet: bytes, random: Random, others: list[bytes] | None = None) -> bytes:
    """Break a packet in one to four places; `others` lend parts of themselves."""
    broken = bytearray(packet)
    for _ in range(random.randint(1, 4)):
        at = random.randint(0, len(broken))
        length = random.randint(0, min(64, len(broken) - at))
        match random.randrange(8):
            case 0 if at < len(broken):
                broken[at] ^= 1 << random.randrange(8)
            case 1 if at < len(broken):
                broken[at] = random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
            case 2:
                del broken[at : at + length]
            case 3:
                broken[at:at] = broken[at : at + length] * random.randint(1, 3)
            case 4:
                broken[at:at] = random.randbytes(random.randint(0, 40))
            case 5:
                del broken[at:]
            case 6:
                width = random.choice((1, 2, 4))
                number = random.choice(_NUMBERS) & (1 << 8 * width) - 1
                broken[at : at + width] = number.to_bytes(width, random.choice(("big", "little")))
            case 7 if others:
                broken[at:] = random.choice(others)[at:]
    return bytes(broken[:4000])


def mutate_line(line: str, random: Random) -> str:
    """Break a line where its words still are words."""
    words = line.split(" ")
    for _ in range(random.randint(1, 2)):
        words[random.randrange(len(words))] = random.choice(_WORDS)
    return " ".join(words)


def broken_sctp(tag: int, random: Random) -> bytes:
    """Make an SCTP packet of whole chunks with broken contents, with the right tag and checksum."""
    chunks = b"".join(_broken_chunk(random) for _ in range(random.randint(1, 3)))
    return with_checksum(struct.pack("!HHII", 5000, 5000, tag, 0) + chunks)


def with_checksum(packet: bytes) -> bytes:
    """Put the right checksum into an SCTP packet."""
    if len(packet) < 12:
        return packet
    return packet[:8] + struct.pack("<I", crc32c(packet[:8] + bytes(4) + packet[12:])) + packet[12:]


def _broken_chunk(random: Random) -> bytes:
    kind, body = random.choice(_CHUNKS)
    if random.random() < 0.8:
        body = mutate(body, random)[:200]
    elif random.random() < 0.5:
        kind = random.choice((9, 15, 0x3F, 0x40, 0x80, 0xC0, 0xFF))
    length = 4 + len(body)
    return struct.pack("!BBH", kind, random.choice((3, 3, 0, 1, 2, 255)), length) + body + bytes(-length % 4)


def mutate_message(text: bytes, random: Random) -> bytes:
    """Break a message where it is still JSON, sometimes also as bytes."""
    tree = json.loads(text)
    for _ in range(random.randint(1, 3)):
        _break_somewhere(tree, random)
    written = json.dumps(tree).encode()
    return (mutate(written, random) if random.random() < 0.3 else written)[:8000]


def _break_somewhere(tree: object, random: Random) -> None:
    """Walk to a random place and change what is there."""
    if isinstance(tree, dict) and tree:
        key = random.choice(list(tree))
        if not _went_deeper(tree[key], random):
            if random.random() < 0.25:
                del tree[key]
            else:
                tree[key] = deepcopy(random.choice(_VALUES))
    elif isinstance(tree, list) and tree:
        number = random.randrange(len(tree))
        if not _went_deeper(tree[number], random):
            tree[number : number + 1] = [
                deepcopy(random.choice(_VALUES)),
                *(deepcopy(tree[number]) for _ in range(random.choice((0, 0, 1, 70)))),
            ]


def _went_deeper(inner: object, random: Random) -> bool:
    if not inner or not isinstance(inner, dict | list) or random.random() < 0.3:
        return False
    _break_somewhere(inner, random)
    return True
