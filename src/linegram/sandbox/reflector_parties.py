"""What a reflector knows and decides: who is where, which packet goes to whom, which is refused. Pure."""

from collections.abc import Callable, Hashable
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

Place = TypeVar("Place", bound=Hashable)
"""Whatever the reflector sends to."""

SHARED_TAG_BYTES = 12
TAG_BYTES = 16
HEAD_BYTES = 24
HELLO = b"\xff" * 12 + b"\xfe\xff\xff\xff"
HELLO_BYTES = 40
STREAM_HELLO = bytes(4)
LONGEST_PACKET_BYTES = 2048


class Tags(Enum):
    """How the tags of a call's two parties differ in their first 12 bytes."""

    SAME = "same"
    BY_ROLE = "by_role"
    """The first byte is 0 for the caller and 1 for the callee; a packet that is passed on bears the other."""


class Passed(NamedTuple, Generic[Place]):
    """A packet to send, and where to."""

    to: Place
    packet: bytes


class Refused(NamedTuple):
    """Why a packet goes nowhere."""

    reason: str


class _Party(NamedTuple):
    group: bytes
    role: int
    own: bytes


class Parties(Generic[Place]):
    """All parties that have said hello."""

    def __init__(self, tags: Tags, admits: Callable[[bytes], bool]) -> None:
        """Begin; `admits` says whether there is a call with these 11 bytes (the second to the twelfth)."""
        self._tags = tags
        self._admits = admits
        self._places: dict[_Party, Place] = {}

    def take(self, packet: bytes, place: Place, *, is_stream: bool) -> Passed[Place] | Refused:
        """Learn from a hello, which is answered; find out where anything else goes."""
        if not TAG_BYTES < len(packet) <= LONGEST_PACKET_BYTES:
            return Refused("of no sane length")
        party = self._party(packet, packet[SHARED_TAG_BYTES:TAG_BYTES])
        if party is None or not self._admits(packet[1:SHARED_TAG_BYTES]):
            return Refused("a tag of no call")
        if _is_hello(packet, is_stream=is_stream):
            self._places[party] = place
            return Passed(place, _answer(packet))
        return self._passed_on(packet, party, place)

    def forget(self, place: Place) -> None:
        """Forget who was at a place that is no more."""
        self._places = {party: at for party, at in self._places.items() if at != place}

    def _party(self, packet: bytes, own: bytes) -> _Party | None:
        if self._tags is Tags.SAME:
            return _Party(packet[:SHARED_TAG_BYTES], 0, own)
        return _Party(packet[1:SHARED_TAG_BYTES], packet[0], own) if packet[0] in (0, 1) else None

    def _passed_on(self, packet: bytes, meant: _Party, place: Place) -> Passed[Place] | Refused:
        """Pass data on; its sender must have said hello from where it comes."""
        length = int.from_bytes(packet[20:HEAD_BYTES], "big")
        if len(packet) < HEAD_BYTES or len(packet) < HEAD_BYTES + length or len(packet) % 4:
            return Refused("cut short")
        sender = meant._replace(own=packet[16:20])
        if self._places.get(sender) != place:
            return Refused("from one who has not said hello")
        target = meant if self._tags is Tags.SAME else meant._replace(role=1 - meant.role)
        to = self._places.get(target)
        if to is None:
            return Refused("for one who has not said hello")
        return Passed(to, packet if self._tags is Tags.SAME else bytes((target.role,)) + packet[1:])


def _is_hello(packet: bytes, *, is_stream: bool) -> bool:
    if is_stream:
        return packet[TAG_BYTES:] == STREAM_HELLO
    return len(packet) == HELLO_BYTES and packet[TAG_BYTES : TAG_BYTES + len(HELLO)] == HELLO


def _answer(packet: bytes) -> bytes:
    """Answer a hello: twelve times FF behind the tag are the relay's own words."""
    return packet[:TAG_BYTES] + HELLO + bytes(8)
