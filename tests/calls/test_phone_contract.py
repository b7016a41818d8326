"""One suite for both phones: the double, and the calling account's over the sandbox Telegram."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from telethon.tl import types

from linegram.calls.ports import (
    DiscardReason,
    PhoneAnswered,
    PhoneCallArrived,
    PhoneEnded,
    PhoneRinging,
    PhoneSignalled,
    TelegramPhone,
)
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_clock import settle
from linegram.sandbox.doubles_phone import PhoneDouble
from linegram.sandbox.employee import Employee
from linegram.sandbox.mtproto import SandboxTelegram
from linegram.telegram.sign_in import SignIn
from linegram.units import LegId, TelegramUserId
from tests.telegram.office import DECLINE, LEG, OTHER_LEG, HandPhone, Heard, MemoryStore, Office, settings_for


class Play(ABC):
    """A phone, what it said, and an employee at the other end."""

    phone: TelegramPhone
    heard: Heard
    employee: TelegramUserId

    async def is_called(self) -> None:
        """Call the employee, and wait until his device rings."""
        self.phone.request(LEG, self.employee)
        await self.ring()
        await self.heard.event(PhoneRinging, LEG)

    async def talks(self) -> None:
        """Bring a call up."""
        await self.is_called()
        await self.answer()
        await self.heard.event(PhoneAnswered, LEG)

    def kinds(self, leg_id: LegId = LEG) -> list[type]:
        """What was said of a leg, without what has no fixed place: when Telegram knew the call."""
        told = (PhoneRinging, PhoneAnswered, PhoneSignalled, PhoneEnded, PhoneCallArrived)
        return [
            type(event) for event in self.heard.phone if event.leg_id == leg_id and isinstance(event, told)
        ]

    @abstractmethod
    async def ring(self) -> None: ...

    @abstractmethod
    async def answer(self) -> None: ...

    @abstractmethod
    async def decline(self) -> None: ...

    @abstractmethod
    async def call(self) -> None: ...

    @abstractmethod
    async def confirm(self) -> None: ...

    @abstractmethod
    async def signal(self, payload: bytes) -> None: ...


class DoublePlay(Play):
    """The double, worked by hand."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.phone = self.double = PhoneDouble(self.heard.take_phone, self._soon)
        self.employee = TelegramUserId(7)
        self.leg_id = LEG

    @staticmethod
    def _soon(news: Any) -> None:
        asyncio.get_running_loop().call_soon(news)

    async def ring(self) -> None:
        self.double.ring(LEG)

    async def answer(self) -> None:
        self.double.answer(LEG)

    async def decline(self) -> None:
        self.double.finish(LEG, EndReason.DECLINED)

    async def call(self) -> None:
        self.leg_id = self.double.call(self.employee)

    async def confirm(self) -> None:
        self.double.answer(self.leg_id)

    async def signal(self, payload: bytes) -> None:
        self.double.receive_signal(self.leg_id, payload)


class RealPlay(Play):
    """The calling account in a sandbox, and Anna at a real Telethon client."""

    def __init__(self, office: Office, device: Employee, phone: TelegramPhone) -> None:
        self.heard = office.heard
        self.phone = phone
        self.employee = office.anna_id
        self._office = office
        self._device = device
        self._anna = HandPhone(device)
        self._peer: Any = None

    async def ring(self) -> None:
        self._peer = await self._anna.rings()

    async def answer(self) -> None:
        await self._anna.answers(self._peer)

    async def decline(self) -> None:
        await self._anna.hangs_up(self._peer, DECLINE)

    async def call(self) -> None:
        self._peer = await self._anna.calls(await self._device.peer(self._office.caller))

    async def confirm(self) -> None:
        await self._anna.confirms(self._peer, await self._anna.sees(types.PhoneCallAccepted))

    async def signal(self, payload: bytes) -> None:
        await self._anna.signals_out(self._peer, payload)


async def real_play(stack: AsyncExitStack) -> Play:
    telegram = await stack.enter_async_context(SandboxTelegram())
    people = telegram.world.people
    office = Office(
        telegram,
        people.add_person("Office calls", phone="79990000001"),
        people.add_person("Anna", phone="79990000002", username="anna"),
        people.add_person("Boris", phone="79990000003"),
        people.add_bot("Linegram", username="linegram_bot"),
        settings_for(telegram),
        MemoryStore(),
    )
    async with SignIn(office.settings, office.store) as sign_in:
        await sign_in.request_code("+79990000001")
        await sign_in.enter_code(office.world.sign_in.code_for("79990000001"))
    account = office.account()
    await account.start()
    stack.push_async_callback(account.stop)
    office.writes(office.anna, "hello")
    await office.heard.until(lambda: office.heard.texts or None)
    device = await stack.enter_async_context(office.at_device(office.anna))
    return RealPlay(office, device, account.phone)


@pytest.fixture(params=["double", "real"])
async def play(request: pytest.FixtureRequest) -> AsyncIterator[Play]:
    async with AsyncExitStack() as stack:
        yield DoublePlay() if request.param == "double" else await real_play(stack)


async def test_a_call_rings_and_is_answered_and_nothing_is_told_from_inside_a_method(play: Play) -> None:
    play.phone.request(LEG, play.employee)
    assert play.kinds() == []
    await play.ring()
    await play.heard.event(PhoneRinging, LEG)
    await play.answer()
    await play.heard.event(PhoneAnswered, LEG)
    assert play.kinds() == [PhoneRinging, PhoneAnswered]


async def test_a_declined_call_ends_once(play: Play) -> None:
    await play.is_called()
    await play.decline()
    assert (await play.heard.end(LEG)).reason is EndReason.DECLINED
    play.phone.end(LEG, DiscardReason.HANG_UP)
    await settle()
    assert play.kinds() == [PhoneRinging, PhoneEnded]


async def test_an_end_before_the_answer_cancels_and_may_be_repeated(play: Play) -> None:
    await play.is_called()
    play.phone.end(LEG, DiscardReason.MISSED)
    play.phone.end(LEG, DiscardReason.MISSED)
    assert (await play.heard.end(LEG)).reason is EndReason.CANCELLED


async def test_an_end_in_the_same_breath_as_the_request_is_an_end(play: Play) -> None:
    play.phone.request(LEG, play.employee)
    play.phone.end(LEG, DiscardReason.HANG_UP)
    assert (await play.heard.end(LEG)).reason is EndReason.CANCELLED


async def test_a_talk_that_we_end_is_completed(play: Play) -> None:
    await play.talks()
    play.phone.end(LEG, DiscardReason.HANG_UP)
    assert (await play.heard.end(LEG)).reason is EndReason.COMPLETED


async def test_a_talk_whose_voice_failed_is_lost(play: Play) -> None:
    await play.talks()
    play.phone.end(LEG, DiscardReason.DISCONNECT)
    assert (await play.heard.end(LEG)).reason is EndReason.VOICE_LOST


async def test_signals_come_in_their_order_after_the_answer(play: Play) -> None:
    await play.talks()
    for payload in (b"1", b"2", b"3"):
        await play.signal(payload)
    await play.heard.until(lambda: len(play.kinds()) == 5 or None)
    signals = [event.payload for event in play.heard.phone if isinstance(event, PhoneSignalled)]
    assert signals == [b"1", b"2", b"3"]


async def test_an_employees_call_waits_is_accepted_and_answered(play: Play) -> None:
    await play.call()
    arrived = await play.heard.event(PhoneCallArrived)
    assert arrived.user_id == play.employee
    play.phone.accept(arrived.leg_id)
    await settle()
    await play.confirm()
    await play.heard.event(PhoneAnswered, arrived.leg_id)
    assert play.kinds(arrived.leg_id) == [PhoneCallArrived, PhoneAnswered]


async def test_an_employees_call_can_be_declined(play: Play) -> None:
    await play.call()
    arrived = await play.heard.event(PhoneCallArrived)
    play.phone.end(arrived.leg_id, DiscardReason.BUSY)
    assert (await play.heard.end(arrived.leg_id)).reason is EndReason.BUSY


async def test_what_is_asked_of_legs_that_never_were_is_ignored(play: Play) -> None:
    play.phone.accept(OTHER_LEG)
    play.phone.end(OTHER_LEG, DiscardReason.HANG_UP)
    play.phone.signal(OTHER_LEG, b"x")
    await settle()
    assert play.kinds(OTHER_LEG) == []
