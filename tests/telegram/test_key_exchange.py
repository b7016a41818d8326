"""Diffie-Hellman of calls: two machines agree, and whatever is not safe is refused."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.telegram.key_exchange import (
    KEY_BYTES,
    KNOWN_PRIME,
    SECRET_BYTES,
    CalleeExchange,
    CallerExchange,
    checked_group,
    is_safe_prime,
    key_fingerprint,
)

PRIME_BYTES = KNOWN_PRIME.to_bytes(KEY_BYTES, "big")
GROUP = checked_group(3, PRIME_BYTES)
SECRETS = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES).filter(lambda secret: any(secret[:128]))


def wide(number: int) -> bytes:
    return number.to_bytes(KEY_BYTES, "big")


@given(SECRETS, SECRETS)
@settings(max_examples=8, deadline=None)
def test_two_machines_agree_on_one_key_of_256_bytes(ours: bytes, theirs: bytes) -> None:
    caller = CallerExchange(GROUP, ours)
    callee = CalleeExchange(GROUP, theirs, caller.g_a_hash)
    agreed = caller.agree(callee.g_b)
    assert callee.agree(caller.g_a, agreed.fingerprint) == agreed
    assert len(agreed.key) == KEY_BYTES
    assert agreed.fingerprint == key_fingerprint(agreed.key)
    assert len(caller.g_a) == len(callee.g_b) == KEY_BYTES
    assert caller.g_a_hash == sha256(caller.g_a).digest()


def test_a_key_with_leading_zeros_keeps_its_length() -> None:
    # Found by search: with these secrets the common key begins with a zero byte.
    caller = CallerExchange(GROUP, wide((1 << 1300) + 5))
    callee = CalleeExchange(GROUP, wide((1 << 1300) + 167), caller.g_a_hash)
    key = caller.agree(callee.g_b).key
    assert key[0] == 0
    assert len(key) == KEY_BYTES


def test_the_key_never_shows_in_a_repr() -> None:
    caller = CallerExchange(GROUP, b"\x41" * SECRET_BYTES)
    agreed = caller.agree(wide(pow(3, 1 << 1900, KNOWN_PRIME)))
    assert agreed.key.hex() not in repr(agreed)
    assert repr(agreed.key) not in repr(agreed)


@pytest.mark.parametrize(
    "power",
    [0, 1, KNOWN_PRIME - 1, KNOWN_PRIME, (1 << 1984) - 1, KNOWN_PRIME - (1 << 1984) + 1, (1 << 2048) - 1],
)
def test_a_key_half_near_either_end_is_refused(power: int) -> None:
    caller = CallerExchange(GROUP, b"\x41" * SECRET_BYTES)
    with pytest.raises(RemoteProtocolError, match="out of range"):
        caller.agree(wide(power))


@pytest.mark.parametrize("power", [1 << 1984, KNOWN_PRIME - (1 << 1984)])
def test_a_key_half_on_the_edge_is_taken(power: int) -> None:
    assert len(CallerExchange(GROUP, b"\x41" * SECRET_BYTES).agree(wide(power)).key) == KEY_BYTES


def test_a_key_half_of_more_than_256_bytes_is_refused() -> None:
    caller = CallerExchange(GROUP, b"\x41" * SECRET_BYTES)
    with pytest.raises(RemoteProtocolError, match="257 bytes"):
        caller.agree(b"\x00" + wide(1 << 2000))


def test_a_caller_who_shows_another_half_than_promised_is_refused() -> None:
    honest = CallerExchange(GROUP, b"\x41" * SECRET_BYTES)
    other = CallerExchange(GROUP, b"\x42" * SECRET_BYTES)
    callee = CalleeExchange(GROUP, b"\x43" * SECRET_BYTES, honest.g_a_hash)
    with pytest.raises(RemoteProtocolError, match="hash promised"):
        callee.agree(other.g_a, other.agree(callee.g_b).fingerprint)


def test_another_fingerprint_is_refused() -> None:
    caller = CallerExchange(GROUP, b"\x41" * SECRET_BYTES)
    callee = CalleeExchange(GROUP, b"\x43" * SECRET_BYTES, caller.g_a_hash)
    with pytest.raises(RemoteProtocolError, match="another key"):
        callee.agree(caller.g_a, caller.agree(callee.g_b).fingerprint ^ 1)


def test_a_hash_over_an_unsafe_half_does_not_make_it_safe() -> None:
    callee = CalleeExchange(GROUP, b"\x43" * SECRET_BYTES, sha256(wide(1)).digest())
    with pytest.raises(RemoteProtocolError, match="out of range"):
        callee.agree(wide(1), key_fingerprint(wide(1)))


@given(st.binary(max_size=300), st.integers(-(2**63), 2**63 - 1))
@settings(max_examples=25, deadline=None)
def test_garbage_raises_one_error_type(far: bytes, fingerprint: int) -> None:
    callee = CalleeExchange(GROUP, b"\x43" * SECRET_BYTES, b"\x00" * 32)
    with pytest.raises(RemoteProtocolError):
        callee.agree(far, fingerprint)


def test_too_few_random_bytes_are_our_own_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="256 bytes"):
        CallerExchange(GROUP, b"short")


def test_random_bytes_that_give_an_unsafe_half_are_refused() -> None:
    with pytest.raises(LocalProtocolError, match="draw others"):
        CallerExchange(GROUP, wide(1))


def test_the_fingerprint_is_the_signed_end_of_sha1() -> None:
    assert key_fingerprint(b"\x00" * 256) == int.from_bytes(
        bytes.fromhex("b376885ac8452b6cbf9ced81b1080bfd570d9b91")[-8:], "little", signed=True
    )


def test_the_known_prime_passes_the_test_that_others_must_pass() -> None:
    assert is_safe_prime(KNOWN_PRIME)


@pytest.mark.parametrize("number", [5, 7, 11, 23, 47, 2039, 2879, 1187])
def test_safe_primes_are_found(number: int) -> None:
    assert is_safe_prime(number)


@pytest.mark.parametrize(
    "number",
    [
        9, 13, 17, 561, 2047, 3215031751, 3825123056546413051,
        (2**89 - 1) * (2**107 - 1), 2**127 - 1, KNOWN_PRIME + 2,
    ],
)  # fmt: skip
def test_other_numbers_are_not_safe_primes(number: int) -> None:
    assert not is_safe_prime(number)


def test_a_product_of_two_large_primes_is_refused_as_modulus() -> None:
    # 2^1279-1 is prime; the product has no small factor and is no prime.
    factor = (1 << 1279) - 1
    other = (KNOWN_PRIME // factor) | 1
    product = (factor * other).to_bytes(KEY_BYTES, "big")
    with pytest.raises(RemoteProtocolError):
        checked_group(4, product)


@pytest.mark.parametrize("generator", [0, 1, 2, 8, -3])
def test_a_generator_that_does_not_fit_the_prime_is_refused(generator: int) -> None:
    if generator in {0, 1, 8, -3}:
        with pytest.raises(RemoteProtocolError):
            checked_group(generator, PRIME_BYTES)
    else:
        with pytest.raises(RemoteProtocolError, match="does not fit"):
            checked_group(generator, (KNOWN_PRIME + 2).to_bytes(KEY_BYTES, "big"))


@pytest.mark.parametrize("prime", [b"", b"\x17", b"\x00" + PRIME_BYTES[1:], b"\x01" + PRIME_BYTES])
def test_a_modulus_of_another_size_is_refused(prime: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="bits"):
        checked_group(3, prime)
