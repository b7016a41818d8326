"""A relay's address for one of our sockets: TURN over UDP (RFC 8656, and RFC 5766 before it). Pure.

What the relay is not asked for: TCP, IPv6 from an IPv4 server, mobility, the password algorithms of RFC 8489.
"""

import struct
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.long_term import LongTermCredentials
from linegram.voice.own.ice.stun import (
    Address,
    Attribute,
    Kind,
    StunMessage,
    parse_stun,
    read_error_code,
    read_xor_address,
    xor_address,
)
from linegram.voice.own.ice.stun_request import StunRequest, new_transaction
from linegram.voice.own.ice.turn_peers import Channel, Grant, Permission, TurnPeers
from linegram.voice.own.ice.turn_question import SENTENCES, Asked, Method, Question

log = structlog.get_logger()

_KEEP_ALIVE_S: Final = 15.0
_REFRESH_BEFORE_END_S: Final = 60.0
_USUAL_LIFETIME_S: Final = 600
_MOST_CHALLENGES: Final = 3
_MOST_ALLOCATIONS: Final = 3
_MOST_OUT: Final = 256
_UDP: Final = bytes((17, 0, 0, 0))
_CHANNEL_HEAD: Final = struct.Struct("!HH")
_INDICATION, _SUCCESS, _ERROR = 0x0010, 0x0100, 0x0110


class TurnClient:
    """One allocation. `relayed` is our address at the relay, `mapped` how the relay sees our socket.

    Both are None until the relay agrees, and again while an allocation that it lost is being replaced.
    """

    def __init__(
        self, server: Address, username: str, password: str, *, random: Callable[[], float], now: float
    ) -> None:
        """Ask for an allocation at once; `random` gives numbers from 0.0 up to 1.0."""
        self.server = server
        self.relayed: Address | None = None
        self.mapped: Address | None = None
        self.why = ""
        self._credentials = LongTermCredentials(username, password)
        self._random = random
        self._peers = TurnPeers()
        self._asked: dict[bytes, Asked] = {}
        self._out: deque[bytes] = deque(maxlen=_MOST_OUT)
        self._sent_at = now
        self._refresh_at = now
        self._allocations = 0
        self._allocate(now)

    @property
    def has_failed(self) -> bool:
        """There is no relaying here and will be none; `why` says the reason in a sentence."""
        return bool(self.why)

    def send(self, target: Address, payload: bytes, now: float) -> None:
        """Have a datagram relayed; without an allocation, or to the other IP family, it is lost."""
        if self.relayed is None or (":" in target.ip) != (":" in self.relayed.ip):
            return
        channel = self._peers.bound(target)
        if channel is not None:
            self._put(_CHANNEL_HEAD.pack(channel.number, len(payload)) + payload, now)
            return
        permission = self._peers.permission(target.ip, now)
        if permission is None:
            return
        if permission.is_granted:
            self._indicate(target, payload, now)
        else:
            permission.waiting.append((target, payload))
            self._ask_grants(now)

    def receive(self, datagram: bytes, now: float) -> list[tuple[Address, bytes]]:
        """Take what the server sent; give what it relayed, each with who sent it.

        Raises RemoteProtocolError for what is malformed, wrongly signed or answers nothing; nothing has
        changed then. Only datagrams of `server` may be given in.
        """
        if datagram and datagram[0] & 0xF0 == 0x40:
            return [self._from_channel(datagram)]
        message = parse_stun(datagram)
        if message.kind == Method.DATA | _INDICATION:
            return [self._from_indication(message, now)]
        self._on_answer(message, now)
        return []

    def handle_timer(self, now: float) -> None:
        """Repeat what is unanswered, and renew in time what would lapse."""
        for transaction, asked in list(self._asked.items()):
            if asked.request.is_unanswered(now):
                self._on_silence(transaction, now)
            elif (datagram := asked.request.due(now)) is not None:
                self._put(datagram, now)
        if self.relayed is None:
            return
        if now >= self._refresh_at:
            self._refresh_at = float("inf")
            self._ask(Question(Method.REFRESH, ()), now)
        self._ask_grants(now)
        if now - self._sent_at >= _KEEP_ALIVE_S:
            self._put(StunMessage(Kind.INDICATION, new_transaction(self._random)).serialise(None), now)

    def next_datagram(self) -> bytes | None:
        """Return the next datagram for the server, or None."""
        return self._out.popleft() if self._out else None

    def close(self, now: float) -> None:
        """Give the allocation back (RFC 8656 section 7.1): said once, for nobody listens any more."""
        if self._asked or self.relayed is not None:
            self._forget()
            self._ask(Question(Method.REFRESH, ((Attribute.LIFETIME, bytes(4)),)), now)
        self._asked.clear()

    # -- asking

    def _allocate(self, now: float) -> None:
        self._allocations += 1
        self._ask(Question(Method.ALLOCATE, ((Attribute.REQUESTED_TRANSPORT, _UDP),)), now)

    def _ask_grants(self, now: float) -> None:
        """Ask for the permissions and channels that are due."""
        for ip in self._peers.due_permissions(now):
            self._ask_for(self._peers.permissions[ip], Method.CREATE_PERMISSION, Address(ip, 0), now)
        for peer, channel in self._peers.due_channels(now):
            self._ask_for(channel, Method.CHANNEL_BIND, peer, now)

    def _ask_for(self, grant: Grant, method: Method, peer: Address, now: float) -> None:
        grant.asked()
        number: tuple[tuple[int, bytes], ...] = ()
        if isinstance(grant, Channel):
            number = ((Attribute.CHANNEL_NUMBER, struct.pack("!HH", grant.number, 0)),)
        self._ask(Question(method, number, peer), now)

    def _ask(self, question: Question, now: float) -> None:
        """Send a question, signed as the server wanted it last."""
        transaction, key = new_transaction(self._random), self._credentials.key
        attributes = question.attributes + self._credentials.attributes()
        if question.peer is not None:
            attributes += ((Attribute.XOR_PEER_ADDRESS, xor_address(question.peer, transaction)),)
        written = StunMessage(question.method, transaction, attributes).serialise(key)
        asked = self._asked[transaction] = Asked(question, StunRequest(written, now), key)
        self._put(asked.request.due(now) or b"", now)

    def _indicate(self, target: Address, payload: bytes, now: float) -> None:
        """Send a payload with the address written out (section 11.1)."""
        transaction = new_transaction(self._random)
        peer = (Attribute.XOR_PEER_ADDRESS, xor_address(target, transaction))
        message = StunMessage(Method.SEND | _INDICATION, transaction, (peer, (Attribute.DATA, payload)))
        self._put(message.serialise(None), now)

    def _put(self, datagram: bytes, now: float) -> None:
        self._out.append(datagram)
        self._sent_at = now

    # -- what the far ends sent

    def _from_channel(self, datagram: bytes) -> tuple[Address, bytes]:
        """Unwrap ChannelData (section 12.4); over UDP there may be padding behind it."""
        if len(datagram) < _CHANNEL_HEAD.size:
            raise RemoteProtocolError("ChannelData without a head")
        number, length = _CHANNEL_HEAD.unpack_from(datagram)
        peer = self._peers.peer_of(number)
        if peer is None or self.relayed is None or len(datagram) < _CHANNEL_HEAD.size + length:
            raise RemoteProtocolError("ChannelData of no channel, or cut short")
        return peer, datagram[_CHANNEL_HEAD.size : _CHANNEL_HEAD.size + length]

    def _from_indication(self, message: StunMessage, now: float) -> tuple[Address, bytes]:
        """Unwrap a Data indication (section 11.4); who sends us data is worth a channel."""
        payload = message.find(Attribute.DATA)
        if payload is None or self.relayed is None:
            raise RemoteProtocolError("a Data indication without data or allocation")
        peer = read_xor_address(message.find(Attribute.XOR_PEER_ADDRESS) or b"", message.transaction)
        self._peers.wish_channel(peer, now)
        self._ask_grants(now)
        return peer, payload

    # -- the server's answers

    def _on_answer(self, message: StunMessage, now: float) -> None:
        asked = self._asked.get(message.transaction)
        if asked is None or message.kind & ~(_SUCCESS | _ERROR) != asked.question.method:
            raise RemoteProtocolError("an answer to nothing that we asked")
        is_success = message.kind == asked.question.method | _SUCCESS
        self._check_signature(asked, message, is_success=is_success)
        if is_success:
            self._on_success(asked.question, message, now)
            self._asked.pop(message.transaction, None)
            return
        code = read_error_code(message.find(Attribute.ERROR_CODE) or b"")
        if code in (401, 438):
            self._credentials.take_challenge(message)
        del self._asked[message.transaction]
        self._on_error(asked.question, code, now)

    def _check_signature(self, asked: Asked, message: StunMessage, *, is_success: bool) -> None:
        """Believe what is signed as we signed; an error may be unsigned, it cannot be otherwise at first."""
        is_signed = message.find(Attribute.MESSAGE_INTEGRITY) is not None
        must_be_signed = is_signed or (is_success and asked.key is not None)
        if must_be_signed and not (asked.key is not None and message.is_genuine(asked.key)):
            raise RemoteProtocolError("an answer that the TURN server did not sign")

    def _on_success(self, question: Question, message: StunMessage, now: float) -> None:
        match question.method:
            case Method.ALLOCATE:
                relayed = message.find(Attribute.XOR_RELAYED_ADDRESS) or b""
                mapped = message.find(Attribute.XOR_MAPPED_ADDRESS) or b""
                addresses = [read_xor_address(one, message.transaction) for one in (relayed, mapped)]
                self.relayed, self.mapped = addresses
                self._set_lifetime(message, now)
            case Method.REFRESH:
                self._set_lifetime(message, now)
            case Method.CREATE_PERMISSION | Method.CHANNEL_BIND if question.peer is not None:
                self._on_grant(question.method, question.peer, now)

    def _set_lifetime(self, message: StunMessage, now: float) -> None:
        """Refresh a minute before the end, or half-way through a short life."""
        told = message.find(Attribute.LIFETIME) or b""
        lifetime_s = int.from_bytes(told, "big") if len(told) == 4 else _USUAL_LIFETIME_S
        self._refresh_at = now + max(lifetime_s - _REFRESH_BEFORE_END_S, lifetime_s / 2, 1.0)

    def _on_grant(self, method: Method, peer: Address, now: float) -> None:
        grant = self._grant(method, peer)
        if grant is None:
            return
        grant.granted(now)
        if isinstance(grant, Permission):
            for target, payload in grant.waiting:
                self._indicate(target, payload, now)
            grant.waiting.clear()

    def _on_error(self, question: Question, code: int, now: float) -> None:
        """Sign anew, do without one address, begin anew, or give up."""
        if code in (401, 438) and question.challenges < _MOST_CHALLENGES:
            self._ask(question._replace(challenges=question.challenges + 1), now)
        elif question.method is Method.ALLOCATE:
            self._fail(SENTENCES.get(code, f"refuses to relay with error {code}"))
        elif code == 437:
            self._begin_anew(now)
        elif question.method is Method.REFRESH:
            self._fail(SENTENCES.get(code, f"ends the relaying with error {code}"))
        else:
            self._on_refusal(question, str(code), now)

    def _on_silence(self, transaction: bytes, now: float) -> None:
        asked = self._asked.pop(transaction, None)
        if asked is None:
            return
        if asked.question.method in (Method.ALLOCATE, Method.REFRESH):
            self._fail("does not answer")
        else:
            self._on_refusal(asked.question, "no answer", now)

    def _on_refusal(self, question: Question, cause: str, now: float) -> None:
        """Do without one address, or without a channel for it.

        Where it was granted before, the whole allocation may be lost (coturn says 400 then, not 437): the
        refresh will tell.
        """
        log.debug("turn_grant_refused", method=question.method.name, cause=cause)
        grant = None if question.peer is None else self._grant(question.method, question.peer)
        if grant is None:
            return
        if grant.is_granted:
            self._refresh_at = now
        grant.refused(now)

    def _grant(self, method: Method, peer: Address) -> Grant | None:
        if method is Method.CHANNEL_BIND:
            return self._peers.channels.get(peer)
        return self._peers.permissions.get(peer.ip)

    # -- the end of an allocation

    def _begin_anew(self, now: float) -> None:
        """Replace an allocation that the server has lost, by a restart for instance."""
        self._forget()
        if self._allocations >= _MOST_ALLOCATIONS:
            self._fail(SENTENCES[437])
        else:
            self._allocate(now)

    def _fail(self, what: str) -> None:
        self._forget()
        self.why = f"The TURN server {self.server.ip}:{self.server.port} {what}."
        log.info("turn_failed", reason=self.why)

    def _forget(self) -> None:
        self.relayed = self.mapped = None
        self._peers = TurnPeers()
        self._asked.clear()
