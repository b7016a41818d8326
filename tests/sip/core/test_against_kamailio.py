"""The core against Kamailio: SHA-256, 423, short-lived nonces, shared Call-IDs."""

import asyncio

import pytest

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
    ReofferAnswered,
    ReofferReceived,
)
from linegram.sip.flow import TransportName
from linegram.units import AccountId
from tests.peers.kamailio import Kamailio
from tests.peers.kamailio_config import Policy
from tests.sip.core.party import LIMIT_S, Party, party

pytestmark = pytest.mark.peer("kamailio")


def config_of(
    proxy: Kamailio, user: str, *, number: int = 1, expires_s: int = 600, transport: str = "udp"
) -> AccountConfig:
    return AccountConfig(
        AccountId(number),
        proxy.address,
        user,
        f"pw-{user}",
        server_port=proxy.sip_port,
        expires_s=expires_s,
        transport=TransportName(transport),
    )


async def two_registered(us: Party, proxy: Kamailio, transport: str) -> None:
    us.transport.put_account(config_of(proxy, "1001", number=1, transport=transport))
    us.transport.put_account(config_of(proxy, "1002", number=2, transport=transport))
    for _ in range(2):
        changed = await us.wait_for_state(RegistrationState.REGISTERED)
        assert changed.status == 200


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_an_account_registers_with_either_digest(algorithm: str) -> None:
    async with Kamailio(Policy(algorithm=algorithm)) as proxy, party() as us:
        us.transport.put_account(config_of(proxy, "1001"))
        changed = await us.wait_for(RegistrationChanged)
        assert (changed.state, changed.expires_s) == (RegistrationState.REGISTERED, 600)


async def test_a_registrar_that_wants_longer_bindings_gets_them() -> None:
    async with Kamailio(Policy(min_expires_s=90)) as proxy, party() as us:
        us.transport.put_account(config_of(proxy, "1001", expires_s=30))
        changed = await us.wait_for(RegistrationChanged)
        assert (changed.state, changed.expires_s) == (RegistrationState.REGISTERED, 90)


async def test_nonces_that_serve_once_do_not_disturb() -> None:
    async with Kamailio(Policy(one_time_nonce=True)) as proxy, party() as us:
        us.transport.put_account(config_of(proxy, "1001"))
        await us.wait_for_state(RegistrationState.REGISTERED)
        us.transport.drop_account(AccountId(1))
        gone = await us.wait_for_state(RegistrationState.UNREGISTERED)
        assert gone.status == 200


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_two_accounts_of_one_socket_talk_through_a_record_routing_proxy(
    kamailio: Kamailio, transport: str
) -> None:
    """Both halves share the Call-ID: only the tags tell them apart."""
    async with party() as us:
        await two_registered(us, kamailio, transport)
        handle = us.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), "1002", sdp=b"v=0\r\n", now=now)
        )
        invite = await us.wait_for(InviteReceived)
        assert invite.account_id == AccountId(2)
        us.transport.perform(lambda endpoint, now: endpoint.ring(invite.handle, now))
        us.transport.perform(lambda endpoint, now: endpoint.answer(invite.handle, b"v=0 b\r\n", now))
        assert (await us.wait_for(CallAnswered)).handle == handle
        await us.wait_for(CallConfirmed)
        assert us.transport.perform(lambda endpoint, now: endpoint.reoffer(handle, b"v=0 c\r\n", now))
        reoffer = await us.wait_for(ReofferReceived)
        assert (reoffer.handle, reoffer.sdp) == (invite.handle, b"v=0 c\r\n")

        def take(endpoint: SipEndpoint, now: float) -> None:
            endpoint.answer_reoffer(invite.handle, b"v=0 d\r\n", now)

        us.transport.perform(take)
        assert (await us.wait_for(ReofferAnswered)).sdp == b"v=0 d\r\n"
        us.transport.perform(lambda endpoint, now: endpoint.hang_up(invite.handle, now))
        ended: dict[int, EndCause] = {}
        async with asyncio.timeout(LIMIT_S):
            while len(ended) < 2:
                event = await us.next_event()
                if isinstance(event, CallEnded):
                    ended[event.handle] = event.cause
        assert ended == {handle: EndCause.REMOTE_BYE, invite.handle: EndCause.LOCAL_BYE}
