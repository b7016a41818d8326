"""An SCTP association between two ends that both begin at once (RFC 9260 section 5). Pure.

`connect`, then `receive`, `handle_timer` and `next_packet` as long as it lives.
There is nothing to shut down in order: the call around it ends first.
"""

import hmac
import struct
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.voice.own.sctp.inbox import WINDOW_BYTES, Inbox, SctpMessage
from linegram.voice.own.sctp.outbox import Outbox
from linegram.voice.own.sctp.packet import (
    Chunk,
    ChunkType,
    Init,
    SctpPacket,
    parse_data,
    parse_init,
    parse_packet,
    parse_sack,
)

PORT: Final = 5000
_PACKET_BYTES: Final = 1180
_FIRST_INIT_S: Final = 0.5
_LONGEST_INIT_S: Final = 1.0
_COOKIE: Final = struct.Struct("!II")
_COOKIE_HASH_BYTES: Final = 16
MOST_REPLIES: Final = 32
_KNOWN: Final = frozenset(int(kind) for kind in ChunkType)


class State(Enum):
    """Where the association stands (section 4)."""

    CLOSED = "closed"
    COOKIE_WAIT = "cookie_wait"
    COOKIE_ECHOED = "cookie_echoed"
    ESTABLISHED = "established"
    ENDED = "ended"


class Association:
    """One end. Anything malformed is dropped; it ends only when the far end says so."""

    def __init__(self, random: Callable[[], float], *, packet_bytes: int = _PACKET_BYTES) -> None:
        """Prepare; `random` gives numbers from 0.0 up to 1.0."""
        self.state = State.CLOSED
        self._tag = 1 + int(random() * 0xFFFF_FFFE)
        self._first_tsn = int(random() * 0xFFFF_FFFF)
        self._secret = b"".join(int(random() * 256).to_bytes(1, "big") for _ in range(32))
        self._packet_bytes = packet_bytes
        self._far_tag = 0
        self._outbox = Outbox(self._first_tsn)
        self._inbox: Inbox | None = None
        self._setup_chunk: Chunk | None = None
        self._setup_at: float | None = None
        self._setup_wait_s = _FIRST_INIT_S
        self._replies: deque[tuple[int, Chunk]] = deque()
        self._packets: deque[bytes] = deque()
        self._is_sack_due = False
        self._handlers: Mapping[int, Callable[[Chunk], None]] = {
            ChunkType.DATA: self._on_data,
            ChunkType.INIT: self._on_init,
            ChunkType.INIT_ACK: self._on_init_ack,
            ChunkType.HEARTBEAT: self._on_heartbeat,
            ChunkType.ABORT: self._on_end,
            ChunkType.SHUTDOWN: self._on_shutdown,
            ChunkType.COOKIE_ECHO: self._on_cookie_echo,
            ChunkType.COOKIE_ACK: self._on_cookie_ack,
            ChunkType.SHUTDOWN_COMPLETE: self._on_end,
        }

    def connect(self, now: float) -> None:
        """Begin the set-up, unless the far end's is under way."""
        if self.state is State.CLOSED:
            self.state = State.COOKIE_WAIT
            self._set_up(Init(self._tag, WINDOW_BYTES, self._first_tsn).chunk(ChunkType.INIT))
            self._flush(now)

    def send(self, stream: int, protocol: int, payload: bytes, now: float) -> None:
        """Queue a message; it waits until the association is up.

        Raises LocalProtocolError for an empty message, or one longer than any of ours may be.
        """
        self._outbox.send(stream, protocol, payload)
        self._flush(now)

    def receive(self, datagram: bytes, now: float) -> None:
        """Take a packet in.

        Raises RemoteProtocolError when it is malformed or not of this association.
        """
        packet = parse_packet(datagram)
        is_init = bool(packet.chunks) and packet.chunks[0].kind == ChunkType.INIT
        if packet.tag != (0 if is_init else self._tag):
            raise RemoteProtocolError("SCTP packet of another association")
        if self.state is State.ENDED:
            return
        try:
            for chunk in packet.chunks:
                self._take(chunk, now)
        finally:
            self._flush(now)

    def handle_timer(self, now: float) -> None:
        """Send again what is overdue."""
        if self.state is State.ENDED:
            return
        if self._setup_at is not None and now >= self._setup_at:
            self._setup_at = None
            self._setup_wait_s = min(2 * self._setup_wait_s, _LONGEST_INIT_S)
        self._outbox.handle_timer(now)
        self._flush(now)

    def next_packet(self) -> bytes | None:
        """Return the next packet to send, or None."""
        return self._packets.popleft() if self._packets else None

    def next_message(self) -> SctpMessage | None:
        """Return the far end's next message, or None."""
        return self._inbox.messages.popleft() if self._inbox is not None and self._inbox.messages else None

    # -- chunks

    def _take(self, chunk: Chunk, now: float) -> None:
        """Handle a chunk; unknown kinds without the highest bit end the packet (section 3.2)."""
        if chunk.kind == ChunkType.SACK:
            self._outbox.acknowledge(parse_sack(chunk), now)
        elif (handler := self._handlers.get(chunk.kind)) is not None:
            handler(chunk)
        elif chunk.kind < 0x80 and chunk.kind not in _KNOWN:
            raise RemoteProtocolError(f"SCTP chunk of an unknown kind {chunk.kind}")

    def _on_init(self, chunk: Chunk) -> None:
        """Answer with the same tag in every state, so that crossing set-ups are one (section 5.2.1)."""
        init = parse_init(chunk)
        if self._far_tag not in (0, init.tag):
            return
        known = _COOKIE.pack(init.tag, init.first_tsn)
        answer = Init(self._tag, WINDOW_BYTES, self._first_tsn, known + self._signed(known))
        self._reply(answer.chunk(ChunkType.INIT_ACK), init.tag)

    def _on_init_ack(self, chunk: Chunk) -> None:
        init = parse_init(chunk)
        if self.state is not State.COOKIE_WAIT or not init.cookie:
            return
        self._meet(init.tag, init.first_tsn)
        self.state = State.COOKIE_ECHOED
        self._set_up(Chunk(ChunkType.COOKIE_ECHO, 0, init.cookie))

    def _on_cookie_echo(self, chunk: Chunk) -> None:
        """Be connected: the far end has our tag, and we had its (section 5.2.4, action D)."""
        known = chunk.body[: _COOKIE.size]
        if len(known) < _COOKIE.size or not hmac.compare_digest(
            chunk.body[_COOKIE.size :], self._signed(known)
        ):
            raise RemoteProtocolError("SCTP cookie that we did not bake")
        far_tag, first_tsn = _COOKIE.unpack(known)
        if self._far_tag not in (0, far_tag):
            return
        self._meet(far_tag, first_tsn)
        self._established()
        self._reply(Chunk(ChunkType.COOKIE_ACK), far_tag)

    def _on_cookie_ack(self, _chunk: Chunk) -> None:
        if self.state is State.COOKIE_ECHOED:
            self._established()

    def _on_data(self, chunk: Chunk) -> None:
        if self._inbox is not None:
            self._is_sack_due = True
            self._inbox.receive(parse_data(chunk))

    def _on_heartbeat(self, chunk: Chunk) -> None:
        self._reply(Chunk(ChunkType.HEARTBEAT_ACK, 0, chunk.body), self._far_tag)

    def _on_shutdown(self, chunk: Chunk) -> None:
        self._reply(Chunk(ChunkType.SHUTDOWN_ACK), self._far_tag)
        self._on_end(chunk)

    def _on_end(self, _chunk: Chunk) -> None:
        self.state = State.ENDED
        self._setup_chunk = self._setup_at = None

    # -- inside

    def _signed(self, known: bytes) -> bytes:
        return hmac.digest(self._secret, known, "sha256")[:_COOKIE_HASH_BYTES]

    def _meet(self, far_tag: int, first_tsn: int) -> None:
        if self._inbox is None:
            self._far_tag = far_tag
            self._inbox = Inbox(first_tsn)

    def _established(self) -> None:
        self.state = State.ESTABLISHED
        self._setup_chunk = self._setup_at = None

    def _set_up(self, chunk: Chunk) -> None:
        """Say this now, and again until the next step."""
        self._setup_chunk, self._setup_at, self._setup_wait_s = chunk, None, _FIRST_INIT_S

    def _reply(self, chunk: Chunk, tag: int) -> None:
        if len(self._replies) < MOST_REPLIES:
            self._replies.append((tag, chunk))

    def _flush(self, now: float) -> None:
        """Make packets of all that is to be said; set-up chunks travel alone (section 6.10)."""
        while self._replies:
            tag, chunk = self._replies.popleft()
            self._emit(tag, chunk)
        if self._setup_chunk is not None and self._setup_at is None:
            self._setup_at = now + self._setup_wait_s
            self._emit(self._far_tag, self._setup_chunk)
        self._flush_data(now)

    def _flush_data(self, now: float) -> None:
        chunks: list[Chunk] = []
        if self._is_sack_due and self._inbox is not None:
            self._is_sack_due = False
            chunks.append(self._inbox.sack().chunk())
        if self.state is State.ESTABLISHED:
            chunks += [fragment.chunk() for fragment in self._outbox.due(now)]
        room, packet = self._packet_bytes, list[Chunk]()
        for chunk in chunks:
            size = len(chunk.body) + 8
            if packet and size > room:
                self._emit(self._far_tag, *packet)
                room, packet = self._packet_bytes, []
            packet.append(chunk)
            room -= size
        if packet:
            self._emit(self._far_tag, *packet)

    def _emit(self, tag: int, *chunks: Chunk) -> None:
        self._packets.append(SctpPacket(PORT, PORT, tag, chunks).serialise())
