"""Voices of many employees in few processes: twenty full phones cost more than the two cores of a machine."""

import asyncio
import os
import socket
import sys
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

from linegram.sandbox.employee_voice_process import LEAVE_S, START_S, VoiceProcess

RATE_HZ = 8_000


class _Pipes(NamedTuple):
    """What a `VoiceProcess` needs of its process."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader


class VoiceSeat(VoiceProcess):
    """One voice of a bank: a `VoiceProcess` without a process of its own."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__(rate_hz=RATE_HZ)
        self._end = end

    async def __aenter__(self) -> Self:
        """Wait until the voice is ready."""
        reader, writer = await asyncio.open_connection(sock=self._end)
        self._process = cast("Any", _Pipes(writer, reader))
        self._reading = asyncio.create_task(self._read(), name="employee voice")
        await self._wait_until(lambda: self.protocol is not None, START_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the voice leave; its bank ends with the last one."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


class VoiceBank:
    """A process with `count` voices. Use as an async context manager, around those of its seats."""

    def __init__(self, count: int) -> None:
        self._pairs = [socket.socketpair() for _ in range(count)]
        self.seats = [VoiceSeat(ours) for ours, _theirs in self._pairs]

    async def __aenter__(self) -> Self:
        """Start the process."""
        descriptors = [theirs.fileno() for _ours, theirs in self._pairs]
        self._bank = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.load.voice_bank_process", str(RATE_HZ), *map(str, descriptors)),
            pass_fds=descriptors,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ours, theirs in self._pairs:
            theirs.close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until the process has left; kill it if it does not."""
        for ours, _theirs in self._pairs:
            ours.close()
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._bank.wait()
        except TimeoutError:
            self._bank.kill()
            await self._bank.wait()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._bank.pid
