"""A media relay as Telegram runs them ("reflector"): both parties of a call send to it, it passes on.

A packet starts with a 16-byte tag: 12 bytes that the call's parties share, and 4 of the party meant. By a
hello the reflector learns where a party is. UDP and TCP are served at one port.
"""

import asyncio
import fcntl
import socket
import struct
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, cast

from linegram.errors import UnavailableError
from linegram.sandbox.reflector_parties import LONGEST_PACKET_BYTES, Parties, Passed, Tags
from linegram.sandbox.world.calls import Relay

_GREETING: Final = b"\xee" * 4
_Place = tuple[str, int] | asyncio.StreamWriter
_LENGTH: Final = struct.Struct("<I")
_MOST_WAITING_BYTES: Final = 64 << 10
_MOST_TRIES: Final = 20
_SIOCGIFADDR: Final = 0x8915


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


def _any_call(_shared: bytes) -> bool:
    return True


class Reflector(asyncio.DatagramProtocol):
    """`async with Reflector(outside_address()) as reflector: ...`.

    `passed` and `refused` count packets by the transport that they came by: "udp" or "tcp".
    """

    def __init__(
        self, address: str, *, tags: Tags = Tags.SAME, admits: Callable[[bytes], bool] = _any_call
    ) -> None:
        """Prepare; `admits` says whether a call has these bytes in its tag (the second to the twelfth)."""
        self.port = 0
        self.passed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._address = address
        self._tags = tags
        self._parties: Parties[_Place] = Parties(tags, admits)
        self._datagrams: asyncio.DatagramTransport | None = None
        self._streams: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        """Open both sockets at one port."""
        for _ in range(_MOST_TRIES):
            await self._open_datagrams()
            try:
                self._streams = await asyncio.start_server(self._serve, self._address, self.port)
            except OSError:
                self._close_datagrams()
                continue
            return self
        raise UnavailableError("no port is free for both UDP and TCP")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all sockets, as a relay that dies does."""
        self._close_datagrams()
        for writer in list(self._writers):
            writer.transport.abort()
        if self._streams is not None:
            self._streams.close()
            await self._streams.wait_closed()

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._address

    @property
    def passed_packets(self) -> int:
        """Packets passed on, by whichever transport."""
        return self.passed.total()

    def relay(self, *, is_tcp: bool = False) -> Relay:
        """Give what the parties of a call are told of this reflector."""
        is_ipv6 = ":" in self._address
        return Relay(
            "" if is_ipv6 else self._address,
            self.port,
            ipv6=self._address if is_ipv6 else "",
            is_reflector=True,
            is_tcp=is_tcp,
            has_role_tags=self._tags is Tags.BY_ROLE,
        )

    # -- UDP

    async def _open_datagrams(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self._address, 0))

    def _close_datagrams(self) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
            self._datagrams = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the port that was taken."""
        self._datagrams = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a packet that came by UDP."""
        self._take(data, addr, "udp")

    # -- TCP

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the packets of a connection until it ends or breaks the rules."""
        self._writers.add(writer)
        try:
            if await reader.readexactly(len(_GREETING)) == _GREETING:
                await self._take_frames(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            self._parties.forget(writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _take_frames(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            if length > LONGEST_PACKET_BYTES:
                return
            self._take(await reader.readexactly(length), writer, "tcp")

    # -- both

    def _take(self, packet: bytes, place: _Place, transport: str) -> None:
        found = self._parties.take(packet, place, is_stream=transport == "tcp")
        if not isinstance(found, Passed):
            self.refused[transport] += 1
            return
        if found.to is not place and found.to != place:
            self.passed[transport] += 1
        self._send(found)

    def _send(self, passed: Passed[_Place]) -> None:
        if isinstance(passed.to, asyncio.StreamWriter):
            if passed.to.transport.get_write_buffer_size() < _MOST_WAITING_BYTES:
                passed.to.write(_LENGTH.pack(len(passed.packet)) + passed.packet)
        elif self._datagrams is not None:
            self._datagrams.sendto(passed.packet, passed.to)
