"""What a real PBX does with transfers, reliable ringing and session timers of ours, and we with its own."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

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
    ReferEnded,
    ReferProgressed,
    ReferReceived,
    RegistrationChanged,
    ReofferReceived,
    SipEvent,
)
from linegram.units import AccountId
from tests.peers.asterisk import Asterisk
from tests.peers.waiting import until
from tests.sip.core.party import LIMIT_S, Party, transport_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

A_SESSION_S = 90
"""What extension 1021 asks for; nobody may ask for less."""


def sdp(port: int) -> bytes:
    lines = (
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        f"m=audio {port} RTP/AVP 8",
    )
    return "\r\n".join((*lines, "a=rtpmap:8 PCMA/8000", "a=sendrecv", "")).encode()


class Phone(Party):
    """One account of ours at the PBX, with the commands of a person; changes of media are agreed to."""

    def __init__(self) -> None:
        super().__init__()
        self.on_event = self._agree

    def _agree(self, event: SipEvent) -> None:
        if isinstance(event, ReofferReceived):
            self.do(lambda endpoint, now: endpoint.answer_reoffer(event.handle, sdp(40006), now))

    async def register(self, pbx: Asterisk, user: str) -> None:
        config = AccountConfig(
            AccountId(1), pbx.address, user, f"pw-{user}", server_port=pbx.sip_port, expires_s=60
        )
        self.transport.put_account(config)
        assert (await self.wait_for(RegistrationChanged)).status == 200

    def do(self, command: Callable[[SipEndpoint, float], object]) -> object:
        return self.transport.perform(command)

    def call(self, number: str) -> CallHandle:
        return self.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), number, sdp=sdp(40000), now=now)
        )

    async def answer(self) -> CallHandle:
        handle = (await self.wait_for(InviteReceived)).handle
        self.do(lambda endpoint, now: endpoint.answer(handle, sdp(40002), now))
        await self.wait_for(CallConfirmed)
        return handle

    def hang_up(self, handle: CallHandle) -> None:
        self.do(lambda endpoint, now: endpoint.hang_up(handle, now))

    def has_ended(self, handle: CallHandle) -> bool:
        return any(isinstance(event, CallEnded) and event.handle == handle for event in self.events)


def phone() -> AbstractAsyncContextManager[Phone]:
    return transport_of(Phone())


async def are_joined(pbx: Asterisk, *users: str) -> bool:
    """Whether these accounts, and nobody else, are in one bridge."""
    bridges: dict[str, set[str]] = {}
    for channel in await pbx.channels():
        name = channel["Channel"].split("/")[1].split("-")[0]
        bridges.setdefault(channel.get("BridgeId", ""), set()).add(name)
    bridges.pop("", None)
    return set(users) in bridges.values()


async def until_joined(pbx: Asterisk, *users: str) -> None:
    """Wait for a bridge; a REFER before it is refused by the PBX."""
    await until(lambda: are_joined(pbx, *users), LIMIT_S)


async def test_a_blind_transfer_joins_the_other_two(asterisk22: Asterisk) -> None:
    async with phone() as anna, phone() as boris, phone() as clara:
        for who, user in ((anna, "1001"), (boris, "1002"), (clara, "1003")):
            await who.register(asterisk22, user)
        mine = anna.call("1002")
        theirs = await boris.answer()
        await until_joined(asterisk22, "1001", "1002")
        assert anna.do(lambda endpoint, now: endpoint.refer(mine, "1003", now))
        await anna.wait_for(ReferProgressed)
        third = await clara.answer()
        ended = await anna.wait_for(ReferEnded)
        assert (ended.handle, ended.status, ended.is_accepted) == (mine, 200, True)
        anna.hang_up(mine)
        await until_joined(asterisk22, "1002", "1003")
        assert not boris.has_ended(theirs)
        clara.hang_up(third)
        await boris.wait_for(CallEnded)
        await asterisk22.wait_for_no_channels()


async def test_an_attended_transfer_joins_two_calls(asterisk22: Asterisk) -> None:
    async with phone() as anna, phone() as boris, phone() as clara:
        for who, user in ((anna, "1004"), (boris, "1005"), (clara, "1006")):
            await who.register(asterisk22, user)
        first = anna.call("1005")
        theirs = await boris.answer()
        await anna.wait_for(CallAnswered)
        second = anna.call("1006")
        await clara.answer()
        await until_joined(asterisk22, "1004", "1005")
        await until_joined(asterisk22, "1004", "1006")
        assert anna.do(lambda endpoint, now: endpoint.refer_to_call(first, second, now))
        ended = await anna.wait_for(ReferEnded)
        assert (ended.status, ended.is_accepted) == (200, True)
        await until_joined(asterisk22, "1005", "1006")
        for handle in (first, second):
            anna.hang_up(handle)
        boris.hang_up(theirs)
        await clara.wait_for(CallEnded)
        await asterisk22.wait_for_no_channels()


async def answered(who: Phone, handle: CallHandle) -> bool:
    return any(isinstance(event, CallAnswered) and event.handle == handle for event in who.events)


async def test_a_transfer_before_there_is_anybody_to_move_is_refused_and_the_call_stays(
    asterisk22: Asterisk,
) -> None:
    async with phone() as anna:
        await anna.register(asterisk22, "1007")
        mine = anna.call("600")
        await anna.wait_for(CallAnswered)
        anna.do(lambda endpoint, now: endpoint.refer_to_call(mine, mine, now))
        ended = await anna.wait_for(ReferEnded)
        assert ended.status >= 400
        assert not anna.has_ended(mine)
        anna.hang_up(mine)
        await asterisk22.wait_for_no_channels()


async def test_the_pbx_sends_us_elsewhere(asterisk22: Asterisk) -> None:
    async with phone() as anna:
        await anna.register(asterisk22, "1009")
        mine = anna.call("618")
        asked = await anna.wait_for(ReferReceived)
        assert (asked.handle, asked.target.user) == (mine, "600")
        anna.do(lambda endpoint, now: endpoint.accept_refer(mine, now))
        elsewhere = anna.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), asked.target, sdp=sdp(40004), now=now)
        )
        await until(lambda: answered(anna, elsewhere), LIMIT_S)
        anna.do(lambda endpoint, now: endpoint.report_refer(mine, 200, now=now))
        ended = await anna.wait_for(CallEnded)
        assert (ended.handle, ended.cause) == (mine, EndCause.REMOTE_BYE)
        anna.hang_up(elsewhere)
        await asterisk22.wait_for_no_channels()


async def test_a_pbx_that_insists_on_reliable_ringing_is_served_both_ways(asterisk22: Asterisk) -> None:
    async with phone() as anna:
        await anna.register(asterisk22, "1020")
        mine = anna.call("613")
        await anna.wait_for(CallAnswered)
        assert [e.status for e in anna.events if isinstance(e, ProgressReceived)] == [180, 183]
        anna.hang_up(mine)
        await asterisk22.wait_for_no_channels()
        anna.events.clear()
        channel = await asterisk22.originate("1020", "600")
        handle = (await anna.wait_for(InviteReceived)).handle
        anna.do(lambda endpoint, now: endpoint.ring(handle, now))
        await anna.answer()
        await asterisk22.hang_up(channel)
        assert (await anna.wait_for(CallEnded)).cause is EndCause.REMOTE_BYE


async def test_calls_with_a_session_timer_outlive_it(asterisk22: Asterisk) -> None:
    async with phone() as anna:
        await anna.register(asterisk22, "1021")
        mine = anna.call("600")
        await anna.wait_for(CallAnswered)
        await asterisk22.originate("1021", "600")
        theirs = await anna.answer()
        begun = anna.transport._loop.time()

        async def has_outlived() -> bool:
            return anna.transport._loop.time() > begun + A_SESSION_S

        await until(has_outlived, A_SESSION_S + 10)
        assert not anna.has_ended(mine)
        assert not anna.has_ended(theirs)
        assert len(await asterisk22.channels()) == 2
        for handle in (mine, theirs):
            anna.hang_up(handle)
        await asterisk22.wait_for_no_channels()
