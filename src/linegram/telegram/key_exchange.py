"""Diffie-Hellman for the key of a private call (core.telegram.org/api/end-to-end/voice-calls).

Pure: random bytes are passed in. The caller commits to g_a by its hash, the
callee answers with g_b, then g_a itself is shown; both compare fingerprints.
"""

import hmac
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1, sha256
from typing import Final

from linegram.errors import LocalProtocolError, RemoteProtocolError

KEY_BYTES: Final = 256
KEY_BITS: Final = KEY_BYTES * 8
SECRET_BYTES: Final = 256

_MARGIN: Final = 1 << (KEY_BITS - 64)
_PRIMALITY_ROUNDS: Final = 40
_SMALL_PRIMES: Final = tuple(n for n in range(3, 1000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))

KNOWN_PRIME: Final = int(
    "c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f"
    "48198a0aa7c14058229493d22530f4dbfa336f6e0ac925139543aed44cce7c37"
    "20fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64"
    "2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4"
    "a4a695811051907e162753b56b0f6b410dba74d8a84b2a14b3144e0ef1284754"
    "fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4"
    "e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f"
    "0d8115f635b105ee2e4e15d04b2454bf6f4fadf034b10403119cd8e3b92fcc5b",
    16,
)
"""The safe prime that Telegram has used for years; any other is tested before it is used."""

# For which remainders (modulus, allowed) of p the generator g spans the subgroup of order (p-1)/2
# (core.telegram.org/mtproto/auth_key, "presenting proof").
_FITTING_REMAINDERS: Final = {
    2: (8, {7}),
    3: (3, {2}),
    4: (1, {0}),
    5: (5, {1, 4}),
    6: (24, {19, 23}),
    7: (7, {3, 5, 6}),
}


@dataclass(frozen=True, slots=True)
class DhGroup:
    """The group that both sides calculate in; made by `checked_group` only."""

    generator: int
    prime: int


@dataclass(frozen=True, slots=True)
class CallKey:
    """The agreed key of one call: 256 bytes and its 64-bit fingerprint (signed, as TL carries it)."""

    key: bytes
    fingerprint: int

    def __repr__(self) -> str:
        return "CallKey(…)"


def checked_group(generator: int, prime: bytes) -> DhGroup:
    """Return the group that Telegram proposes, checked as the protocol demands.

    A prime that is not the known one costs seconds, once per prime.

    Raises RemoteProtocolError if the group is not safe.
    """
    p = int.from_bytes(prime, "big")
    if p.bit_length() != KEY_BITS:
        raise RemoteProtocolError(f"the prime has {p.bit_length()} bits, not {KEY_BITS}")
    modulus, allowed = _FITTING_REMAINDERS.get(generator, (1, set[int]()))
    if p % modulus not in allowed:
        raise RemoteProtocolError(f"generator {generator} does not fit the prime")
    if p != KNOWN_PRIME and not is_safe_prime(p):
        raise RemoteProtocolError("the modulus is not a safe prime")
    return DhGroup(generator, p)


@lru_cache(maxsize=8)
def is_safe_prime(number: int) -> bool:
    """Say whether both `number` and (number - 1) / 2 are prime (error probability below 4^-40)."""
    half = (number - 1) // 2
    return (
        not (_has_small_factor(number) or _has_small_factor(half)) and _is_prime(half) and _is_prime(number)
    )


def _has_small_factor(number: int) -> bool:
    return (number % 2 == 0 and number != 2) or any(
        number % prime == 0 and number != prime for prime in _SMALL_PRIMES
    )


def _is_prime(number: int) -> bool:
    """Test an odd number by Miller and Rabin.

    The bases come from a hash of the number itself, so whoever chose the
    number could not choose it to suit fixed bases.
    """
    if number < 5:
        return number in {2, 3}
    odd_part, twos = number - 1, 0
    while odd_part % 2 == 0:
        odd_part, twos = odd_part // 2, twos + 1
    return all(
        _passes(number, _base(number, round_number), odd_part, twos)
        for round_number in range(_PRIMALITY_ROUNDS)
    )


def _base(number: int, round_number: int) -> int:
    length_bytes = (number.bit_length() + 7) // 8
    seed = number.to_bytes(length_bytes, "big") + round_number.to_bytes(4, "big")
    stream = b"".join(sha256(seed + bytes([block])).digest() for block in range(length_bytes // 32 + 2))
    return 2 + int.from_bytes(stream, "big") % (number - 3)


def _passes(number: int, base: int, odd_part: int, twos: int) -> bool:
    power = pow(base, odd_part, number)
    if power in {1, number - 1}:
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False


class _Exchange:
    """One side's secret and what it shows of it."""

    def __init__(self, group: DhGroup, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise LocalProtocolError(f"a secret has {SECRET_BYTES} bytes, not {len(secret)}")
        self._group = group
        self._secret = int.from_bytes(secret, "big")
        own = pow(group.generator, self._secret, group.prime)
        if not _is_in_range(own, group.prime):
            raise LocalProtocolError("these random bytes are no good: draw others")
        self._shown = own.to_bytes(KEY_BYTES, "big")

    def _key_with(self, far: bytes) -> CallKey:
        if len(far) > KEY_BYTES:
            raise RemoteProtocolError(f"the peer's key half has {len(far)} bytes")
        power = int.from_bytes(far, "big")
        if not _is_in_range(power, self._group.prime):
            raise RemoteProtocolError("the peer's key half is out of range")
        key = pow(power, self._secret, self._group.prime).to_bytes(KEY_BYTES, "big")
        return CallKey(key, key_fingerprint(key))


class CallerExchange(_Exchange):
    """The side that calls: shows the hash of g_a first, g_a after it has seen g_b."""

    @property
    def g_a(self) -> bytes:
        """The caller's key half: 256 bytes, to be shown only in phone.confirmCall."""
        return self._shown

    @property
    def g_a_hash(self) -> bytes:
        """What binds the caller to g_a: 32 bytes for phone.requestCall."""
        return sha256(self._shown).digest()

    def agree(self, g_b: bytes) -> CallKey:
        """Calculate the key from the callee's half; raises RemoteProtocolError if that is not safe."""
        return self._key_with(g_b)


class CalleeExchange(_Exchange):
    """The side that is called: shows g_b and holds the caller to the hash that came first."""

    def __init__(self, group: DhGroup, secret: bytes, g_a_hash: bytes) -> None:
        super().__init__(group, secret)
        self._g_a_hash = g_a_hash

    @property
    def g_b(self) -> bytes:
        """The callee's key half: 256 bytes for phone.acceptCall."""
        return self._shown

    def agree(self, g_a: bytes, fingerprint: int) -> CallKey:
        """Calculate the key from the caller's half.

        Raises RemoteProtocolError if g_a is not what the hash promised, is
        not safe, or the caller got another key.
        """
        if not hmac.compare_digest(sha256(g_a).digest(), self._g_a_hash):
            raise RemoteProtocolError("the caller's key half is not the one that its hash promised")
        agreed = self._key_with(g_a)
        if agreed.fingerprint != fingerprint:
            raise RemoteProtocolError("the caller has another key")
        return agreed


def key_fingerprint(key: bytes) -> int:
    """Return the last 64 bits of the key's SHA-1, as the signed little-endian number that TL carries."""
    return int.from_bytes(sha1(key, usedforsecurity=False).digest()[-8:], "little", signed=True)


def _is_in_range(power: int, prime: int) -> bool:
    """Keep 64 bits of distance to both ends (core.telegram.org/mtproto/auth_key, "g_a and g_b")."""
    return _MARGIN <= power <= prime - _MARGIN
