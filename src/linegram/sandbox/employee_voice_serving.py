"""The life of an employee's voice process: commands on stdin, reports on stdout, left by os._exit."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Protocol

from linegram.sandbox.employee_voice_messages import (
    Answered,
    Asked,
    Ready,
    Report,
    body_length,
    decode,
    encode,
)

SWITCH_INTERVAL_S = 0.0005


class EmployeeVoice(Protocol):
    """What speaks for one employee."""

    async def carry_out(self, asked: Asked) -> Answered:
        """Do what a command says; an error becomes the answer's failure text."""


MakeVoice = Callable[[int, Callable[[Report], None]], EmployeeVoice]


def run_voice_process(make: MakeVoice, ready: Ready) -> None:
    """Run until the parent closes our stdin or goes away; leave without interpreter shutdown."""
    report_fd = os.dup(1)
    os.dup2(2, 1)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        asyncio.run(_serve(make, ready, int(sys.argv[1]), report_fd))
    except (BrokenPipeError, KeyboardInterrupt):
        pass
    finally:
        os._exit(0)


async def _serve(make: MakeVoice, ready: Ready, rate_hz: int, report_fd: int) -> None:
    """Carry commands out one by one until stdin ends; then leave at once."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    def report(message: Report) -> None:
        _write_all(report_fd, encode(message))

    voice = make(rate_hz, report)
    report(ready)
    while True:
        try:
            head = await reader.readexactly(4)
            body = await reader.readexactly(body_length(head))
        except asyncio.IncompleteReadError:
            return
        report(await voice.carry_out(decode(body, Asked)))


def _write_all(fd: int, body: bytes) -> None:
    view = memoryview(body)
    while view:
        view = view[os.write(fd, view) :]
