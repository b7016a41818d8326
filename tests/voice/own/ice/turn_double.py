"""A TURN server without sockets: one client, virtual time, faults on demand. A real one: test_coturn.py."""

import struct
from hashlib import md5

from linegram.voice.own.ice.stun import (
    Address,
    Attribute,
    StunMessage,
    parse_stun,
    read_xor_address,
    xor_address,
)
from linegram.voice.own.ice.turn_question import Method

SERVER = Address("192.0.2.1", 3478)
MAPPED = Address("198.51.100.7", 40001)
RELAYED = Address("192.0.2.1", 50000)
REALM = b"office.test"


class TurnDouble:
    """Answers requests; `sent` is what reached far ends, `refusals` are answers by method."""

    def __init__(self, username: str = "desk", password: str = "secret") -> None:
        self.now = 0.0
        self.nonce = b"nonce 1"
        self.lifetime_s = 600
        self.is_deaf = False
        self.refusals: dict[Method, int] = {}
        self.asked: list[StunMessage] = []
        self.sent: list[tuple[Address, bytes, str]] = []
        self.expires_at: float | None = None
        self.permitted: dict[str, float] = {}
        self.channels: dict[int, Address] = {}
        self.allocations = 0
        self._username = username.encode()
        self._key = md5(b":".join((self._username, REALM, password.encode()))).digest()

    @property
    def is_allocated(self) -> bool:
        return self.expires_at is not None and self.expires_at > self.now

    def methods(self) -> list[Method]:
        return [Method(message.kind) for message in self.asked]

    def restart(self) -> None:
        self.expires_at = None
        self.permitted.clear()
        self.channels.clear()
        self.nonce += b"'"

    def take(self, datagram: bytes) -> list[bytes]:
        if self.is_deaf:
            return []
        if datagram[0] >= 0x40:
            number, length = struct.unpack_from("!HH", datagram)
            if self.is_allocated and number in self.channels:
                self.sent.append((self.channels[number], datagram[4 : 4 + length], "channel"))
            return []
        message = parse_stun(datagram)
        if message.kind & 0x0010:
            self._relay(message)
            return []
        self.asked.append(message)
        return [self._answer(message)]

    def relay_in(self, source: Address, payload: bytes) -> list[bytes]:
        if not self.is_allocated or self.permitted.get(source.ip, 0.0) <= self.now:
            return []
        for number, peer in self.channels.items():
            if peer == source:
                return [struct.pack("!HH", number, len(payload)) + payload + bytes(-len(payload) % 4)]
        transaction = bytes(12)
        peer_address = (Attribute.XOR_PEER_ADDRESS, xor_address(source, transaction))
        return [
            StunMessage(Method.DATA | 0x10, transaction, (peer_address, (Attribute.DATA, payload))).serialise(
                None
            )
        ]

    def _relay(self, message: StunMessage) -> None:
        payload = message.find(Attribute.DATA)
        if payload is None or not self.is_allocated:
            return
        peer = read_xor_address(message.find(Attribute.XOR_PEER_ADDRESS) or b"", message.transaction)
        if self.permitted.get(peer.ip, 0.0) > self.now:
            self.sent.append((peer, payload, "indication"))

    def _answer(self, message: StunMessage) -> bytes:
        method = Method(message.kind)
        if not message.is_genuine(self._key) or message.find(Attribute.USERNAME) != self._username:
            return self._error(message, 401)
        if message.find(Attribute.NONCE) != self.nonce:
            return self._error(message, 438)
        code = self.refusals.get(method) or self._trouble(method)
        if code:
            return self._error(message, code)
        attributes = getattr(self, f"_{method.name.lower()}")(message)
        return StunMessage(method | 0x100, message.transaction, attributes).serialise(self._key)

    def _trouble(self, method: Method) -> int:
        if (method is Method.ALLOCATE) != self.is_allocated:
            return 0
        return 437 if method in (Method.ALLOCATE, Method.REFRESH) else 400

    def _error(self, message: StunMessage, code: int) -> bytes:
        attributes = [(Attribute.ERROR_CODE, bytes((0, 0, code // 100, code % 100)) + b"No")]
        if code in (401, 438):
            attributes += [(Attribute.REALM, REALM), (Attribute.NONCE, self.nonce)]
        return StunMessage(message.kind | 0x110, message.transaction, tuple(attributes)).serialise(None)

    def _allocate(self, message: StunMessage) -> tuple[tuple[int, bytes], ...]:
        assert message.find(Attribute.REQUESTED_TRANSPORT) == b"\x11\0\0\0"
        self.allocations += 1
        self.expires_at = self.now + self.lifetime_s
        return (
            (Attribute.XOR_RELAYED_ADDRESS, xor_address(RELAYED, message.transaction)),
            (Attribute.LIFETIME, self.lifetime_s.to_bytes(4, "big")),
            (Attribute.XOR_MAPPED_ADDRESS, xor_address(MAPPED, message.transaction)),
        )

    def _refresh(self, message: StunMessage) -> tuple[tuple[int, bytes], ...]:
        told = message.find(Attribute.LIFETIME)
        lifetime_s = self.lifetime_s if told is None else int.from_bytes(told, "big")
        self.expires_at = self.now + lifetime_s
        return ((Attribute.LIFETIME, lifetime_s.to_bytes(4, "big")),)

    def _create_permission(self, message: StunMessage) -> tuple[tuple[int, bytes], ...]:
        self.permitted[self._peer(message).ip] = self.now + 300
        return ()

    def _channel_bind(self, message: StunMessage) -> tuple[tuple[int, bytes], ...]:
        (number,) = struct.unpack_from("!H", message.find(Attribute.CHANNEL_NUMBER) or b"")
        peer = self._peer(message)
        assert self.channels.get(number, peer) == peer, "a channel number of another address"
        self.channels[number] = peer
        self.permitted[peer.ip] = self.now + 300
        return ()

    def _peer(self, message: StunMessage) -> Address:
        return read_xor_address(message.find(Attribute.XOR_PEER_ADDRESS) or b"", message.transaction)
