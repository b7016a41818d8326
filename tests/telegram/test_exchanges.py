"""Key exchanges made ready: the group is fetched and checked once, secrets are fresh."""

from collections.abc import Callable

import pytest
from telethon.tl import types

from linegram.errors import RemoteProtocolError
from linegram.telegram.exchanges import Exchanges
from linegram.telegram.key_exchange import KEY_BYTES, KNOWN_PRIME
from tests.telegram.fake_client import FakeClient

PRIME = KNOWN_PRIME.to_bytes(KEY_BYTES, "big")


def dh_config(
    generator: int = 3, prime: bytes = PRIME, random: bytes = b"\x05" * 256
) -> types.messages.DhConfig:
    return types.messages.DhConfig(generator, prime, 3, random)


def counting_bytes() -> Callable[[int], bytes]:
    drawn = iter(range(1, 200))
    return lambda size: bytes([next(drawn)]) * size


async def test_the_group_is_fetched_once() -> None:
    client = FakeClient(dh_config())
    exchanges = Exchanges(client, counting_bytes())
    await exchanges.prepare()
    await exchanges.caller()
    await exchanges.callee(b"\x00" * 32)
    assert len(client.requests) == 1


async def test_every_call_has_a_secret_of_its_own() -> None:
    exchanges = Exchanges(FakeClient(dh_config()), counting_bytes())
    shown = {(await exchanges.caller()).g_a for _ in range(4)}
    assert len(shown) == 4


async def test_two_exchanges_of_one_source_agree() -> None:
    exchanges = Exchanges(FakeClient(dh_config()), counting_bytes())
    caller = await exchanges.caller()
    callee = await exchanges.callee(caller.g_a_hash)
    agreed = caller.agree(callee.g_b)
    assert callee.agree(caller.g_a, agreed.fingerprint) == agreed


async def test_the_servers_random_bytes_are_mixed_in() -> None:
    one = Exchanges(FakeClient(dh_config(random=b"\x05" * 256)), counting_bytes())
    other = Exchanges(FakeClient(dh_config(random=b"\x06" * 256)), counting_bytes())
    assert (await one.caller()).g_a != (await other.caller()).g_a


async def test_random_bytes_of_another_length_are_left_out() -> None:
    odd = Exchanges(FakeClient(dh_config(random=b"short")), counting_bytes())
    none = Exchanges(FakeClient(dh_config(random=bytes(256))), counting_bytes())
    assert (await odd.caller()).g_a == (await none.caller()).g_a


@pytest.mark.parametrize("config", [dh_config(generator=2), dh_config(prime=PRIME[:-1] + b"\x59")])
async def test_an_unsafe_group_is_refused_each_time(config: types.messages.DhConfig) -> None:
    exchanges = Exchanges(FakeClient(config), counting_bytes())
    for _ in range(2):
        with pytest.raises(RemoteProtocolError):
            await exchanges.caller()
