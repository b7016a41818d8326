"""The core against sipp: a foreign caller and a foreign callee, many calls at once, over UDP and TCP."""

import pytest

from linegram.sip.account import AccountConfig, KeepAliveMethod
from linegram.sip.events import CallAnswered, CallEnded, CallHandle, EndCause, InviteReceived, SipEvent
from linegram.sip.flow import TransportName
from linegram.units import AccountId
from tests.peers.addresses import own_address
from tests.peers.sipp import Sipp
from tests.sip.core.party import Party, party

pytestmark = pytest.mark.peer("sipp")

CALLS = 60
OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
)


def account(host: str, port: int, transport: TransportName = TransportName.UDP) -> AccountConfig:
    return AccountConfig(
        AccountId(1),
        host,
        "service",
        "pw",
        server_port=port,
        transport=transport,
        is_registering=False,
        keep_alive=KeepAliveMethod.OFF,
    )


def ended_handles(who: Party) -> set[CallHandle]:
    return {event.handle for event in who.events if isinstance(event, CallEnded)}


@pytest.mark.parametrize("transport", [TransportName.UDP, TransportName.TCP])
async def test_sixty_calls_of_a_foreign_caller_are_answered_and_ended(transport: TransportName) -> None:
    async with party() as us:
        host, port = us.transport.address
        sipp = Sipp(
            "uac",
            f"{host}:{port}",
            transport=transport.value,
            address=own_address(),
            calls=CALLS,
            arguments=("-r", "30", "-d", "200"),
        )
        us.transport.put_account(account(sipp.address, 5060, transport))

        def answer(event: SipEvent) -> None:
            if isinstance(event, InviteReceived):
                us.transport.perform(lambda endpoint, now: endpoint.ring(event.handle, now))
                us.transport.perform(lambda endpoint, now: endpoint.answer(event.handle, OFFER, now))

        us.on_event = answer
        async with sipp:
            result = await sipp.result()
        assert result.exit_status == 0, result.errors
        causes = [event.cause for event in us.events if isinstance(event, CallEnded)]
        assert causes == [EndCause.REMOTE_BYE] * CALLS


async def test_sixty_calls_to_a_foreign_callee_are_answered_and_ended() -> None:
    async with party() as us, Sipp("uas", calls=CALLS) as sipp:
        us.transport.put_account(account(sipp.address, sipp.port))

        def hang_up(event: SipEvent) -> None:
            if isinstance(event, CallAnswered):
                us.transport.perform(lambda endpoint, now: endpoint.hang_up(event.handle, now))

        us.on_event = hang_up
        await us.resolved()
        for _ in range(CALLS):
            us.transport.perform(
                lambda endpoint, now: endpoint.invite(AccountId(1), "600", sdp=OFFER, now=now)
            )
        while len(ended_handles(us)) < CALLS:
            await us.next_event()
        result = await sipp.result()
        assert result.exit_status == 0, result.errors
