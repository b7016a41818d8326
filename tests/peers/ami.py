"""A small client of Asterisk's manager interface. One connection; bound to the event loop that opened it."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

Message = dict[str, str]
"""One event or answer; of fields that occur twice the last one counts."""


class AmiError(Exception):
    """The manager interface refused an action."""


class Ami:
    """Sends actions and hands out events. Use as an async context manager."""

    def __init__(self, address: str, port: int, user: str, secret: str) -> None:
        self._address, self._port = address, port
        self._user, self._secret = user, secret
        self._ids = itertools.count(1)
        self._answers: dict[str, asyncio.Queue[Message]] = {}
        self._events: asyncio.Queue[Message | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Connect and log in."""
        self._reader, self._writer = await asyncio.open_connection(self._address, self._port)
        await self._reader.readline()
        self._pump = asyncio.create_task(self._read_all(), name="ami-reader")
        await self.action("Login", Username=self._user, Secret=self._secret)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        self._writer.close()

    async def action(self, name: str, **fields: str) -> Message:
        """Carry out one action and return its answer. Raises AmiError when it is refused."""
        action_id = await self._send(name, fields)
        try:
            async with asyncio.timeout(15):
                answer = await self._answers[action_id].get()
        finally:
            del self._answers[action_id]
        return _checked(answer)

    async def listing(self, name: str, **fields: str) -> list[Message]:
        """Carry out an action that is answered by a list of events, and return these."""
        action_id = await self._send(name, fields)
        rows: list[Message] = []
        try:
            async with asyncio.timeout(15):
                _checked(await self._answers[action_id].get())
                while (row := await self._answers[action_id].get()).get("EventList") != "Complete":
                    rows.append(row)
        finally:
            del self._answers[action_id]
        return rows

    async def originate(self, channel: str, exten: str, caller: str, channel_id: str) -> None:
        """Let the PBX call `channel` (PJSIP/1001) and connect the answered call to `exten`; do not wait."""
        await self.action(
            "Originate", Channel=channel, Context="internal", Exten=exten, Priority="1",
            CallerID=f"{caller} <{caller}>", ChannelId=channel_id, Async="true", Timeout="60000",
        )  # fmt: skip

    async def hang_up(self, channel: str, cause: int = 16) -> None:
        """End one channel by its name or unique id, with a Q.850 cause."""
        await self.action("Hangup", Channel=channel, Cause=str(cause))

    async def channels(self) -> list[Message]:
        """List the live channels (`core show channels` as data)."""
        return await self.listing("CoreShowChannels")

    async def events(self) -> AsyncIterator[Message]:
        """Hand out every event since the login, in order; ends when the PBX closes the connection."""
        while (event := await self._events.get()) is not None:
            yield event

    async def wait_for(self, event_name: str, timeout_s: float = 15, **fields: str) -> Message:
        """Consume events up to the one of this name and fields. Raises TimeoutError or AmiError."""
        async with asyncio.timeout(timeout_s):
            async for event in self.events():
                if event.get("Event") == event_name and fields.items() <= event.items():
                    return event
        raise AmiError(f"the connection ended before {event_name}")

    async def _send(self, name: str, fields: dict[str, str]) -> str:
        action_id = f"bench-{next(self._ids)}"
        self._answers[action_id] = asyncio.Queue()
        lines = [
            f"{key}: {value}" for key, value in {"Action": name, "ActionID": action_id, **fields}.items()
        ]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self._writer.drain()
        return action_id

    async def _read_all(self) -> None:
        try:
            while block := await self._reader.readuntil(b"\r\n\r\n"):
                self._take(_parse(block.decode(errors="replace")))
        except (asyncio.IncompleteReadError, ConnectionError):
            self._events.put_nowait(None)

    def _take(self, message: Message) -> None:
        answers = self._answers.get(message.get("ActionID", ""))
        if answers is not None:
            answers.put_nowait(message)
        elif "Event" in message:
            self._events.put_nowait(message)


def _parse(block: str) -> Message:
    pairs = (line.partition(":") for line in block.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _checked(answer: Message) -> Message:
    if answer.get("Response") == "Error":
        raise AmiError(answer.get("Message", "refused"))
    return answer
