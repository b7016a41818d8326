"""Two-step passwords: the server's half of SRP (core.telegram.org/api/srp)."""

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Any

from telethon import password as srp
from telethon.tl import types

from linegram.sandbox.mtproto.handshake import DH_GENERATOR, DH_PRIME
from linegram.sandbox.world.refusals import bad_request

_SIZE_BYTES = 256


@dataclass(frozen=True, slots=True)
class _Exchange:
    srp_id: int
    exponent: int
    verifier: int
    algorithm: Any
    public: bytes


class Passwords:
    """One exchange per person at a time; a wrong proof uses it up."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._exchanges: dict[int, _Exchange] = {}

    def describe(self, user_id: int, password: str) -> Any:
        """Return account.password: the algorithm and, if there is a password, the start of an exchange."""
        new_algorithm = _algorithm(self._random.randbytes(8), self._random.randbytes(16))
        answer = types.account.Password(
            new_algorithm,
            types.SecurePasswordKdfAlgoUnknown(),
            self._random.randbytes(_SIZE_BYTES),
            has_password=bool(password),
        )
        if password:
            exchange = self._begin(user_id, password)
            answer.current_algo = exchange.algorithm
            answer.srp_B = exchange.public
            answer.srp_id = exchange.srp_id
        return answer

    def _begin(self, user_id: int, password: str) -> _Exchange:
        algorithm = _algorithm(self._random.randbytes(40), self._random.randbytes(16))
        secret = int.from_bytes(srp.compute_hash(algorithm, password), "big")
        verifier = pow(DH_GENERATOR, secret, DH_PRIME)
        multiplier = int.from_bytes(_sha256(_wide(DH_PRIME), _wide(DH_GENERATOR)), "big")
        exponent = int.from_bytes(self._random.randbytes(_SIZE_BYTES), "big")
        public = (multiplier * verifier + pow(DH_GENERATOR, exponent, DH_PRIME)) % DH_PRIME
        exchange = _Exchange(self._random.getrandbits(62), exponent, verifier, algorithm, _wide(public))
        self._exchanges[user_id] = exchange
        return exchange

    def check(self, user_id: int, proof: Any) -> None:
        """Refuse a proof of a wrong password or of another exchange."""
        exchange = self._exchanges.pop(user_id, None)
        if exchange is None or not isinstance(proof, types.InputCheckPasswordSRP):
            raise bad_request("SRP_ID_INVALID")
        if proof.srp_id != exchange.srp_id:
            raise bad_request("SRP_ID_INVALID")
        client_public = int.from_bytes(proof.A, "big")
        if not 0 < client_public < DH_PRIME:
            raise bad_request("SRP_A_INVALID")
        if _expected_proof(exchange, client_public) != proof.M1:
            raise bad_request("PASSWORD_HASH_INVALID")


def _expected_proof(exchange: _Exchange, client_public: int) -> bytes:
    scramble = int.from_bytes(_sha256(_wide(client_public), exchange.public), "big")
    base = client_public * pow(exchange.verifier, scramble, DH_PRIME) % DH_PRIME
    key = _sha256(_wide(pow(base, exchange.exponent, DH_PRIME)))
    mixed = bytes(
        one ^ two for one, two in zip(_sha256(_wide(DH_PRIME)), _sha256(_wide(DH_GENERATOR)), strict=True)
    )
    algorithm = exchange.algorithm
    salts = (_sha256(algorithm.salt1), _sha256(algorithm.salt2))
    return _sha256(mixed, *salts, _wide(client_public), exchange.public, key)


def _algorithm(salt1: bytes, salt2: bytes) -> Any:
    kind = types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow
    return kind(salt1, salt2, DH_GENERATOR, _wide(DH_PRIME))


def _wide(number: int) -> bytes:
    return number.to_bytes(_SIZE_BYTES, "big")


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
