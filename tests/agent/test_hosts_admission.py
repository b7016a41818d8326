"""When a media host takes no more calls: the rule in made-up time, and a real host that is made slow."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.agent.admission import Admission, AdmissionSettings
from linegram.agent.hosts import HostDied
from linegram.errors import UnavailableError
from linegram.media.control import MediaSilent
from tests.agent.rtp_phone import until
from tests.agent.two_offices import Office, call, pbx_leg, pool_settings

LIMITS = AdmissionSettings(most_late_ms=40, most_cpu_percent=85)
FINE, BETWEEN, LATE = (5.0, 30.0), (30.0, 30.0), (41.0, 30.0)
BUSY, BETWEEN_BUSY = (5.0, 86.0), (5.0, 80.0)


def opened_after(*beats: tuple[float, float]) -> list[bool]:
    """What the door was after each beat, one a second."""
    admission, seen = Admission(LIMITS), []
    for second, (late_ms, cpu_percent) in enumerate(beats):
        admission.note(late_ms, cpu_percent, float(second))
        seen.append(admission.is_open)
    return seen


def test_a_host_takes_calls_until_its_ticks_are_late_or_its_core_is_used_up() -> None:
    assert opened_after(FINE, BETWEEN, BETWEEN_BUSY) == [True, True, True]
    assert opened_after(FINE, LATE) == [True, False]
    assert opened_after(FINE, BUSY) == [True, False]


def test_it_opens_again_after_three_calm_seconds() -> None:
    assert opened_after(LATE, FINE, FINE, FINE, FINE) == [False, False, False, False, True]


@pytest.mark.parametrize("not_calm", [BETWEEN, BETWEEN_BUSY, LATE, BUSY])
def test_what_lies_between_the_limits_keeps_it_closed_and_starts_the_wait_anew(
    not_calm: tuple[float, float],
) -> None:
    seen = opened_after(LATE, FINE, FINE, FINE, not_calm, FINE, FINE, FINE, FINE)
    assert seen == [False] * 8 + [True]


@given(st.lists(st.sampled_from([FINE, BETWEEN, LATE, BUSY, BETWEEN_BUSY]), max_size=60))
def test_it_is_never_open_within_three_seconds_of_being_late(beats: list[tuple[float, float]]) -> None:
    for second, is_open in enumerate(opened_after(*beats)):
        if is_open:
            assert not {LATE, BUSY} & set(beats[max(0, second - 3) : second + 1])


@asynccontextmanager
async def made_slow(pid: int) -> AsyncIterator[None]:
    """Stop the process for 60 of every 120 ms."""

    async def slow_down() -> None:
        try:
            while True:
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(0.06)
                os.kill(pid, signal.SIGCONT)
                await asyncio.sleep(0.06)
        finally:
            os.kill(pid, signal.SIGCONT)

    slowing = asyncio.create_task(slow_down())
    try:
        yield
    finally:
        slowing.cancel()
        await asyncio.gather(slowing, return_exceptions=True)


def late_ms(office: Office) -> float:
    return max((beat.late_ms_p99 for beat in office.pool.beats.values()), default=0.0)


@pytest.mark.slow
async def test_a_slow_host_refuses_calls_with_a_sentence_and_keeps_those_it_has() -> None:
    settings = pool_settings(most_hosts=1)
    office = Office(settings, is_caller=True)
    await office.pool.start()
    phone = await office.open_phone(1, "PCMA", 440)
    office.pool.connect_pbx_leg(pbx_leg(1), phone.description())
    (pid,) = office.pool.host_pids
    async with made_slow(pid):
        assert await until(lambda: late_ms(office) > settings.fleet.admission.most_late_ms, 20)
        with pytest.raises(UnavailableError, match="no time for another call"):
            await office.pool.open_pbx_leg(call(2), pbx_leg(2))
    assert office.pool.host_pid_of(call(1)) == pid
    assert office.of(HostDied) == []
    assert office.of(MediaSilent) == []
    await office.pool.close()
    await phone.close()


@pytest.mark.slow
async def test_when_one_host_is_slow_the_next_call_goes_to_another() -> None:
    settings = pool_settings(most_hosts=2)
    office = Office(settings, is_caller=True)
    await office.pool.start()
    await office.pool.open_pbx_leg(call(1), pbx_leg(1))
    pid = office.pool.host_pid_of(call(1))
    assert pid is not None
    async with made_slow(pid):
        assert await until(lambda: late_ms(office) > settings.fleet.admission.most_late_ms, 20)
        await office.pool.open_pbx_leg(call(2), pbx_leg(2))
    assert office.pool.host_pid_of(call(2)) not in (pid, None)
    await office.pool.close()


@pytest.mark.slow
async def test_a_host_without_calls_is_never_late() -> None:
    fleet = msgspec.structs.replace(
        pool_settings(most_hosts=1).fleet, admission=AdmissionSettings(most_late_ms=0.001)
    )
    office = Office(msgspec.structs.replace(pool_settings(), fleet=fleet), is_caller=True)
    await office.pool.start()
    assert await until(lambda: bool(office.pool.beats), 10)
    await office.pool.open_pbx_leg(call(1), pbx_leg(1))
    assert await until(lambda: late_ms(office) > 0.001, 10)
    with pytest.raises(UnavailableError, match="no time for another call"):
        await office.pool.open_pbx_leg(call(2), pbx_leg(2))
    await office.pool.close()
