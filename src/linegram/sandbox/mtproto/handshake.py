"""Making an authorization key with a client (core.telegram.org/mtproto/auth_key). Knows no socket."""

import hashlib
from collections.abc import Callable
from random import Random
from typing import Any

from telethon.crypto import AES, AuthKey
from telethon.helpers import generate_key_data_from_nonce
from telethon.tl import types
from telethon.tl.functions import ReqDHParamsRequest, ReqPqMultiRequest, SetClientDHParamsRequest

from linegram.errors import RemoteProtocolError
from linegram.sandbox.mtproto.envelope import read_object
from linegram.sandbox.mtproto.keys import ServerKey

DH_PRIME = int(
    "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D22530F4DB"
    "FA336F6E0AC925139543AED44CCE7C3720FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F64"
    "2477FE96BB2A941D5BCD1D4AC8CC49880708FA9B378E3C4F3A9060BEE67CF9A4A4A695811051907E162753B56B0F6B41"
    "0DBA74D8A84B2A14B3144E0EF1284754FD17ED950D5965B4B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4"
    "E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F0D8115F635B105EE2E4E15D04B2454BF"
    "6F4FADF034B10403119CD8E3B92FCC5B",
    16,
)
"""The 2048-bit safe prime that Telegram uses and clients know by heart."""

DH_GENERATOR = 3
_SMALL_PRIMES = (1_229_739_323, 1_402_015_859)


class Handshake:
    """One key exchange, three questions long. Feed each request to `answer`."""

    def __init__(
        self,
        server_key: ServerKey,
        *,
        random: Random,
        now_s: Callable[[], float],
        on_key: Callable[[AuthKey], None],
    ) -> None:
        self._server_key = server_key
        self._random = random
        self._now_s = now_s
        self._on_key = on_key
        self._server_nonce = _signed(random.randbytes(16))
        self._exponent = int.from_bytes(random.randbytes(256), "big")
        self._new_nonce = 0
        self._aes: tuple[bytes, bytes] | None = None

    def answer(self, request: Any) -> Any:
        """Return the TL answer to the client's next request; raises RemoteProtocolError if it is no such."""
        if isinstance(request, ReqPqMultiRequest):
            return self._res_pq(request)
        if isinstance(request, ReqDHParamsRequest):
            return self._dh_params(request)
        if isinstance(request, SetClientDHParamsRequest):
            return self._dh_gen(request)
        raise RemoteProtocolError(f"no part of a key exchange: {type(request).__name__}")

    def _res_pq(self, request: Any) -> Any:
        p, q = _SMALL_PRIMES
        return types.ResPQ(
            request.nonce, self._server_nonce, (p * q).to_bytes(8, "big"), [self._server_key.fingerprint]
        )

    def _dh_params(self, request: Any) -> Any:
        inner = self._inner_data(request.encrypted_data)
        if inner.server_nonce != self._server_nonce or inner.nonce != request.nonce:
            raise RemoteProtocolError("nonces do not match")
        self._new_nonce = inner.new_nonce
        self._aes = generate_key_data_from_nonce(self._server_nonce, self._new_nonce)
        answer = bytes(
            types.ServerDHInnerData(
                request.nonce,
                self._server_nonce,
                DH_GENERATOR,
                _to_bytes(DH_PRIME),
                _to_bytes(pow(DH_GENERATOR, self._exponent, DH_PRIME)),
                int(self._now_s()),
            )
        )
        hashed = hashlib.sha1(answer, usedforsecurity=False).digest() + answer
        padded = hashed + self._random.randbytes(-len(hashed) % 16)
        return types.ServerDHParamsOk(request.nonce, self._server_nonce, AES.encrypt_ige(padded, *self._aes))

    def _inner_data(self, block: bytes) -> Any:
        plain = self._server_key.decrypt(block)
        inner = read_object(plain[20:])
        if not isinstance(inner, types.PQInnerData):
            raise RemoteProtocolError("the encrypted part of req_DH_params is no p_q_inner_data")
        if hashlib.sha1(bytes(inner), usedforsecurity=False).digest() != plain[:20]:
            raise RemoteProtocolError("the hash of p_q_inner_data is wrong")
        return inner

    def _dh_gen(self, request: Any) -> Any:
        if self._aes is None or len(request.encrypted_data) % 16:
            raise RemoteProtocolError("set_client_DH_params before req_DH_params, or not whole blocks")
        inner = read_object(AES.decrypt_ige(request.encrypted_data, *self._aes)[20:])
        if not isinstance(inner, types.ClientDHInnerData):
            raise RemoteProtocolError("the encrypted part of set_client_DH_params is no inner data")
        secret = pow(int.from_bytes(inner.g_b, "big"), self._exponent, DH_PRIME)
        key = AuthKey(_to_bytes(secret))
        if len(key.key) < 256:
            # Telethon does not pad the secret with zero bytes, other clients do: one exchange in 256
            # would end with two different keys, so ask for another one.
            retry_hash = key.calc_new_nonce_hash(self._new_nonce, 2)
            return types.DhGenRetry(request.nonce, self._server_nonce, retry_hash)
        self._on_key(key)
        ok_hash = key.calc_new_nonce_hash(self._new_nonce, 1)
        return types.DhGenOk(request.nonce, self._server_nonce, ok_hash)


def _to_bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _signed(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)
