"""The calling account and an employee on a real ntgcalls telephone: signalling, keys and voice together."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection

import msgspec
import numpy as np
import pytest

from linegram.calls.ports import (
    DiscardReason,
    PhoneAnswered,
    PhoneCallArrived,
    PhoneEvent,
    PhoneRinging,
    PhoneSignalled,
)
from linegram.link.voice import VoiceParameters
from linegram.outcomes import EndReason
from linegram.sandbox.employee_phone import CallStage, EmployeePhone
from linegram.telegram.account import CallingAccount
from linegram.units import LegId
from tests.telegram.office import Heard, Office
from tests.voice.leg_process import Report, Task, run
from tests.voice.tone_check import tone_faults

pytestmark = pytest.mark.slow

LEG = LegId("leg-1")
OUR_TONE_HZ, ANNAS_TONE_HZ = 440, 700
SAMPLE_HZ = 16_000


class OurVoice:
    """Our own voice engine in a process of its own, its signalling carried by the calling account."""

    def __init__(
        self, account: CallingAccount, heard: Heard, leg_id: LegId, parameters: VoiceParameters
    ) -> None:
        self._account = account
        self._heard = heard
        self._leg_id = leg_id
        self._passed = 0
        context = multiprocessing.get_context("spawn")
        self._signals, far_end = context.Pipe()
        self._reports, report_to = context.Pipe()
        task = Task(parameters, SAMPLE_HZ, OUR_TONE_HZ, talk_s=2.5)
        self._process = context.Process(target=run, args=(task, far_end, report_to))
        self._process.start()
        far_end.close()
        report_to.close()

    async def talk(self) -> Report:
        """Carry signalling both ways until our side has talked for long enough; returns what it heard."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._signals.fileno(), self._carry_out)
        carrying = asyncio.create_task(self._carry_in())
        try:
            raw = await asyncio.to_thread(_next_report, self._reports)
        finally:
            loop.remove_reader(self._signals.fileno())
            carrying.cancel()
        await asyncio.to_thread(self._leave)
        return msgspec.msgpack.decode(raw, type=Report)

    def _carry_out(self) -> None:
        while self._signals.poll():
            self._account.phone.signal(self._leg_id, self._signals.recv_bytes())

    async def _carry_in(self) -> None:
        while True:
            self._signals.send_bytes(await self._heard.until(self._next_signal, within_s=60))

    def _next_signal(self) -> bytes | None:
        signals = [e for e in self._heard.phone if isinstance(e, PhoneSignalled) and e.leg_id == self._leg_id]
        if len(signals) == self._passed:
            return None
        self._passed += 1
        return signals[self._passed - 1].payload

    def _leave(self) -> None:
        self._reports.send_bytes(b"empty your pipe")
        self._reports.recv_bytes()
        self._reports.send_bytes(b"leave")
        self._process.join(10)
        for end in (self._reports, self._signals):
            end.close()


def _next_report(reports: Connection) -> bytes:
    assert reports.poll(40)
    return reports.recv_bytes()


@pytest.fixture
async def anna(office: Office, account: CallingAccount) -> AsyncIterator[EmployeePhone]:
    """Anna at her device, with a telephone that says a tone."""
    async with AsyncExitStack() as stack:
        device = await stack.enter_async_context(office.at_device(office.anna))
        phone = await stack.enter_async_context(EmployeePhone(device))
        await phone.voice.play_tone(ANNAS_TONE_HZ)
        yield phone


async def both_hear(
    account: CallingAccount, heard: Heard, leg_id: LegId, anna: EmployeePhone, answered: PhoneAnswered
) -> None:
    ours = OurVoice(account, heard, leg_id, answered.parameters)
    report, _ = await asyncio.gather(ours.talk(), anna.voice.wait_until_hears(OUR_TONE_HZ))
    samples = np.frombuffer(report.heard, np.int16)
    assert tone_faults(samples[-SAMPLE_HZ:], ANNAS_TONE_HZ, SAMPLE_HZ) == []


async def test_an_employee_answers_and_both_hear_each_other(
    office: Office, account: CallingAccount, heard: Heard, anna: EmployeePhone
) -> None:
    account.phone.request(LEG, office.anna_id)
    call = await anna.wait_for_ring()
    await heard.event(PhoneRinging, LEG)
    answering = asyncio.create_task(call.answer(timeout_s=40))
    await both_hear(account, heard, LEG, anna, await heard.event(PhoneAnswered, LEG))
    await answering
    account.phone.end(LEG, DiscardReason.HANG_UP)
    assert (await heard.end(LEG)).reason is EndReason.COMPLETED
    assert await call.wait_until_over() == "hangup"
    assert call.duration_s is not None
    assert call.duration_s >= 2


async def test_an_employee_calls_and_both_hear_each_other(
    office: Office, account: CallingAccount, heard: Heard, anna: EmployeePhone
) -> None:
    call = await anna.dial(office.caller)
    arrived = await heard.event(PhoneCallArrived)
    await call.wait_for(CallStage.RINGING)
    account.phone.accept(arrived.leg_id)
    answered = await heard.event(PhoneAnswered, arrived.leg_id)
    await both_hear(account, heard, arrived.leg_id, anna, answered)
    await call.hang_up()
    assert (await heard.end(arrived.leg_id)).reason is EndReason.COMPLETED


async def test_a_press_on_decline_is_declined(
    office: Office, account: CallingAccount, heard: Heard, anna: EmployeePhone
) -> None:
    account.phone.request(LEG, office.anna_id)
    call = await anna.wait_for_ring()
    await heard.event(PhoneRinging, LEG)
    await call.decline()
    assert (await heard.end(LEG)).reason is EndReason.DECLINED


async def test_an_employee_who_talks_to_somebody_else_is_busy(
    office: Office, account: CallingAccount, heard: Heard, anna: EmployeePhone
) -> None:
    async with office.at_device(office.boris):
        await anna.dial(office.boris)
        account.phone.request(LEG, office.anna_id)
        assert (await heard.end(LEG)).reason is EndReason.BUSY


async def test_a_call_that_we_give_up_stops_ringing(
    office: Office, account: CallingAccount, heard: Heard, anna: EmployeePhone
) -> None:
    account.phone.request(LEG, office.anna_id)
    call = await anna.wait_for_ring()
    await heard.event(PhoneRinging, LEG)
    account.phone.end(LEG, DiscardReason.MISSED)
    assert await call.wait_until_over() == "missed"
    events: list[PhoneEvent] = heard.phone
    assert not [event for event in events if isinstance(event, PhoneAnswered)]
