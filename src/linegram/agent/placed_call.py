"""What a media host has been told of one call, so that another host can be told it again."""

import asyncio
from collections.abc import Iterator
from typing import Final

from linegram.agent.host_process import HostProcess
from linegram.link.commands import ConnectAudio, PlayTone
from linegram.media.control import ConnectPbxLeg, HostCommand, OpenPbxLeg
from linegram.units import CallId, LegId

_REMEMBERED_CALLS: Final = 4096


class EndedCalls:
    """Remembers calls for as long as something about them may still be on its way."""

    def __init__(self) -> None:
        self._ended: dict[CallId, None] = {}

    def note(self, call_id: CallId) -> None:
        """A call has ended."""
        self._ended[call_id] = None
        if len(self._ended) > _REMEMBERED_CALLS:
            del self._ended[next(iter(self._ended))]

    def __contains__(self, call_id: CallId) -> bool:
        return call_id in self._ended


class PlacedCall:
    """A call, the host that carries it, and its PBX legs with their ports."""

    def __init__(self, call_id: CallId, host: HostProcess) -> None:
        self.call_id = call_id
        self.host = host
        self.left: HostProcess | None = None
        """The host that the call comes from while it moves; stays if the move fails."""
        self.lock = asyncio.Lock()
        """Held while ports are opened or the call moves: ports are opened in one host only."""
        self._openings: dict[LegId, OpenPbxLeg] = {}
        self._agreements: dict[LegId, ConnectPbxLeg] = {}
        self._sound: ConnectAudio | PlayTone | None = None

    @property
    def openings(self) -> tuple[OpenPbxLeg, ...]:
        """What opened the PBX legs that are open."""
        return tuple(self._openings.values())

    def note_open(self, command: OpenPbxLeg) -> None:
        """A PBX leg has been opened."""
        self._openings[command.leg_id] = command

    def forget_leg(self, leg_id: LegId) -> None:
        """A PBX leg has been closed."""
        self._openings.pop(leg_id, None)
        self._agreements.pop(leg_id, None)

    def send(self, command: HostCommand) -> None:
        """Tell the host, and remember what a host that takes over must be told too."""
        match command:
            case ConnectPbxLeg(leg_id):
                self._agreements[leg_id] = command
            case ConnectAudio() | PlayTone():
                self._sound = command
        self.host.send(command)

    def to_repeat(self) -> Iterator[HostCommand]:
        """Give what a host that has opened the legs must be told besides."""
        yield from self._agreements.values()
        if self._sound is not None:
            yield self._sound
