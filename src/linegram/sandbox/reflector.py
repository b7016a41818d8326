"""A media relay as Telegram runs them ("reflector"): both parties of a call send to it, it passes on.

A packet starts with a 16-byte tag: 12 bytes that the call's parties share, and 4 of the party meant. All
FF after that is a hello, by which the reflector learns where a party is.
"""

import asyncio
import fcntl
import socket
import struct
from types import TracebackType
from typing import Self, cast

from linegram.errors import UnavailableError

SHARED_TAG_BYTES = 12
TAG_BYTES = 16
HELLO = b"\xff" * 12
_SIOCGIFADDR = 0x8915


def outside_address() -> str:
    """Return an IPv4 address of this machine that is not loopback: WebRTC uses no other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _index, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()))
            except OSError:
                continue
            address = socket.inet_ntoa(answer[20:24])
            if not address.startswith("127."):
                return address
    raise UnavailableError("no network interface but loopback is up; Telegram's voice needs one")


class Reflector(asyncio.DatagramProtocol):
    """`async with Reflector(outside_address()) as reflector: ...`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._transport: asyncio.DatagramTransport | None = None
        self._parties: dict[bytes, dict[bytes, tuple[str, int]]] = {}
        self.port = 0
        self.passed_packets = 0

    async def __aenter__(self) -> Self:
        """Open the socket."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self._address, 0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the port that was taken."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Learn from a hello; pass everything else on to the party that its tag names."""
        if self._transport is None or len(data) < TAG_BYTES:
            return
        shared, own = data[:SHARED_TAG_BYTES], data[SHARED_TAG_BYTES:TAG_BYTES]
        if data[TAG_BYTES : TAG_BYTES + len(HELLO)] == HELLO:
            self._parties.setdefault(shared, {})[own] = addr
            self._transport.sendto(data, addr)
        elif (to := self._parties.get(shared, {}).get(own)) is not None:
            self.passed_packets += 1
            self._transport.sendto(data, to)
