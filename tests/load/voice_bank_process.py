"""A process in which several employees' voices live: `python -m tests.load.voice_bank_process RATE FD...`.

Each FD is one end of a socket pair that speaks as the pipes of `linegram.sandbox.employee_voice` do. All
voices share one native engine: that is what makes twenty of them cheap. The parent sees to it that no two
voices of one bank set a call up, or leave one, at the same time.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from ntgcalls import NTgCalls

from linegram.sandbox import employee_voice
from linegram.sandbox.employee_voice_messages import Asked, Ready, Report, body_length, decode, encode
from linegram.sandbox.employee_voice_serving import SWITCH_INTERVAL_S

_CALLS_PER_SEAT = 1_000_000


class SharedEngine:
    """One native engine and the seats that its callbacks belong to, told apart by the number of the call."""

    def __init__(self) -> None:
        self.native = NTgCalls()
        self._seats: list[dict[str, Callable[..., None]]] = []
        for event in ("on_signaling_data", "on_connection_change", "on_frames"):
            getattr(self.native, event)(self._dispatch(event))

    def seat(self) -> "SeatEngine":
        """Make what one voice takes for an engine of its own."""
        callbacks: dict[str, Callable[..., None]] = {}
        self._seats.append(callbacks)
        return SeatEngine(self.native, (len(self._seats) - 1) * _CALLS_PER_SEAT, callbacks)

    def _dispatch(self, event: str) -> Callable[..., None]:
        def take(call: int, *what: Any) -> None:
            seat, number = divmod(call, _CALLS_PER_SEAT)
            self._seats[seat][event](number, *what)

        return take


class SeatEngine:
    """The native engine with the calls of one seat."""

    def __init__(self, native: Any, first_call: int, callbacks: dict[str, Callable[..., None]]) -> None:
        self._native = native
        self._first_call = first_call
        self._callbacks = callbacks

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Give a method of the engine that counts calls from this seat's first, or keeps a callback."""
        if name.startswith("on_"):
            return lambda callback: self._callbacks.__setitem__(name, callback)
        method = getattr(self._native, name)
        return lambda call, *what: method(self._first_call + call, *what)


async def serve(end: socket.socket, rate_hz: int) -> None:
    """Be one employee's voice until the other end is closed."""
    reader, writer = await asyncio.open_connection(sock=end)

    def report(message: Report) -> None:
        writer.write(encode(message))

    voice = employee_voice.Voice(rate_hz, report)
    protocol = NTgCalls.get_protocol()
    report(Ready(protocol.min_layer, protocol.max_layer, tuple(protocol.library_versions)))
    while True:
        try:
            head = await reader.readexactly(4)
            body = await reader.readexactly(body_length(head))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        report(await voice.carry_out(decode(body, Asked)))


async def serve_all(rate_hz: int, descriptors: list[int]) -> None:
    """Be all voices."""
    with patch.object(employee_voice, "NTgCalls", SharedEngine().seat):
        await asyncio.gather(*(serve(socket.socket(fileno=fd), rate_hz) for fd in descriptors))


if __name__ == "__main__":
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        asyncio.run(serve_all(int(sys.argv[1]), [int(fd) for fd in sys.argv[2:]]))
    finally:
        os._exit(0)  # the library's threads do not survive an ordinary leave
