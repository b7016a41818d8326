"""The asyncio shell over loopback UDP and TCP: two transports call each other for real."""

import asyncio
from dataclasses import replace

import pytest

from linegram.sip.account import AccountConfig, KeepAliveMethod
from linegram.sip.events import (
    CallAnswered,
    CallConfirmed,
    CallEnded,
    EndCause,
    InviteReceived,
    RegistrationChanged,
    RegistrationState,
    SipEvent,
)
from linegram.sip.flow import TransportName
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.units import AccountId
from tests.sip.core.party import LIMIT_S, NoResolver, Party, party

OFFER = b"v=0\r\n"
ANSWER = b"v=0 answer\r\n"


def config_towards(other: Party, user: str, transport: TransportName) -> AccountConfig:
    host, port = other.transport.address
    return AccountConfig(
        AccountId(1),
        host,
        user,
        "pw",
        server_port=port,
        transport=transport,
        is_registering=False,
        keep_alive=KeepAliveMethod.OFF,
    )


@pytest.mark.parametrize("transport", [TransportName.UDP, TransportName.TCP])
async def test_a_call_goes_through_and_is_hung_up(transport: TransportName) -> None:
    async with party() as alice, party() as bob:
        alice.transport.put_account(config_towards(bob, "alice", transport))
        bob.transport.put_account(config_towards(alice, "bob", transport))
        await alice.resolved()
        await bob.resolved()
        mine = alice.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), "bob", sdp=OFFER, now=now)
        )
        invite = await bob.wait_for(InviteReceived)
        assert invite.sdp == OFFER
        bob.transport.perform(lambda endpoint, now: endpoint.answer(invite.handle, ANSWER, now))
        assert (await alice.wait_for(CallAnswered)).sdp == ANSWER
        await bob.wait_for(CallConfirmed)
        alice.transport.perform(lambda endpoint, now: endpoint.hang_up(mine, now))
        assert (await bob.wait_for(CallEnded)).cause is EndCause.REMOTE_BYE


async def test_commands_given_by_an_event_handler_are_carried_out() -> None:
    async with party() as alice, party() as bob:
        alice.transport.put_account(config_towards(bob, "alice", TransportName.UDP))
        bob.transport.put_account(config_towards(alice, "bob", TransportName.UDP))
        await alice.resolved()
        await bob.resolved()

        def refuse(event: SipEvent) -> None:
            if isinstance(event, InviteReceived):
                bob.transport.perform(lambda endpoint, now: endpoint.reject(event.handle, 486, now=now))

        bob.on_event = refuse
        alice.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), "bob", sdp=OFFER, now=now)
        )
        assert (await alice.wait_for(CallEnded)).status == 486


async def test_a_refused_connection_is_reported_at_once() -> None:
    async with party() as alice:
        silent = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        silent.close()
        await silent.wait_closed()
        alice.transport.put_account(
            AccountConfig(
                AccountId(1), "127.0.0.1", "alice", "pw", server_port=port, transport=TransportName.TCP
            )
        )
        changed = await alice.wait_for(RegistrationChanged)
        assert changed.state is RegistrationState.RETRYING
        assert changed.reason == "connection refused: nobody listens at that address and port"


async def test_an_unknown_name_is_reported() -> None:
    async with party(resolver=NoResolver()) as alice:
        alice.transport.put_account(AccountConfig(AccountId(1), "pbx.invalid", "alice", "pw"))
        changed = await alice.wait_for(RegistrationChanged)
        assert changed.reason == "DNS has no address for pbx.invalid"


async def test_a_closing_transport_waits_for_the_answers_to_its_goodbyes() -> None:
    async with party() as bob:
        async with party() as alice:
            alice.transport.put_account(config_towards(bob, "alice", TransportName.TCP))
            bob.transport.put_account(config_towards(alice, "bob", TransportName.TCP))
            await alice.resolved()
            await bob.resolved()
            alice.transport.perform(
                lambda endpoint, now: endpoint.invite(AccountId(1), "bob", sdp=OFFER, now=now)
            )
            invite = await bob.wait_for(InviteReceived)
            bob.transport.perform(lambda endpoint, now: endpoint.answer(invite.handle, ANSWER, now))
            await bob.wait_for(CallConfirmed)
        assert (await bob.wait_for(CallEnded)).cause is EndCause.REMOTE_BYE


async def test_garbage_is_ignored_on_both_transports() -> None:
    async with party() as alice, party() as bob:
        host, port = alice.transport.address
        loop = asyncio.get_running_loop()
        sender, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(host, port))
        for junk in (b"\0" * 50, b"\r\n\r\n", b"INVITE\r\n\r\n", b"\xff" * 1400):
            sender.sendto(junk)
        sender.close()
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(LIMIT_S):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        alice.transport.put_account(config_towards(bob, "alice", TransportName.UDP))
        bob.transport.put_account(config_towards(alice, "bob", TransportName.UDP))
        await alice.resolved()
        await bob.resolved()
        alice.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), "bob", sdp=OFFER, now=now)
        )
        assert (await bob.wait_for(InviteReceived)).sdp == OFFER


async def test_an_address_in_use_is_an_error() -> None:
    async with party() as alice:
        taken = TransportSettings("127.0.0.1", alice.transport.address[1])
        with pytest.raises(OSError, match="in use"):
            await SipTransport.open(taken, alice.take)


async def test_a_socket_on_every_address_names_the_one_that_the_server_sees() -> None:
    async with party("0.0.0.0") as alice, party() as bob:
        alice.transport.put_account(config_towards(bob, "alice", TransportName.UDP))
        bob.transport.put_account(
            replace(config_towards(alice, "bob", TransportName.UDP), server_host="127.0.0.1")
        )
        await alice.resolved()
        await bob.resolved()
        alice.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), "bob", sdp=OFFER, now=now)
        )
        invite = await bob.wait_for(InviteReceived)
        assert alice.transport.endpoint.local_host(AccountId(1)) == "127.0.0.1"
        bob.transport.perform(lambda endpoint, now: endpoint.reject(invite.handle, 486, now=now))
        assert (await alice.wait_for(CallEnded)).status == 486


async def test_two_accounts_share_one_connection_and_survive_its_loss() -> None:
    connections: list[asyncio.StreamWriter] = []
    requests: list[bytes] = []
    seen = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while data := await reader.read(65_536):
            requests.append(data)
            if data.count(b"REGISTER sip:"):
                seen.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with party() as alice:
        for number in (1, 2):
            alice.transport.put_account(
                AccountConfig(
                    AccountId(number),
                    "127.0.0.1",
                    f"u{number}",
                    "pw",
                    server_port=port,
                    transport=TransportName.TCP,
                )
            )
        async with asyncio.timeout(LIMIT_S):
            while b"".join(requests).count(b"REGISTER sip:") < 2:
                seen.clear()
                await seen.wait()
        assert len(connections) == 1
        connections[0].transport.abort()
        for _ in range(2):
            changed = await alice.wait_for_state(RegistrationState.RETRYING)
            assert changed.reason == "the server closed the connection"
    server.close()
    for writer in connections:
        writer.close()


async def test_a_tcp_ping_is_answered() -> None:
    async with party() as alice:
        reader, writer = await asyncio.open_connection(*alice.transport.address)
        writer.write(b"\r\n\r\n")
        async with asyncio.timeout(LIMIT_S):
            assert await reader.readexactly(2) == b"\r\n"
        writer.close()
        await writer.wait_closed()
