"""Key exchanges made ready for calls: the group that Telegram proposes, checked, and fresh secrets."""

import asyncio
from collections.abc import Callable
from typing import Final

from telethon import TelegramClient
from telethon.tl.functions.messages import GetDhConfigRequest

from linegram.telegram.key_exchange import (
    SECRET_BYTES,
    CalleeExchange,
    CallerExchange,
    DhGroup,
    checked_group,
)
from linegram.telegram.rpc import ask

_REST_S: Final = 0.5


class Exchanges:
    """The source of key exchanges of one calling account.

    One for a call that we place is kept ready: making it takes 20 ms, which
    the caller at the PBX need not wait for.
    """

    def __init__(self, client: TelegramClient, random_bytes: Callable[[int], bytes]) -> None:
        self._client = client
        self._random_bytes = random_bytes
        self._server_random = bytes(SECRET_BYTES)
        self._group: DhGroup | None = None
        self._spare: CallerExchange | None = None

    async def prepare(self) -> DhGroup:
        """Fetch and check the group once, so that calls need not wait for it.

        Raises RemoteProtocolError if Telegram proposes one that is not safe.
        """
        if self._group is None:
            config = await ask(self._client, GetDhConfigRequest(version=0, random_length=SECRET_BYTES))
            # In a thread: a prime that is not the known one takes seconds to test.
            self._group = await asyncio.to_thread(checked_group, config.g, config.p)
            if len(config.random) == SECRET_BYTES:
                self._server_random = config.random
            self._make_spare()
        return self._group

    async def caller(self) -> CallerExchange:
        """Return the exchange for a call that we place."""
        group = await self.prepare()
        spare, self._spare = self._spare, None
        asyncio.get_running_loop().call_later(_REST_S, self._make_spare)
        return spare or CallerExchange(group, self._secret())

    async def callee(self, g_a_hash: bytes) -> CalleeExchange:
        """Return the exchange for a call that we accept."""
        return CalleeExchange(await self.prepare(), self._secret(), g_a_hash)

    def _make_spare(self) -> None:
        if self._group is not None and self._spare is None:
            self._spare = CallerExchange(self._group, self._secret())

    def _secret(self) -> bytes:
        """Draw a secret; the server's random bytes are mixed in, as the protocol advises."""
        own = self._random_bytes(SECRET_BYTES)
        return bytes(a ^ b for a, b in zip(own, self._server_random, strict=True))
