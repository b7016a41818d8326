"""The resolver with a real name server on loopback: records, faults, caching, names that change."""

import asyncio
import random
import socket

import pytest

from linegram.sip.answer_cache import CacheBounds
from linegram.sip.flow import TransportName
from linegram.sip.location import Place, Wish
from linegram.sip.transport import resolver as resolver_module
from linegram.sip.transport.resolver import DnsResolver
from tests.sip.name_server import NameServer, name_server

UDP, TCP, TLS = TransportName.UDP, TransportName.TCP, TransportName.TLS
BOTH = (socket.AF_INET, socket.AF_INET6)
NO_CACHE = CacheBounds(least_s=0, most_s=0, nothing_most_s=0, failure_s=0)


def resolver(
    server: NameServer,
    families: tuple[socket.AddressFamily, ...] = (socket.AF_INET,),
    bounds: CacheBounds | None = None,
) -> DnsResolver:
    return DnsResolver(families, (server.address,), random.Random(1), bounds)


async def test_naptr_srv_and_addresses_lead_to_the_places() -> None:
    async with name_server() as dns:
        dns.put("pbx.example", "NAPTR", '10 1 "s" "SIP+D2T" "" _sip._tcp.pbx.example.')
        dns.put("_sip._tcp.pbx.example", "SRV", "10 1 5080 a.pbx.example.", "20 1 5081 b.pbx.example.")
        dns.put("a.pbx.example", "A", "192.0.2.1")
        dns.put("a.pbx.example", "AAAA", "2001:db8::1")
        dns.put("b.pbx.example", "A", "192.0.2.2")
        located = await resolver(dns, BOTH).resolve(Wish("pbx.example", None, None))
    assert located.places == (
        Place(TCP, "192.0.2.1", 5080, rank=0),
        Place(TCP, "2001:db8::1", 5080, rank=0),
        Place(TCP, "192.0.2.2", 5081, rank=1),
    )
    assert located.valid_s == 5.0


async def test_a_kind_of_ip_that_we_do_not_speak_is_not_asked_for() -> None:
    async with name_server() as dns:
        dns.put("pbx.example", "AAAA", "2001:db8::1")
        located = await resolver(dns).resolve(Wish("pbx.example", 5060))
        assert located.problem == "DNS has no address for pbx.example"
        assert ("pbx.example", "AAAA") not in dns.asked


async def test_a_name_server_that_fails_is_told_from_one_that_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolver_module, "LOOK_UP_LIMIT_S", 0.3)
    async with name_server() as dns:
        dns.failing.add("broken.example")
        dns.silent.add("silent.example")
        asking = resolver(dns)
        failed = await asking.resolve(Wish("broken.example", 5060))
        assert failed.problem == "the name server failed when asked for broken.example"
        unheard = await asking.resolve(Wish("silent.example", 5060))
        assert unheard.problem == "no name server answered when asked for silent.example"
        unknown = await asking.resolve(Wish("unknown.example", 5060))
        assert unknown.problem == "DNS has no address for unknown.example"


async def test_a_thousand_accounts_at_one_server_ask_once() -> None:
    async with name_server() as dns:
        dns.put("pbx.example", "A", "192.0.2.1", ttl=0)
        asking = resolver(dns)
        found = await asyncio.gather(*(asking.resolve(Wish("pbx.example")) for _ in range(1000)))
        assert {located.places for located in found} == {(Place(UDP, "192.0.2.1", 5060),)}
        assert dns.asked == {("_sip._udp.pbx.example", "SRV"): 1, ("pbx.example", "A"): 1}


async def test_a_name_that_changes_is_followed_when_its_time_is_over() -> None:
    async with name_server() as dns:
        dns.put("pbx.example", "A", "192.0.2.1")
        asking = resolver(dns, bounds=NO_CACHE)
        assert (await asking.resolve(Wish("pbx.example", 5060))).places[0].host == "192.0.2.1"
        dns.put("pbx.example", "A", "192.0.2.2")
        assert (await asking.resolve(Wish("pbx.example", 5060))).places[0].host == "192.0.2.2"


async def test_a_failing_name_server_does_not_take_known_addresses_away() -> None:
    async with name_server() as dns:
        dns.put("pbx.example", "A", "192.0.2.1")
        asking = resolver(dns, bounds=NO_CACHE)
        await asking.resolve(Wish("pbx.example", 5060))
        dns.failing.add("pbx.example")
        assert (await asking.resolve(Wish("pbx.example", 5060))).places[0].host == "192.0.2.1"


async def test_an_alias_is_followed() -> None:
    async with name_server() as dns:
        dns.put("pbx.example", "A", "192.0.2.1", ttl=100)
        located = await resolver(dns).resolve(Wish("PBX.example", 5060, TLS))
    assert located.places == (Place(TLS, "192.0.2.1", 5060, "PBX.example"),)
    assert located.valid_s == 100


async def test_the_hosts_file_is_believed_without_asking() -> None:
    async with name_server() as dns:
        located = await resolver(dns).resolve(Wish("localhost", 5099))
        assert located.places[0][:3] == (UDP, "127.0.0.1", 5099)
        assert not dns.asked


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "bad..example", "x" * 300, "\u2603.example"])
async def test_a_name_that_cannot_be_one_is_a_sentence_and_no_error(name: str) -> None:
    async with name_server() as dns:
        located = await resolver(dns).resolve(Wish(name, 5060))
    assert located.places == ()
    assert located.problem
