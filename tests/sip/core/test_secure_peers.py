"""TLS and IPv6 against real programs: Asterisk, Kamailio and baresip."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from linegram.sip.account import AccountConfig
from linegram.sip.endpoint import SipEndpoint
from linegram.sip.events import (
    CallAnswered,
    CallConfirmed,
    CallEnded,
    EndCause,
    InviteReceived,
    RegistrationChanged,
    RegistrationState,
)
from linegram.sip.flow import TransportName
from linegram.sip.tls_terms import TlsTerms
from linegram.units import AccountId
from tests.peers.addresses import free_port
from tests.peers.asterisk import Asterisk
from tests.peers.baresip import Baresip, Line
from tests.peers.certificates import Authority
from tests.peers.kamailio import Kamailio
from tests.sip.core.party import Party, party
from tests.sip.core.test_against_asterisk import sdp

TLS_PORT = 5061

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sip-secure")]

PEERS = [
    pytest.param("asterisk22", marks=pytest.mark.peer("asterisk22")),
    pytest.param("kamailio", marks=pytest.mark.peer("kamailio")),
]


def new_peer(name: str, **options: object) -> Asterisk | Kamailio:
    kind = Kamailio if name == "kamailio" else Asterisk
    return kind(**options)  # type: ignore[arg-type]


@pytest_asyncio.fixture(params=PEERS, scope="module", loop_scope="module")
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Asterisk | Kamailio]:
    async with new_peer(request.param, tls_names=(), ip6_port=free_port("::1")) as running:
        yield running


def config_of(peer: Asterisk | Kamailio, user: str, terms: TlsTerms | None = None) -> AccountConfig:
    return AccountConfig(
        AccountId(int(user)),
        peer.address,
        user,
        f"pw-{user}",
        server_port=TLS_PORT,
        expires_s=60,
        transport=TransportName.TLS,
        tls=terms or TlsTerms(peer.tls.ca_file),
    )


async def registered(us: Party, *configs: AccountConfig) -> None:
    for config in configs:
        us.transport.put_account(config)
        changed = await us.wait_for_state(RegistrationState.REGISTERED)
        assert changed.status == 200


async def talks_and_hangs_up(us: Party, caller: str, callee: str) -> None:
    """One account of ours calls another through the peer; both directions of the dialog are used."""
    handle = us.transport.perform(
        lambda endpoint, now: endpoint.invite(AccountId(int(caller)), callee, sdp=sdp(40000), now=now)
    )
    invite = await us.wait_for(InviteReceived)
    assert invite.account_id == AccountId(int(callee))
    us.transport.perform(lambda endpoint, now: endpoint.answer(invite.handle, sdp(40002), now))
    assert (await us.wait_for(CallAnswered)).handle == handle
    await us.wait_for(CallConfirmed)
    us.transport.perform(lambda endpoint, now: endpoint.hang_up(invite.handle, now))
    ended: dict[int, EndCause] = {}
    while len(ended) < 2:
        event = await us.next_event()
        if isinstance(event, CallEnded):
            ended[event.handle] = event.cause
    assert ended == {handle: EndCause.REMOTE_BYE, invite.handle: EndCause.LOCAL_BYE}


async def test_a_call_goes_out_and_comes_in_over_tls(peer: Asterisk | Kamailio) -> None:
    async with party() as us:
        await registered(us, config_of(peer, "1001"), config_of(peer, "1002"))
        await talks_and_hangs_up(us, "1001", "1002")


@pytest.mark.parametrize("transport", [TransportName.UDP, TransportName.TCP])
async def test_a_call_goes_out_and_comes_in_over_ipv6(
    peer: Asterisk | Kamailio, transport: TransportName
) -> None:
    async with party("::1") as us:
        configs = [
            replace(
                config_of(peer, user), server_host="[::1]", server_port=peer.ip6_port, transport=transport
            )
            for user in ("1003", "1004")
        ]
        await registered(us, *configs)
        await talks_and_hangs_up(us, "1003", "1004")


async def test_a_real_server_with_an_unknown_ca_is_refused(peer: Asterisk | Kamailio) -> None:
    async with party() as us:
        us.transport.put_account(config_of(peer, "1005", TlsTerms(server_name="x")))
        changed = await us.wait_for(RegistrationChanged)
    assert changed.state is RegistrationState.RETRYING
    assert changed.reason == "the server's certificate comes from an unknown CA: name that CA's file"


async def test_a_real_server_with_a_wrong_name_is_refused(peer: Asterisk | Kamailio) -> None:
    async with party() as us:
        terms = TlsTerms(peer.tls.ca_file, server_name="pbx.example")
        us.transport.put_account(config_of(peer, "1005", terms))
        changed = await us.wait_for(RegistrationChanged)
    assert changed.reason == "the server's certificate is not for pbx.example"


async def test_a_real_server_is_known_by_its_fingerprint_alone(peer: Asterisk | Kamailio) -> None:
    pin = peer.tls.certificate.fingerprint
    async with party() as us:
        await registered(us, config_of(peer, "1005", TlsTerms(fingerprint=pin)))
    async with party() as us:
        us.transport.put_account(config_of(peer, "1005", TlsTerms(fingerprint="00" * 32)))
        changed = await us.wait_for(RegistrationChanged)
    assert changed.reason.startswith("the server's certificate is not the pinned one")


async def test_the_plain_port_of_a_real_server_is_told_from_its_tls_port(peer: Asterisk | Kamailio) -> None:
    async with party() as us:
        us.transport.put_account(replace(config_of(peer, "1005"), server_port=5060))
        changed = await us.wait_for(RegistrationChanged)
    assert changed.reason.endswith(("is it a TLS port?", "the server closed the connection"))


@pytest.mark.parametrize("name", PEERS)
async def test_a_server_that_wants_a_client_certificate_gets_ours(name: str) -> None:
    async with new_peer(name, tls_names=(), wants_client_certificate=True) as peer, party() as us:
        ours = peer.tls.authority.sign("linegram.example")
        terms = TlsTerms(peer.tls.ca_file, str(ours.certificate_file), str(ours.key_file))
        bare = replace(config_of(peer, "1007"), tls=TlsTerms(peer.tls.ca_file))
        us.transport.put_account(bare)
        refused = await us.wait_for_state(RegistrationState.RETRYING)
        assert "client certificate" in refused.reason
        await registered(us, config_of(peer, "1006", terms))


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("transport", [TransportName.TCP, TransportName.TLS])
async def test_a_server_that_restarts_is_registered_at_again(name: str, transport: TransportName) -> None:
    async with new_peer(name, tls_names=()) as peer, party() as us:
        port = TLS_PORT if transport is TransportName.TLS else 5060
        await registered(us, replace(config_of(peer, "1006"), transport=transport, server_port=port))
        await peer.kill()
        refused = "connection refused: nobody listens at that address and port"
        # A dying server may still accept a connection and close it.
        while (await us.wait_for_state(RegistrationState.RETRYING)).reason != refused:
            pass
        await peer.start()
        assert (await us.wait_for_state(RegistrationState.REGISTERED)).status == 200


@pytest.mark.peer("baresip")
async def test_a_telephone_is_called_directly_over_tls() -> None:
    async with Baresip(has_tls=True) as phone, party() as us:
        config = AccountConfig(
            AccountId(1),
            phone.address,
            "us",
            "",
            server_port=phone.sip_port + 1,
            transport=TransportName.TLS,
            tls=TlsTerms(phone.tls.ca_file),
            is_registering=False,
        )
        us.transport.put_account(config)
        await us.resolved()
        handle = us.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), phone.line.name, sdp=sdp(40000), now=now)
        )
        await us.wait_for(CallAnswered)
        us.transport.perform(lambda endpoint, now: endpoint.hang_up(handle, now))
        closed = await phone.wait_for("CALL_CLOSED")
        assert closed["type"] == "CALL_CLOSED"
        assert (await us.wait_for(CallEnded)).cause is EndCause.LOCAL_BYE


@pytest.mark.peer("baresip")
async def test_a_telephone_whose_certificate_is_not_trusted_is_not_called() -> None:
    async with Baresip(has_tls=True) as phone, party() as us:
        other = Authority(phone.folder, "other CA")
        config = AccountConfig(
            AccountId(1),
            phone.address,
            "us",
            "",
            server_port=phone.sip_port + 1,
            transport=TransportName.TLS,
            tls=TlsTerms(str(other.ca_file)),
            is_registering=False,
        )
        us.transport.put_account(config)
        await us.resolved()
        us.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), phone.line.name, sdp=sdp(40000), now=now)
        )
        ended = await us.wait_for(CallEnded)
        assert ended.cause is EndCause.UNREACHABLE
        assert ended.reason == "the server's certificate comes from an unknown CA: name that CA's file"


@pytest.mark.peer("asterisk22")
@pytest.mark.peer("baresip")
async def test_a_telephone_and_we_call_each_other_through_a_pbx_over_tls() -> None:
    async with Asterisk(tls_names=()) as pbx, party() as us:
        line = Line("1008", registrar=f"{pbx.address}:{TLS_PORT}", transport="tls", ca_file=pbx.tls.ca_file)
        await registered(us, config_of(pbx, "1001"))
        async with Baresip(line) as phone:
            handle = us.transport.perform(
                lambda endpoint, now: endpoint.invite(AccountId(1001), "1008", sdp=sdp(40000), now=now)
            )
            await us.wait_for(CallAnswered)
            us.transport.perform(lambda endpoint, now: endpoint.hang_up(handle, now))
            await phone.wait_for("CALL_CLOSED")
            await phone.dial(f"sip:1001@{pbx.address}:{TLS_PORT};transport=tls")
            invite = await us.wait_for(InviteReceived)

            def take(endpoint: SipEndpoint, now: float) -> None:
                endpoint.answer(invite.handle, sdp(40002), now)

            us.transport.perform(take)
            await us.wait_for(CallConfirmed)
            await phone.hang_up()
            while not any(
                isinstance(event, CallEnded) and event.handle == invite.handle for event in us.events
            ):
                await us.next_event()
