"""Telling Telegram that calls are over, until it has taken it: no phone shall ring on for a lost packet."""

import asyncio
from typing import Final

import structlog
from telethon import TelegramClient
from telethon.errors.rpcbaseerrors import RPCError, ServerError
from telethon.tl.functions.phone import DiscardCallRequest

from linegram.errors import UnavailableError
from linegram.telegram.errors import error_name, wait_of
from linegram.telegram.phone_events import DiscardCall
from linegram.telegram.phone_wire import input_call, reason_as_tl
from linegram.telegram.rpc import ask

log = structlog.get_logger()

TRY_FOR_S: Final = 90.0
"""After this time a call that was never taken rings no more by Telegram's own clock."""

_ANSWER_WITHIN_S: Final = 10.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 8.0


class Discards:
    """Discards of one calling account, under way in the background."""

    def __init__(self, client: TelegramClient) -> None:
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, command: DiscardCall) -> None:
        """Discard a call in the background; a failure is logged."""
        task = asyncio.create_task(self._discard_or_log(command), name="phone_discard")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def discard(self, command: DiscardCall) -> None:
        """Discard a call; one that is gone already is fine. Raises UnavailableError when time is over."""
        try:
            async with asyncio.timeout(TRY_FOR_S):
                await self._insist(command)
        except TimeoutError:
            raise UnavailableError("Telegram could not be told that a call is over") from None

    async def close(self, within_s: float) -> None:
        """Wait for what is under way, at most so long."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _discard_or_log(self, command: DiscardCall) -> None:
        try:
            await self.discard(command)
        except UnavailableError:
            log.error("phone_discard_lost", phone_call_id=command.reference.phone_call_id)

    async def _insist(self, command: DiscardCall) -> None:
        request = DiscardCallRequest(
            peer=input_call(command.reference),
            duration=command.duration_s,
            reason=reason_as_tl(command.reason),
            connection_id=0,
        )
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await ask(self._client, request, within_s=_ANSWER_WITHIN_S)
            except (OSError, TimeoutError, RPCError) as error:
                if (
                    isinstance(error, RPCError)
                    and not isinstance(error, ServerError)
                    and wait_of(error) is None
                ):
                    log.info("phone_discard_refused", error=error_name(error))
                    return
                await asyncio.sleep(wait_of(error) or pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            else:
                return
