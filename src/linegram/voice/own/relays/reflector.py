"""How to speak to one of Telegram's relays ("reflector"). Pure: packets in, packets out, time passed in.

A packet begins with a tag of 16 bytes: 12 that Telegram gave to the call, and 4 of the end meant,
which each end has drawn itself. By a hello the relay learns where the end with a tag is.

The 12 bytes that Telegram gives to both ends may differ in the first one, by role; the relay then
changes it when it passes a packet on. So we write our own 12 bytes, and take packets that bear them.
"""

import struct
from collections import deque
from typing import Final

from linegram.voice.own.ice.candidate import reflector_name, reflector_tag
from linegram.voice.own.ice.stun import Address

HELLO_S: Final = 0.5
REPEATED_HELLO_S: Final = 10.0
_SILENCE_S: Final = 3.0
_PREFIX_BYTES: Final = 12
_HEAD: Final = struct.Struct("<12sII")
_LENGTH: Final = struct.Struct(">I")
_DATA_AT: Final = _HEAD.size + _LENGTH.size
_FROM_RELAY: Final = b"\xff" * 12
_HELLO: Final = _FROM_RELAY + b"\xfe\xff\xff\xff" + (123).to_bytes(8, "big")
_STREAM_HELLO: Final = bytes(4)
_MOST_ENDS: Final = 256


class ReflectorClient:
    """Our end at one relay; `address` is the name by which the far end finds us there."""

    def __init__(self, peer_tag: bytes, number: int, port: int, *, tag: int, is_stream: bool = False) -> None:
        """Prepare; `tag` is from 1 to 2^32-1, `number` the relay's among the call's relays.

        Over a stream (TCP) hellos are shorter.
        """
        self.address = Address(reflector_name(number, tag), port)
        self.heard_at: float | None = None
        self._prefix = peer_tag[:_PREFIX_BYTES]
        self._number = number
        self._tag = tag
        ours = self._prefix + tag.to_bytes(4, "little")
        self._hello = ours + (_STREAM_HELLO if is_stream else _HELLO)
        self._greeted_at: float | None = None
        self._unanswered_since: float | None = None
        self._heads: dict[Address, bytes] = {}
        self._ends: dict[bytes, Address] = {}
        self._out: deque[bytes] = deque()

    @property
    def is_answered(self) -> bool:
        """The relay has let us hear of it."""
        return self.heard_at is not None

    def wrap(self, target: Address, payload: bytes, now: float) -> bytes:
        """Write a packet for an end that goes by its name at this relay."""
        head = self._heads.get(target)
        if head is None:
            head = self._head_for(target)
        if self._unanswered_since is None:
            self._unanswered_since = now
        return head + _LENGTH.pack(len(payload)) + payload + bytes(-len(payload) % 4)

    def receive(self, packet: bytes, now: float) -> tuple[Address, bytes] | None:
        """Read a packet: from which end, and what; None for a relay's own answer, and for nonsense."""
        if packet[:_PREFIX_BYTES] != self._prefix:
            return None
        self.heard_at, self._unanswered_since = now, None
        if len(packet) < _DATA_AT or packet[16:28] == _FROM_RELAY:
            return None
        (length,) = _LENGTH.unpack_from(packet, _HEAD.size)
        if _DATA_AT + length > len(packet):
            return None
        return self._end_of(packet[16:20]), packet[_DATA_AT : _DATA_AT + length]

    def handle_timer(self, now: float) -> None:
        """Say hello when it is time."""
        if self._greeted_at is None or now - self._greeted_at >= self._hello_interval_s(now):
            self._greet(now)

    def greet_again(self, now: float) -> None:
        """Say hello at once: we may have come to another address."""
        self._greet(now)

    def next_packet(self) -> bytes | None:
        """Return the next packet of our own for the relay, or None."""
        return self._out.popleft() if self._out else None

    def _greet(self, now: float) -> None:
        self._greeted_at = now
        self._out.append(self._hello)

    def _hello_interval_s(self, now: float) -> float:
        """Hurry until an answer comes, and when we speak and nothing comes back: it may have lost us."""
        is_silent = self._unanswered_since is not None and now - self._unanswered_since > _SILENCE_S
        return HELLO_S if self.heard_at is None or is_silent else REPEATED_HELLO_S

    def _head_for(self, target: Address) -> bytes:
        if len(self._heads) >= _MOST_ENDS:
            self._heads.clear()
        head = self._heads[target] = _HEAD.pack(self._prefix, reflector_tag(target.ip), self._tag)
        return head

    def _end_of(self, tag: bytes) -> Address:
        """Name the end that a packet comes from; who sends from many tags is forgotten, not remembered."""
        end = self._ends.get(tag)
        if end is None:
            if len(self._ends) >= _MOST_ENDS:
                self._ends.clear()
            name = reflector_name(self._number, int.from_bytes(tag, "little"))
            end = self._ends[tag] = Address(name, self.address.port)
        return end
