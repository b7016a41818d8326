"""The core against a real PBX: registration, calls both ways, early media, cancel, refusals, restart."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from linegram.sip.account import AccountConfig
from linegram.sip.endpoint import SipEndpoint
from linegram.sip.events import (
    CallAnswered,
    CallConfirmed,
    CallEnded,
    CallHandle,
    EndCause,
    InviteReceived,
    ProgressReceived,
    RegistrationChanged,
    RegistrationState,
)
from linegram.sip.flow import TransportName
from linegram.sip.transport.sip_transport import SipTransport
from linegram.units import AccountId
from tests.peers.asterisk import Asterisk
from tests.peers.asterisk_config import mass_accounts
from tests.peers.waiting import until
from tests.sip.core.party import LIMIT_S, Party, party

TRANSPORTS = [TransportName.UDP, TransportName.TCP]

VERSIONS = [
    pytest.param("asterisk22", marks=pytest.mark.peer("asterisk22")),
    pytest.param("asterisk16", marks=pytest.mark.peer("asterisk16")),
]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sip-asterisk")]


@pytest_asyncio.fixture(params=VERSIONS, scope="module", loop_scope="module")
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Asterisk]:
    async with Asterisk(request.param) as running:
        yield running


def config_of(
    pbx: Asterisk, user: str, transport: TransportName = TransportName.UDP, number: int = 1
) -> AccountConfig:
    return AccountConfig(
        AccountId(number),
        pbx.address,
        user,
        f"pw-{user}",
        server_port=pbx.sip_port,
        transport=transport,
        expires_s=60,
    )


def sdp(port: int) -> bytes:
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        f"m=audio {port} RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=sendrecv",
        "",
    ]
    return "\r\n".join(lines).encode()


async def registered(
    who: Party, pbx: Asterisk, user: str, transport: TransportName = TransportName.UDP
) -> None:
    who.transport.put_account(config_of(pbx, user, transport))
    changed = await who.wait_for(RegistrationChanged)
    assert (changed.state, changed.status) == (RegistrationState.REGISTERED, 200)


async def runs_echo(pbx: Asterisk) -> bool:
    return any(channel.get("Application") == "Echo" for channel in await pbx.channels())


def call(who: Party, number: str) -> CallHandle:
    return who.transport.perform(
        lambda endpoint, now: endpoint.invite(AccountId(1), number, sdp=sdp(40000), now=now)
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_account_registers_and_leaves(pbx: Asterisk, transport: TransportName) -> None:
    async with party() as us:
        await registered(us, pbx, "1002", transport)
        assert "1002" in await pbx.cli("pjsip show contacts")
        us.events.clear()
        us.transport.drop_account(AccountId(1))
        gone = await us.wait_for(RegistrationChanged)
        assert gone.state is RegistrationState.UNREGISTERED
        assert "sip:1002@" not in await pbx.cli("pjsip show contacts")


async def test_a_wrong_password_is_refused_with_its_code(pbx: Asterisk) -> None:
    async with party() as us:
        config = config_of(pbx, "1003")
        us.transport.put_account(
            AccountConfig(
                config.account_id, config.server_host, "1003", "wrong", server_port=config.server_port
            )
        )
        changed = await us.wait_for(RegistrationChanged)
        assert (changed.state, changed.status) == (RegistrationState.REFUSED, 401)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_call_to_the_echo_is_answered_and_hung_up(pbx: Asterisk, transport: TransportName) -> None:
    async with party() as us:
        await registered(us, pbx, "1001", transport)
        handle = call(us, "600")
        answered = await us.wait_for(CallAnswered)
        assert b"m=audio" in answered.sdp
        us.transport.perform(
            lambda endpoint, now: endpoint.info(handle, "application/dtmf-relay", b"Signal=1\r\n", now=now)
        )
        us.transport.perform(lambda endpoint, now: endpoint.hang_up(handle, now))
        assert (await us.wait_for(CallEnded)).cause is EndCause.LOCAL_BYE
        await pbx.wait_for_no_channels()


async def test_ringing_early_media_and_answer_come_in_order(pbx: Asterisk) -> None:
    async with party() as us:
        await registered(us, pbx, "1001")
        handle = call(us, "613")
        await us.wait_for(CallAnswered)
        progress = [event for event in us.events if isinstance(event, ProgressReceived)]
        assert [event.status for event in progress] == [180, 183]
        assert b"m=audio" in progress[1].sdp
        us.transport.perform(lambda endpoint, now: endpoint.hang_up(handle, now))
        await pbx.wait_for_no_channels()


@pytest.mark.parametrize(("number", "status"), [("605", 486), ("606", 503), ("615", 403), ("616", 404)])
async def test_a_refusal_carries_its_status(pbx: Asterisk, number: str, status: int) -> None:
    async with party() as us:
        await registered(us, pbx, "1001")
        call(us, number)
        ended = await us.wait_for(CallEnded)
        assert (ended.cause, ended.status) == (EndCause.REMOTE_REJECT, status)


async def test_a_redirection_is_reported(pbx: Asterisk) -> None:
    async with party() as us:
        await registered(us, pbx, "1001")
        call(us, "614")
        ended = await us.wait_for(CallEnded)
        assert ended.status == 302
        assert "600@" in ended.contacts[0]


async def test_a_ringing_call_is_cancelled(pbx: Asterisk) -> None:
    async with party() as us:
        await registered(us, pbx, "1001")
        handle = call(us, "607")
        await us.wait_for(ProgressReceived)
        us.transport.perform(lambda endpoint, now: endpoint.hang_up(handle, now))
        ended = await us.wait_for(CallEnded)
        assert (ended.cause, ended.status) == (EndCause.LOCAL_CANCEL, 487)
        await pbx.wait_for_no_channels()


async def test_the_pbx_hangs_up(pbx: Asterisk) -> None:
    async with party() as us:
        await registered(us, pbx, "1001")
        call(us, "608")
        ended = await us.wait_for(CallEnded)
        assert ended.cause is EndCause.REMOTE_BYE


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_incoming_call_is_answered_and_ended_by_the_pbx(
    pbx: Asterisk, transport: TransportName
) -> None:
    async with party() as us:
        await registered(us, pbx, "1004", transport)
        channel = await pbx.originate("1004", "600", "4930")
        invite = await us.wait_for(InviteReceived)
        assert invite.caller.number == "4930"
        us.transport.perform(lambda endpoint, now: endpoint.ring(invite.handle, now))
        us.transport.perform(lambda endpoint, now: endpoint.answer(invite.handle, sdp(40002), now))
        await us.wait_for(CallConfirmed)
        await until(lambda: runs_echo(pbx), LIMIT_S)  # a hang-up before that may get lost in the PBX
        await pbx.hang_up(channel)
        assert (await us.wait_for(CallEnded)).cause is EndCause.REMOTE_BYE


async def test_an_incoming_call_is_refused(pbx: Asterisk) -> None:
    async with party() as us:
        await registered(us, pbx, "1005")
        await pbx.originate("1005", "600")
        invite = await us.wait_for(InviteReceived)
        us.transport.perform(lambda endpoint, now: endpoint.reject(invite.handle, 486, now=now))
        assert (await us.wait_for(CallEnded)).cause is EndCause.LOCAL_REJECT
        await pbx.wait_for_no_channels()


async def test_an_incoming_call_is_withdrawn_by_the_caller(pbx: Asterisk) -> None:
    async with party() as us:
        await registered(us, pbx, "1006")
        channel = await pbx.originate("1006", "600")
        invite = await us.wait_for(InviteReceived)
        us.transport.perform(lambda endpoint, now: endpoint.ring(invite.handle, now))
        await pbx.hang_up(channel)
        assert (await us.wait_for(CallEnded)).cause is EndCause.REMOTE_CANCEL


async def test_two_of_our_accounts_call_each_other_through_the_pbx(pbx: Asterisk) -> None:
    async with party() as us:
        us.transport.put_account(config_of(pbx, "1007", number=1))
        us.transport.put_account(config_of(pbx, "1008", number=2))
        async with asyncio.timeout(LIMIT_S):
            while len([e for e in us.events if isinstance(e, RegistrationChanged)]) < 2:
                await us.next_event()
        handle = call(us, "1008")
        invite = await us.wait_for(InviteReceived)
        assert invite.account_id == AccountId(2)
        us.transport.perform(lambda endpoint, now: endpoint.answer(invite.handle, sdp(40004), now))
        await us.wait_for(CallAnswered)
        await us.wait_for(CallConfirmed)
        us.transport.perform(lambda endpoint, now: endpoint.hang_up(handle, now))
        async with asyncio.timeout(LIMIT_S):
            while len([e for e in us.events if isinstance(e, CallEnded)]) < 2:
                await us.next_event()
        await pbx.wait_for_no_channels()


async def test_a_call_left_by_a_killed_process_is_ended_by_its_exported_dialog(pbx: Asterisk) -> None:
    async with party() as dead, party() as fresh:
        await registered(dead, pbx, "1009")
        handle = call(dead, "600")
        await dead.wait_for(CallAnswered)
        exported = dead.transport.endpoint.export_dialog(handle)
        assert exported is not None

        def end(endpoint: SipEndpoint, now: float) -> None:
            endpoint.end_exported(exported, config_of(pbx, "1009"), now)

        fresh.transport.perform(end)
        await pbx.wait_for_no_channels()


@pytest.mark.slow
@pytest.mark.peer("asterisk22")
async def test_a_thousand_accounts_register_on_one_socket() -> None:
    async with Asterisk("asterisk22", mass_accounts(1000)) as pbx, party() as us:
        for number in range(1000):
            us.transport.put_account(config_of(pbx, f"m{number:04d}", number=number + 1))
        states: dict[AccountId, RegistrationState] = {}
        async with asyncio.timeout(60):
            while len(states) < 1000 or set(states.values()) != {RegistrationState.REGISTERED}:
                event = await us.next_event()
                if isinstance(event, RegistrationChanged):
                    states[event.account_id] = event.state


class Loss:
    """Drops one in ten datagrams of a transport, both ways."""

    def __init__(self, transport: SipTransport, *, seed: int) -> None:
        self._random = random.Random(seed)
        self.dropped = 0
        (udp,) = transport._udp._sockets.values()
        send, receive = udp.send, udp._on_datagram

        def lossy_send(data: bytes, host: str, port: int) -> None:
            if self._is_kept():
                send(data, host, port)

        def lossy_receive(data: bytes, host: str, port: int) -> None:
            if self._is_kept():
                receive(data, host, port)

        udp.send = lossy_send  # type: ignore[method-assign]
        udp._on_datagram = lossy_receive

    def _is_kept(self) -> bool:
        is_kept = self._random.random() >= 0.1
        self.dropped += not is_kept
        return is_kept


@pytest.mark.slow
@pytest.mark.peer("asterisk22")
async def test_a_hundred_accounts_and_twenty_calls_are_fine_at_ten_percent_loss() -> None:
    async with Asterisk("asterisk22", mass_accounts(100)) as pbx, party() as us:
        loss = Loss(us.transport, seed=5)
        for number in range(100):
            us.transport.put_account(config_of(pbx, f"m{number:04d}", number=number + 1))
        bound: set[AccountId] = set()
        while len(bound) < 100:
            bound.add((await us.wait_for_state(RegistrationState.REGISTERED)).account_id)

        def dial(endpoint: SipEndpoint, now: float) -> set[CallHandle]:
            return {
                endpoint.invite(AccountId(n), "600", sdp=sdp(40000 + 2 * n), now=now) for n in range(1, 21)
            }

        handles = us.transport.perform(dial)
        while handles != {event.handle for event in us.events if isinstance(event, CallAnswered)}:
            await us.next_event()
        for handle in handles:
            us.transport.perform(lambda endpoint, now, it=handle: endpoint.hang_up(it, now))  # type: ignore[misc]
        assert {e.handle for e in us.events if isinstance(e, CallEnded)} == handles
        await pbx.wait_for_no_channels(40)
        assert loss.dropped > 30


@pytest.mark.slow
@pytest.mark.peer("asterisk22")
async def test_a_restarted_pbx_is_found_again() -> None:
    async with Asterisk("asterisk22") as pbx, party() as us:
        await registered(us, pbx, "1001", TransportName.TCP)
        us.events.clear()
        await pbx.kill()
        await pbx.start()
        changed = await us.wait_for_state(RegistrationState.REGISTERED)
        assert changed.status == 200
