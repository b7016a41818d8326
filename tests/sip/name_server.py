"""A real DNS server on loopback: NAPTR, SRV, A and AAAA from a zone that may change, and faults."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

_SOA = "ns.example. admin.example. 1 3600 600 86400 1"


class NameServer(asyncio.DatagramProtocol):
    """Answers from `zone`. Names in `failing` get SERVFAIL, those in `silent` nothing."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], tuple[int, list[str]]] = {}
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        self.asked: Counter[tuple[str, str]] = Counter()
        self._transport: asyncio.DatagramTransport

    @property
    def address(self) -> str:
        """How `dns_servers` names this server."""
        host, port = self._transport.get_extra_info("sockname")
        return f"{host}:{port}"

    def put(self, name: str, record_type: str, *lines: str, ttl: int = 1) -> None:
        """Replace the records of a name."""
        self.zone[name, record_type] = (ttl, list(lines))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a query."""
        query = dns.message.from_wire(data)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        record_type = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, record_type] += 1
        if name not in self.silent:
            self._transport.sendto(self._answer(query, name, record_type).to_wire(), addr)

    def _answer(self, query: dns.message.Message, name: str, record_type: str) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        ttl, lines = self.zone.get((name, record_type), (1, []))
        if name in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif lines:
            answer.answer.append(dns.rrset.from_text(f"{name}.", ttl, "IN", record_type, *lines))
        else:
            is_known = any(known == name or known.endswith(f".{name}") for known, _ in self.zone)
            answer.set_rcode(dns.rcode.NOERROR if is_known else dns.rcode.NXDOMAIN)
            answer.authority.append(dns.rrset.from_text("example.", 1, "IN", "SOA", _SOA))
        return answer


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """Run a name server for the length of a test."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
