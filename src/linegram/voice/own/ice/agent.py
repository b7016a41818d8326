"""Finds a path to the far end and keeps to it (RFC 8445). Pure: datagrams in, datagrams out, time passed in.

Unlike the letter of the RFC, a path is never given up as long as the call
lives: telephones move between networks, and there is no restart. Every path is
checked again and again, often until one works, rarely afterwards.
The controlling end (the caller) chooses; the other end follows its last choice.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.candidate import Candidate, network_of, priority_of
from linegram.voice.own.ice.pair import Pair
from linegram.voice.own.ice.stun import (
    TRANSACTION_BYTES,
    Address,
    Attribute,
    Kind,
    StunMessage,
    parse_stun,
    xor_address,
)

CHECK_S: Final = 0.25
KEEP_ALIVE_S: Final = 1.0
_OTHERS_S: Final = 5.0
_DEAD_ENDS_S: Final = 20.0
_IN_RETURN_S: Final = 0.05
_MOST_CHECKS_AT_ONCE: Final = 5
_MOST_REMOTES: Final = 48
_MOST_PAIRS_OF_A_WAY: Final = 32
_STALE_NOMINATION_S: Final = 3.0
"""The controlling end names its choice every 2.5 s or so; without that another choice of its own counts."""


class Credentials(NamedTuple):
    """What an end's checks are signed with."""

    ufrag: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.ufrag})"


class Datagram(NamedTuple):
    """Bytes to send from one of our ways: a socket, or a relay, which the agent knows by a number only."""

    way: int
    target: Address
    payload: bytes


class IceAgent:
    """One end. `path` is the way to send; `heard_at` when the far end last proved to be there."""

    def __init__(self, ours: Credentials, *, is_controlling: bool, random: Callable[[], float]) -> None:
        """Prepare; `random` gives numbers from 0.0 up to 1.0."""
        self._ours = ours
        self._is_controlling = is_controlling
        self._random = random
        self._tie_breaker = self._random_bytes(8)
        self._theirs: Credentials | None = None
        self._locals: dict[int, Candidate] = {}
        self._relays: dict[int, Address] = {}
        self._remotes: dict[Address, Candidate] = {}
        self._pairs: dict[tuple[int, Address], Pair] = {}
        self._out: deque[Datagram] = deque()
        self.path: Pair | None = None
        self.heard_at: float | None = None

    def add_local(self, way: int, candidate: Candidate, relay: Address | None = None) -> None:
        """Use one more way of ours; also in the middle of the call.

        `relay` is what the far end's datagrams come from when those that it goes by are names.
        """
        self._locals[way] = candidate
        if relay is not None:
            self._relays[way] = relay
        for remote in list(self._remotes.values()):
            self._pair(way, remote)

    def remove_local(self, way: int, now: float) -> None:
        """Give up a way that leads nowhere any more, and go on by another one."""
        self._locals.pop(way, None)
        self._relays.pop(way, None)
        self._pairs = {key: pair for key, pair in self._pairs.items() if key[0] != way}
        if self.path is not None and self.path.way == way:
            self.path = None
            self._choose(now)

    def set_remote(self, theirs: Credentials) -> None:
        """Learn what the far end's checks are signed with; from now on we check too."""
        self._theirs = theirs

    def add_remote(self, candidate: Candidate) -> None:
        """Try one more address of the far end; also in the middle of the call."""
        known = self._remotes.get(candidate.address)
        if known is None and len(self._remotes) >= _MOST_REMOTES:
            return
        self._remotes[candidate.address] = candidate
        for way, local in self._locals.items():
            pair = self._pair(way, candidate)
            if pair is not None and known is not None:
                pair.remote, pair.priority = candidate, self._pair_priority(local, candidate)

    def knows(self, way: int, source: Address) -> bool:
        """Say whether datagrams from there may be the far end's."""
        return (way, source) in self._pairs

    def receive(self, way: int, source: Address, datagram: bytes, now: float) -> None:
        """Take in a STUN message.

        Raises RemoteProtocolError when it is malformed or not signed as agreed; nothing is answered then.
        """
        message = parse_stun(datagram)
        if message.kind == Kind.REQUEST:
            self._on_request(way, source, message, now)
        elif message.kind == Kind.SUCCESS:
            self._on_answer(way, source, message, now)

    def handle_timer(self, now: float) -> None:
        """Check the paths that are due, in turn, the best first; leave a path that has died."""
        if self._theirs is None:
            return
        self._choose(now)
        is_searching = self.path is None or not self.path.works(now)
        due = [pair for pair in self._pairs.values() if self._is_due(pair, now, is_searching=is_searching)]
        due.sort(key=lambda pair: (pair.checked_at or 0.0, -pair.priority))
        for pair in due[:_MOST_CHECKS_AT_ONCE]:
            self._check(pair, now)

    def next_datagram(self) -> Datagram | None:
        """Return the next datagram to send, or None."""
        return self._out.popleft() if self._out else None

    # -- the far end's checks

    def _on_request(self, way: int, source: Address, message: StunMessage, now: float) -> None:
        """Answer (section 7.3), and check the same path in return."""
        username = (message.find(Attribute.USERNAME) or b"").decode(errors="replace")
        if username.partition(":")[0] != self._ours.ufrag or not message.is_genuine(self._ours.password):
            raise RemoteProtocolError("a check that is not of this call")
        pair = self._pairs.get((way, source)) or self._meet(way, source, message)
        if pair is None:
            return
        self.heard_at = now
        mapped = xor_address(self._relays.get(way, source), message.transaction)
        answer = StunMessage(Kind.SUCCESS, message.transaction, ((Attribute.XOR_MAPPED_ADDRESS, mapped),))
        self._out.append(Datagram(way, source, answer.serialise(self._ours.password)))
        if not self._is_controlling and message.find(Attribute.USE_CANDIDATE) is not None:
            pair.nominated_at = now
        if not pair.works(now) and pair.is_unchecked_for(_IN_RETURN_S, now):
            self._check(pair, now)
        self._choose(now)

    def _meet(self, way: int, source: Address, message: StunMessage) -> Pair | None:
        """Take an address that nobody told of as a candidate (section 7.3.1.3)."""
        told = message.find(Attribute.PRIORITY) or b""
        priority = int.from_bytes(told, "big") if len(told) == 4 else priority_of("prflx", 0)
        self.add_remote(Candidate(source, "prflx", priority))
        return self._pairs.get((way, source))

    # -- our checks

    def _check(self, pair: Pair, now: float) -> None:
        if self._theirs is None:
            return
        transaction = self._random_bytes(TRANSACTION_BYTES)
        role = Attribute.ICE_CONTROLLING if self._is_controlling else Attribute.ICE_CONTROLLED
        local = self._locals[pair.way]
        peer_reflexive = priority_of("prflx", local.priority >> 8 & 0xFFFF)
        attributes = [
            (Attribute.USERNAME, f"{self._theirs.ufrag}:{self._ours.ufrag}".encode()),
            (Attribute.PRIORITY, peer_reflexive.to_bytes(4, "big")),
            (role, self._tie_breaker),
        ]
        if self._is_controlling and pair is self.path:
            attributes.append((Attribute.USE_CANDIDATE, b""))
        message = StunMessage(Kind.REQUEST, transaction, tuple(attributes))
        pair.check_sent(transaction, now)
        self._out.append(Datagram(pair.way, pair.remote.address, message.serialise(self._theirs.password)))

    def _is_due(self, pair: Pair, now: float, *, is_searching: bool) -> bool:
        if is_searching:
            return pair.is_unchecked_for(CHECK_S, now)
        if pair is self.path:
            return pair.is_unchecked_for(KEEP_ALIVE_S, now)
        return pair.is_unchecked_for(_DEAD_ENDS_S if pair.is_dead_end else _OTHERS_S, now)

    def _on_answer(self, way: int, source: Address, message: StunMessage, now: float) -> None:
        """Note that a path works (section 7.2.5.3); the answer must come from where the check went."""
        pair = self._pairs.get((way, source))
        if pair is None or self._theirs is None or not pair.is_answer(message.transaction):
            raise RemoteProtocolError("an answer to no check of ours")
        if not message.is_genuine(self._theirs.password):
            raise RemoteProtocolError("an answer that is not of this call")
        self.heard_at = pair.answered_at = now
        self._choose(now)

    # -- the choice

    def _choose(self, now: float) -> None:
        """Keep the best path that works; the controlled end keeps the one that was named to it."""
        if not self._is_controlling and (named := self._named(now)) is not None:
            self.path = named
            return
        working = [pair for pair in self._pairs.values() if pair.works(now)]
        best = max(working, key=lambda pair: pair.priority, default=self.path)
        if best is not None and best is not self.path:
            self.path = best
            if self._is_controlling:
                self._check(best, now)

    def _named(self, now: float) -> Pair | None:
        """Give the path that the controlling end named; of several named lately the best that works."""
        named = [(pair.nominated_at, pair) for pair in self._pairs.values() if pair.nominated_at is not None]
        if not named:
            return None
        last = max(at for at, _ in named)
        current = [pair for at, pair in named if at >= last - _STALE_NOMINATION_S]
        best = max(current, key=lambda pair: (pair.works(now), pair.priority))
        return best if best.works(now) or best is self.path else None

    def _pair(self, way: int, remote: Candidate) -> Pair | None:
        """Make a path of a way and an address, of one network."""
        local = self._locals[way]
        key = (way, remote.address)
        is_same_network = network_of(local.address) == network_of(remote.address)
        if key in self._pairs or not is_same_network or self._is_full(way):
            return self._pairs.get(key)
        pair = self._pairs[key] = Pair(way, remote, self._pair_priority(local, remote))
        return pair

    def _is_full(self, way: int) -> bool:
        """Bound the paths of each way for itself: many of one leave room for those of a relay."""
        return sum(known == way for known, _ in self._pairs) >= _MOST_PAIRS_OF_A_WAY

    def _pair_priority(self, local: Candidate, remote: Candidate) -> int:
        """Rank a path the same at both ends (section 6.1.2.3)."""
        ours, theirs = local.priority, remote.priority
        controlling, controlled = (ours, theirs) if self._is_controlling else (theirs, ours)
        return (
            (min(controlling, controlled) << 32)
            + 2 * max(controlling, controlled)
            + (controlling > controlled)
        )

    def _random_bytes(self, count: int) -> bytes:
        return bytes(int(self._random() * 256) for _ in range(count))
