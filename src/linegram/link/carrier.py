"""How link messages are carried inside one process.

Every message crosses as bytes even here, so that nothing but plain data can:
what works over this carrier works over a wire.
"""

import asyncio
from collections.abc import Callable

import msgspec

from linegram.link.commands import Command
from linegram.link.events import Event, Numbered

_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_events: msgspec.msgpack.Decoder[Numbered] = msgspec.msgpack.Decoder(Numbered)


class MemoryLink:
    """Carries commands to a worker and its events back, in order, each in a turn of the loop of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._take_command: Callable[[Command], None] | None = None
        self._take_event: Callable[[Event], None] | None = None
        self._number = 0

    def connect_worker(self, take_command: Callable[[Command], None]) -> None:
        """Let the worker's end take commands."""
        self._take_command = take_command

    def connect_hub(self, take_event: Callable[[Event], None]) -> None:
        """Let the hub's end take events."""
        self._take_event = take_event

    def send(self, command: Command) -> None:
        """Carry a command to the worker; never blocks."""
        self._loop.call_soon(self._deliver_command, _encoder.encode(command))

    def report(self, event: Event) -> None:
        """Number an event and carry it to the hub; never blocks."""
        self._number += 1
        self._loop.call_soon(self._deliver_event, _encoder.encode(Numbered(self._number, event)))

    def _deliver_command(self, packed: bytes) -> None:
        if self._take_command is not None:
            self._take_command(_commands.decode(packed))

    def _deliver_event(self, packed: bytes) -> None:
        if self._take_event is not None:
            self._take_event(_events.decode(packed).event)
