"""What an employee's phone and its voice process say to each other over pipes. Plain data only."""

import struct
from typing import Any

import msgspec

from linegram.errors import RemoteProtocolError

MAX_MESSAGE_BYTES = 512_000_000


class KeyParameters(msgspec.Struct, frozen=True):
    """messages.dhConfig: generator, prime and the server's randomness."""

    g: int
    p: bytes
    random: bytes


class RelayServer(msgspec.Struct, frozen=True):
    """A TURN or STUN server of a call; a reflector has a tag instead of a name and password."""

    server_id: int
    ip: str
    ipv6: str
    port: int
    username: str
    password: str
    is_turn: bool
    is_stun: bool
    peer_tag: bytes | None = None
    is_tcp: bool = False


class Begin(msgspec.Struct, frozen=True, tag=True):
    """Create a call and make our half of its key. `g_a_hash` is set for the callee."""

    parameters: KeyParameters
    g_a_hash: bytes | None = None


class Agree(msgspec.Struct, frozen=True, tag=True):
    """Take the other's half; the callee checks the fingerprint, the caller passes 0."""

    g_a_or_b: bytes
    key_fingerprint: int


class Connect(msgspec.Struct, frozen=True, tag=True):
    """Set the media connection up."""

    servers: tuple[RelayServer, ...]
    versions: tuple[str, ...]
    is_p2p_allowed: bool
    custom_parameters: str | None = None


class Signal(msgspec.Struct, frozen=True, tag=True):
    """Pass signalling bytes of the other side in."""

    body: bytes


class PlayTone(msgspec.Struct, frozen=True, tag=True):
    """Say a steady tone from now on; frequency 0 is silence."""

    frequency_hz: float
    level: float = 0.3


class PlayPcm(msgspec.Struct, frozen=True, tag=True):
    """Say 16-bit mono samples once, then silence."""

    pcm: bytes


class FetchHeard(msgspec.Struct, frozen=True, tag=True):
    """Hand over everything heard so far in this call."""


class End(msgspec.Struct, frozen=True, tag=True):
    """Take the call down."""


Command = Begin | Agree | Connect | Signal | PlayTone | PlayPcm | FetchHeard | End


class Asked(msgspec.Struct, frozen=True):
    """A command with a number for its answer."""

    number: int
    command: Command


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The process is up; what it can do."""

    min_layer: int
    max_layer: int
    versions: tuple[str, ...]


class Answered(msgspec.Struct, frozen=True, tag=True):
    """A command was carried out; `failure` is the text of its error, or empty."""

    number: int
    body: bytes = b""
    key_fingerprint: int = 0
    times_s: tuple[float, ...] = ()
    failure: str = ""


class Signalled(msgspec.Struct, frozen=True, tag=True):
    """Signalling bytes for the other side."""

    body: bytes


class StateChanged(msgspec.Struct, frozen=True, tag=True):
    """The media connection's state by ntgcalls' name, such as CONNECTED."""

    state: str


class BlockHeard(msgspec.Struct, frozen=True, tag=True):
    """100 ms of what was heard: its loudest frequency, that one's share of the energy, the level."""

    at_s: float
    frequency_hz: float
    share: float
    rms: float


Report = Ready | Answered | Signalled | StateChanged | BlockHeard


def encode(message: Asked | Report) -> bytes:
    """Return a message with its length in front."""
    body = msgspec.msgpack.encode(message)
    return struct.pack("<I", len(body)) + body


def body_length(head: bytes) -> int:
    """Return the length that the four bytes in front tell."""
    (length_bytes,) = struct.unpack("<I", head)
    if length_bytes > MAX_MESSAGE_BYTES:
        raise RemoteProtocolError(f"impossible message length {length_bytes}")
    return int(length_bytes)


def decode(body: bytes, kind: Any) -> Any:
    """Parse a message body; raises RemoteProtocolError if it is none."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise RemoteProtocolError(str(error)) from error
