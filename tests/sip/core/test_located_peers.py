"""Real servers found by DNS: two Kamailios behind one name, one of which dies; Asterisk by NAPTR."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from linegram.sip.account import AccountConfig
from linegram.sip.context import EndpointConfig
from linegram.sip.events import CallAnswered, CallEnded, RegistrationChanged, RegistrationState
from linegram.sip.flow import TransportName
from linegram.sip.tls_terms import TlsTerms
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.units import AccountId
from tests.peers.asterisk import Asterisk
from tests.peers.kamailio import Kamailio
from tests.peers.waiting import until
from tests.sip.core.party import LIMIT_S, Party
from tests.sip.core.test_against_asterisk import sdp
from tests.sip.name_server import NameServer, name_server

DOMAIN = "pbx.example"
SRV_NAMES = {
    TransportName.UDP: f"_sip._udp.{DOMAIN}",
    TransportName.TCP: f"_sip._tcp.{DOMAIN}",
    TransportName.TLS: f"_sips._tcp.{DOMAIN}",
}


@dataclass
class Pair:
    """Two proxies of one name: the second is only for when the first is dead."""

    best: Kamailio
    spare: Kamailio
    dns: NameServer
    us: Party


@asynccontextmanager
async def located_party(dns: NameServer) -> AsyncIterator[Party]:
    """Run a transport that asks this name server and forgives a failure after two seconds."""
    us = Party()
    endpoint = EndpointConfig(local_places={}, silence_s=1.0, rest_s=2.0, retry_first_s=1.0)
    settings = TransportSettings("127.0.0.1", 0, endpoint=endpoint, dns_servers=(dns.address,))
    us.transport = await SipTransport.open(settings, us.take)
    try:
        yield us
    finally:
        await us.transport.close(limit_s=0.5)


@asynccontextmanager
async def pair(transport: TransportName) -> AsyncIterator[Pair]:
    is_tls = transport is TransportName.TLS
    async with AsyncExitStack() as stack:
        best, spare = [
            await stack.enter_async_context(Kamailio(tls_names=(DOMAIN,) if is_tls else None))
            for _ in range(2)
        ]
        dns = await stack.enter_async_context(name_server())
        port = 5061 if is_tls else 5060
        dns.put(SRV_NAMES[transport], "SRV", f"10 1 {port} a.{DOMAIN}.", f"20 1 {port} b.{DOMAIN}.", ttl=60)
        dns.put(f"a.{DOMAIN}", "A", best.address)
        dns.put(f"b.{DOMAIN}", "A", spare.address)
        yield Pair(best, spare, dns, await stack.enter_async_context(located_party(dns)))


def config(transport: TransportName | None, terms: TlsTerms | None = None) -> AccountConfig:
    return AccountConfig(
        AccountId(1), DOMAIN, "1001", "pw-1001", transport=transport, tls=terms or TlsTerms(), expires_s=60
    )


async def is_bound(proxy: Kamailio) -> bool:
    return bool((await proxy.bindings()).get("1001"))


def renew(us: Party) -> None:
    us.transport.perform(lambda endpoint, now: endpoint.renew_registration(AccountId(1), now))


@pytest.mark.peer("kamailio")
@pytest.mark.parametrize("transport", [TransportName.UDP, TransportName.TCP])
async def test_an_account_moves_to_the_living_one_of_two_servers_and_back(transport: TransportName) -> None:
    async with pair(transport) as two:
        two.us.transport.put_account(config(transport))
        await two.us.wait_for_state(RegistrationState.REGISTERED)
        assert await is_bound(two.best)
        assert not await is_bound(two.spare)

        await two.best.kill()
        renew(two.us)

        async def has_moved() -> bool:
            return await is_bound(two.spare)

        await until(has_moved, LIMIT_S)
        await two.best.start()

        async def is_back() -> bool:
            renew(two.us)
            return await is_bound(two.best)

        await until(is_back, LIMIT_S)
        states = {event.state for event in two.us.events if isinstance(event, RegistrationChanged)}
        assert states == {RegistrationState.REGISTERED}


@pytest.mark.peer("kamailio")
async def test_the_first_server_is_dead_from_the_start_and_the_certificate_is_the_domains() -> None:
    async with pair(TransportName.TLS) as two:
        await two.best.kill()
        two.us.transport.put_account(config(TransportName.TLS, TlsTerms(two.spare.tls.ca_file)))
        await two.us.wait_for_state(RegistrationState.REGISTERED)
        assert await is_bound(two.spare)


@pytest.mark.peer("kamailio")
async def test_a_server_whose_certificate_is_wrong_is_passed_over_and_never_called_in_clear() -> None:
    async with pair(TransportName.TLS) as two:
        two.dns.put(SRV_NAMES[TransportName.UDP], "SRV", f"10 1 5060 a.{DOMAIN}.", ttl=60)
        two.us.transport.put_account(config(None, TlsTerms(two.spare.tls.ca_file)))
        await two.us.wait_for_state(RegistrationState.REGISTERED)
        assert await is_bound(two.spare)
        assert not await is_bound(two.best)


@pytest.mark.peer("kamailio")
async def test_a_call_takes_the_living_one_of_two_servers() -> None:
    async with pair(TransportName.UDP) as two:
        us = two.us
        us.transport.put_account(config(TransportName.UDP))
        await us.wait_for_state(RegistrationState.REGISTERED)
        await two.best.kill()
        us.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), "nobody", sdp=sdp(40000), now=now)
        )
        ended = await us.wait_for(CallEnded)
        assert (ended.status, ended.reason) == (404, "Not Found")

        async def has_moved() -> bool:
            return await is_bound(two.spare)

        await until(has_moved, LIMIT_S)


@pytest.mark.peer("asterisk22")
async def test_dns_alone_tells_how_and_where_to_reach_a_pbx() -> None:
    async with Asterisk(tls_names=(DOMAIN,)) as pbx, name_server() as dns, located_party(dns) as us:
        dns.put(
            DOMAIN,
            "NAPTR",
            f'20 1 "s" "SIP+D2U" "" _sip._udp.{DOMAIN}.',
            f'10 1 "s" "SIPS+D2T" "" _sips._tcp.{DOMAIN}.',
        )
        dns.put(f"_sips._tcp.{DOMAIN}", "SRV", f"1 1 5061 a.{DOMAIN}.")
        dns.put(f"_sip._udp.{DOMAIN}", "SRV", f"1 1 5060 a.{DOMAIN}.")
        dns.put(f"a.{DOMAIN}", "A", pbx.address)
        us.transport.put_account(config(None, TlsTerms(pbx.tls.ca_file)))
        await us.wait_for_state(RegistrationState.REGISTERED)
        contacts = await pbx.cli("pjsip show contacts")
        assert "1001" in contacts
        assert "transport=tls" in contacts.lower()
        us.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), "600", sdp=sdp(40000), now=now)
        )
        await us.wait_for(CallAnswered)
