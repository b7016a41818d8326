"""Who may speak to us: strangers are turned away unread, cost little, and can hold nothing for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from linegram.sip.account import AccountConfig, KeepAliveMethod
from linegram.sip.doorman import Doorman
from linegram.sip.events import InviteReceived
from linegram.sip.flow import TransportName
from linegram.sip.transport.connections import ConnectionLimits
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.sip.trust import TrustBook
from linegram.units import AccountId
from tests.peers.waiting import until
from tests.sip.core.party import LIMIT_S, Party
from tests.sip.core.test_transport import config_towards

STRANGER = "127.0.0.66"
SCAN = (
    b"OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK-77\r\n"
    b"User-Agent: friendly-scanner\r\nFrom: <sip:100@1.1.1.1>;tag=1\r\nTo: <sip:100@1.1.1.1>\r\n"
    b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


def doorman() -> Doorman:
    return Doorman({"192.0.2.1"}.__contains__, {"c0ffee"}.__contains__, {"z9hG4bKabc1"}.__contains__)


@pytest.mark.parametrize(
    ("data", "host", "is_admitted"),
    [
        (SCAN, STRANGER, False),
        (SCAN, "192.0.2.1", True),
        (b"INVITE sip:u1@10.0.0.1:5060;line=c0ffee SIP/2.0\r\n", STRANGER, True),
        (b"\r\n\r\nINVITE sip:u1@10.0.0.1;transport=tcp;line=c0ffee;x=1 SIP/2.0\r\n", STRANGER, True),
        (b"INVITE sip:u1@10.0.0.1;line=guess SIP/2.0\r\n", STRANGER, False),
        (b"INVITE sip:u1@10.0.0.1 SIP/2.0\r\nX: <sip:u1@10.0.0.1;line=c0ffee>\r\n", STRANGER, False),
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKabc1\r\n", STRANGER, True),
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;rport;Branch = z9hG4bKabc1\r\n", STRANGER, True),
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKabc2\r\n", STRANGER, False),
        (b"\xff" * 2000, STRANGER, False),
        (b"", STRANGER, False),
    ],
)
def test_who_is_let_in(data: bytes, host: str, is_admitted: bool) -> None:
    door = doorman()
    assert door.admits(data, host) is is_admitted
    assert door.refused == (not is_admitted)


def test_trust_is_counted_for_each_account_and_ends_with_it() -> None:
    book = TrustBook(["198.51.100.0/24"])
    one, two = AccountId(1), AccountId(2)
    book.set(one, ["192.0.2.1", "203.0.113.0/25", "pbx.example", "[2001:DB8::1]"])
    book.set(two, ["192.0.2.1"])
    assert all(map(book.is_trusted, ("192.0.2.1", "203.0.113.9", "198.51.100.3", "2001:db8::1")))
    assert not any(map(book.is_trusted, ("192.0.2.2", "203.0.113.200", "pbx.example")))
    assert book.trusts(one, "203.0.113.9")
    assert not book.trusts(two, "203.0.113.9")
    book.forget(one)
    assert book.is_trusted("192.0.2.1")
    assert not book.is_trusted("203.0.113.9")
    book.set(two, ["192.0.2.7"])
    assert not book.is_trusted("192.0.2.1")


@asynccontextmanager
async def limited(limits: ConnectionLimits) -> AsyncIterator[Party]:
    here = Party()
    here.transport = await SipTransport.open(TransportSettings("127.0.0.1", 0, limits=limits), here.take)
    try:
        yield here
    finally:
        await here.transport.close(limit_s=0.5)


async def closed_by_peer(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(LIMIT_S):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def connect(party: Party, host: str = STRANGER) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*party.transport.address, local_addr=(host, 0))


async def test_a_scanner_gets_no_answer_and_one_line_of_log_however_often_it_asks() -> None:
    async with limited(ConnectionLimits()) as us:
        loop = asyncio.get_running_loop()
        heard: asyncio.Queue[bytes] = asyncio.Queue()

        class Scanner(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                heard.put_nowait(data)

        scanner, _ = await loop.create_datagram_endpoint(
            Scanner, local_addr=(STRANGER, 0), remote_addr=us.transport.address
        )
        with capture_logs() as logs:
            for _ in range(200):
                scanner.sendto(SCAN)

            async def all_refused() -> bool:
                return us.transport.endpoint.refused == 200

            await until(all_refused, LIMIT_S)
        scanner.close()
        assert heard.empty()
        assert [entry["event"] for entry in logs] == ["sip_strangers_refused"]
        assert us.transport.endpoint.census().transactions == 0


async def test_a_stranger_on_a_connection_is_cut_off_at_its_first_message() -> None:
    async with limited(ConnectionLimits(message_s=60)) as us:
        reader, writer = await connect(us)
        writer.write(SCAN)
        assert await closed_by_peer(reader)
        writer.close()
        assert us.transport.endpoint.refused == 1


@pytest.mark.parametrize("said", [b"", b"INVITE sip:u1@10.0.0.1 SIP/2.0\r\nVia: "])
async def test_a_connection_that_says_nothing_whole_in_time_is_closed(said: bytes) -> None:
    async with limited(ConnectionLimits(message_s=0.2, sweep_s=0.05)) as us:
        reader, writer = await connect(us)
        writer.write(said)
        assert await closed_by_peer(reader)
        writer.close()


async def test_dripping_bytes_do_not_keep_a_connection() -> None:
    async with limited(ConnectionLimits(message_s=0.3, sweep_s=0.05)) as us:
        reader, writer = await connect(us)

        async def drip() -> None:
            writer.write(b"INVITE sip:u1@10.0.0.1 SIP/2.0\r\n")
            while True:
                writer.write(b"X: y\r\n")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert await closed_by_peer(reader)
        dripping.cancel()
        writer.close()


async def test_a_message_that_comes_in_pieces_leaves_no_grudge() -> None:
    """What was late once and is complete does not count against the connection any more."""
    async with limited(ConnectionLimits(message_s=0.3, sweep_s=0.05)) as us:
        config = AccountConfig(AccountId(1), "192.0.2.1", "u1", "pw", is_registering=False, token="t0ken")
        us.transport.put_account(config)
        reader, writer = await connect(us)
        options = SCAN.replace(b"sip:100@192.0.2.1 SIP", b"sip:u1@192.0.2.1;line=t0ken SIP", 1)
        writer.write(options[:60])
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(options[60:])
        async with asyncio.timeout(LIMIT_S):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
            await asyncio.sleep(0.6)
            writer.write(options.replace(b"z9hG4bK-77", b"z9hG4bK-78"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
        writer.close()


async def test_the_calls_of_an_account_that_was_dropped_can_still_be_ended_by_anybody() -> None:
    async with limited(ConnectionLimits()) as us:
        config = AccountConfig(AccountId(1), "192.0.2.1", "u1", "pw", is_registering=False, token="t0ken")
        us.transport.put_account(config)
        us.transport.drop_account(AccountId(1))
        bye = b"BYE sip:u1@10.0.0.1;line=t0ken SIP/2.0\r\n"
        assert us.transport.endpoint.admits(bye, STRANGER)
        assert not us.transport.endpoint.admits(bye.replace(b"t0ken", b"guess"), "192.0.2.1")


async def test_one_host_gets_only_so_many_connections_and_all_hosts_together_too() -> None:
    async with limited(ConnectionLimits(accepted=4, accepted_per_host=3, message_s=60)) as us:
        first = [await connect(us) for _ in range(3)]
        fourth, writer = await connect(us)
        assert await closed_by_peer(fourth)
        others = [await connect(us, "127.0.0.67")]
        fifth, another = await connect(us, "127.0.0.68")
        assert await closed_by_peer(fifth)
        for _, each in (*first, *others, (fourth, writer), (fifth, another)):
            each.close()


async def test_a_place_is_free_again_when_a_connection_ends() -> None:
    async with limited(ConnectionLimits(accepted=1)) as us:
        for _ in range(3):
            reader, writer = await connect(us)
            writer.write(SCAN)
            assert await closed_by_peer(reader)
            writer.close()

            async def is_free() -> bool:
                return us.transport._streams._hosts.total() == 0

            await until(is_free, LIMIT_S)
        assert us.transport.endpoint.refused == 3


@pytest.mark.parametrize("transport", [TransportName.UDP, TransportName.TCP])
async def test_another_node_of_a_hosted_pbx_may_call_from_a_trusted_network(
    transport: TransportName,
) -> None:
    """No token, and not the address that we registered at: only the trusted network tells."""
    async with limited(ConnectionLimits()) as us, limited(ConnectionLimits()) as node:
        config = config_towards(us, "caller", transport)
        node.transport.put_account(config)
        await node.resolved()
        ours = AccountConfig(
            AccountId(1),
            "192.0.2.1",
            "100",
            "pw",
            is_registering=False,
            keep_alive=KeepAliveMethod.OFF,
            trusted_hosts=("127.0.0.0/8",),
        )
        us.transport.put_account(ours)
        node.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), "100", sdp=b"v=0\r\n", now=now)
        )
        assert (await us.wait_for(InviteReceived)).account_id == AccountId(1)
        us.transport.put_account(replace(ours, trusted_hosts=()))
        before = us.transport.endpoint.refused
        node.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), "100", sdp=b"v=0\r\n", now=now)
        )

        async def is_refused() -> bool:
            return us.transport.endpoint.refused > before

        await until(is_refused, LIMIT_S)
