"""A relay that loses datagrams, as a bad network does: in front of a PBX, on an address of its own.

Every sender gets a socket of its own on the far side, as behind a NAT: so one relay carries SIP and RTP.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Self

from tests.peers.addresses import own_address
from tests.peers.waiting import until

_LARGEST_DATAGRAM = 65_535
_RECEIVE_BUFFER_BYTES = 1 << 20


@dataclass(slots=True)
class Toll:
    """What came to the relay in one direction, and what of it was lost."""

    taken: int = 0
    lost: int = 0


class LossyRelay:
    """Passes datagrams between whoever writes to `address` and the same port of `inner`.

    `loss` is the share that is lost in each direction: by a seeded order, so that the n-th datagram of a
    direction has the same fate in every run. Use as an async context manager.
    """

    def __init__(self, inner: str, ports: Sequence[int], *, loss: float, seed: int = 1) -> None:
        self.address = own_address()
        self.inwards, self.outwards = Toll(), Toll()
        self._inner = inner
        self._ports = ports
        self._loss = loss
        self._chances = {id(toll): Random(seed + n) for n, toll in enumerate((self.inwards, self.outwards))}
        self._open: list[socket.socket] = []
        self._ways: dict[tuple[int, tuple[str, int]], socket.socket] = {}

    async def __aenter__(self) -> Self:
        """Bind every port."""
        for port in self._ports:
            self._listen(port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every socket."""
        for end in self._open:
            asyncio.get_running_loop().remove_reader(end)
            end.close()

    async def wait_for_more(self, datagrams: int, limit_s: float = 20) -> None:
        """Wait until so many more have come from outside."""
        enough = self.inwards.taken + datagrams

        async def is_so() -> bool:
            return self.inwards.taken >= enough

        await until(is_so, limit_s)

    def _listen(self, port: int) -> None:
        outer = self._bind(port)
        self._read(outer, lambda: self._pass_inwards(outer, port))

    def _bind(self, port: int) -> socket.socket:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        end.setblocking(False)
        end.bind((self.address, port))
        return end

    def _read(self, end: socket.socket, take: Callable[[], None]) -> None:
        self._open.append(end)
        asyncio.get_running_loop().add_reader(end, take)

    def _pass_inwards(self, outer: socket.socket, port: int) -> None:
        payload, sender = outer.recvfrom(_LARGEST_DATAGRAM)
        way = self._ways.get((port, sender)) or self._open_way(outer, port, sender)
        if self._is_kept(self.inwards):
            _send(way, payload, (self._inner, port))

    def _open_way(self, outer: socket.socket, port: int, sender: tuple[str, int]) -> socket.socket:
        way = self._ways[port, sender] = self._bind(0)
        self._read(way, lambda: self._pass_outwards(way, outer, sender))
        return way

    def _pass_outwards(self, way: socket.socket, outer: socket.socket, sender: tuple[str, int]) -> None:
        payload, _ = way.recvfrom(_LARGEST_DATAGRAM)
        if self._is_kept(self.outwards):
            _send(outer, payload, sender)

    def _is_kept(self, toll: Toll) -> bool:
        is_lost = self._chances[id(toll)].random() < self._loss
        toll.taken += 1
        toll.lost += is_lost
        return not is_lost


def _send(end: socket.socket, payload: bytes, target: tuple[str, int]) -> None:
    try:
        end.sendto(payload, target)
    except OSError:
        return  # nobody listens there any more: lost like any datagram
