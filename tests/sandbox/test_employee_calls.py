"""Two simulated employees call each other through the sandbox, on real ntgcalls, and hear each other."""

import asyncio
import os
import signal
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from linegram.errors import UnavailableError
from linegram.sandbox.employee_hearing import analyse
from linegram.sandbox.employee_phone import CallStage, EmployeePhone
from linegram.sandbox.reflector import Reflector, outside_address
from linegram.sandbox.world.calls import Relay
from linegram.sandbox.world.people import Audience, PrivacyRule
from tests.sandbox.mtproto.conftest import Office, office, server_key

__all__ = ["office", "server_key"]

ANNAS_TONE_HZ = 520.0
BORIS_TONE_HZ = 940.0


@dataclass
class Pair:
    """Two people with a telephone each."""

    office: Office
    anna: EmployeePhone
    boris: EmployeePhone


@pytest.fixture
async def pair(office: Office) -> AsyncIterator[Pair]:
    """Give Anna and Boris a device and a telephone each."""
    async with AsyncExitStack() as stack:
        phones = []
        for person in (office.anna, office.boris):
            employee = await stack.enter_async_context(office.at_device(person))
            phones.append(await stack.enter_async_context(EmployeePhone(employee)))
        yield Pair(office, *phones)


async def test_two_employees_hear_each_others_tone(pair: Pair) -> None:
    await pair.anna.voice.play_tone(ANNAS_TONE_HZ)
    await pair.boris.voice.play_tone(BORIS_TONE_HZ)
    call = await pair.anna.dial(pair.office.boris)
    ring = await pair.boris.wait_for_ring()
    await call.wait_for(CallStage.RINGING)
    await ring.answer()
    await call.wait_for(CallStage.TALKING)
    await asyncio.gather(
        pair.anna.voice.wait_until_hears(BORIS_TONE_HZ), pair.boris.voice.wait_until_hears(ANNAS_TONE_HZ)
    )
    assert call.versions == ring.versions == ("13.0.0",)
    heard = await pair.boris.voice.heard()
    assert len(heard.arrival_s) * 160 == len(heard.samples)
    last = analyse(heard.samples[-8_000:], heard.rate_hz, 0.0)
    assert last.frequency_hz == pytest.approx(ANNAS_TONE_HZ, abs=5)
    assert np.all(np.diff(heard.arrival_s) >= 0)
    await call.hang_up()
    assert await ring.wait_until_over() == "hangup"


async def test_a_second_call_follows_the_first_in_the_other_direction(pair: Pair) -> None:
    for caller, callee, to in (
        (pair.anna, pair.boris, pair.office.boris),
        (pair.boris, pair.anna, pair.office.anna),
    ):
        await caller.voice.play_tone(ANNAS_TONE_HZ)
        call = await caller.dial(to)
        ring = await callee.wait_for_ring()
        await ring.answer()
        await call.wait_for(CallStage.TALKING)
        callee.voice.forget_blocks()
        await callee.voice.wait_until_hears(ANNAS_TONE_HZ)
        await ring.hang_up()
        assert await call.wait_until_over() == "hangup"
    assert pair.office.world.calls.live() == []


async def test_a_declined_call_is_busy_for_the_caller(pair: Pair) -> None:
    call = await pair.anna.dial(pair.office.boris)
    ring = await pair.boris.wait_for_ring()
    await ring.decline()
    assert await call.wait_until_over() == "busy"


async def test_a_call_that_is_never_answered_is_missed(pair: Pair) -> None:
    call = await pair.anna.dial(pair.office.boris)
    ring = await pair.boris.wait_for_ring()
    await call.hang_up()
    assert await ring.wait_until_over() == "missed"


async def test_a_second_caller_hears_busy(pair: Pair) -> None:
    third = pair.office.world.people.add_person("Third", phone="79990000003")
    await pair.anna.dial(pair.office.boris)
    ring = await pair.boris.wait_for_ring()
    async with pair.office.at_device(third) as device, EmployeePhone(device) as phone:
        call = await phone.dial(pair.office.boris)
        assert await call.wait_until_over() == "busy"
    assert ring.stage is CallStage.RINGING


async def test_the_callee_may_only_know_an_older_version(pair: Pair) -> None:
    pair.boris._versions = ("8.0.0", "9.0.0")
    call = await pair.anna.dial(pair.office.boris)
    ring = await pair.boris.wait_for_ring()
    await ring.answer()
    await call.wait_for(CallStage.TALKING)
    assert call.versions == ("9.0.0",)
    await call.hang_up()


async def test_two_employees_who_allow_no_direct_way_hear_each_other_through_a_reflector(pair: Pair) -> None:
    for person in (pair.office.anna, pair.office.boris):
        person.phone_p2p_privacy = PrivacyRule(Audience.NOBODY)
    async with Reflector(outside_address()) as reflector:
        relay = Relay(reflector.address, reflector.port, is_reflector=True)
        pair.office.world.calls.relays.append(relay)
        await pair.anna.voice.play_tone(ANNAS_TONE_HZ)
        await pair.boris.voice.play_tone(BORIS_TONE_HZ)
        call = await pair.anna.dial(pair.office.boris)
        await (await pair.boris.wait_for_ring()).answer()
        await asyncio.gather(
            pair.anna.voice.wait_until_hears(BORIS_TONE_HZ), pair.boris.voice.wait_until_hears(ANNAS_TONE_HZ)
        )
        assert reflector.passed_packets > 0
        await call.hang_up()


async def test_a_recording_is_heard_as_it_was_said(pair: Pair) -> None:
    rate_hz = pair.anna.voice.rate_hz
    at_s = np.arange(2 * rate_hz) / rate_hz
    sweep = (np.sin(2 * np.pi * (300 * at_s + 350 * at_s**2)) * 9_000).astype(np.int16)
    call = await pair.anna.dial(pair.office.boris)
    await (await pair.boris.wait_for_ring()).answer()
    await call.wait_for(CallStage.TALKING)
    said_at_s = await pair.anna.voice.play(sweep)
    await pair.boris.voice.wait_until_audible()
    await pair.boris.voice.wait_until_silent()
    heard = await pair.boris.voice.heard()
    window = heard.samples[heard.arrival_s.searchsorted(said_at_s) * rate_hz // 100 :].astype(float)
    parts = [best_match(window, part.astype(float)) for part in np.array_split(sweep, 10)]
    assert float(np.median([score for score, _at in parts])) > 0.8
    assert [at for _score, at in parts[2:]] == sorted(at for _score, at in parts[2:])
    await call.hang_up()


def best_match(window: NDArray[np.float64], piece: NDArray[np.float64]) -> tuple[float, int]:
    """Return how alike the most similar part of the window is to the piece, and where it begins."""
    size = 1 << int(len(window) + len(piece)).bit_length()
    spectra = np.fft.rfft(window, size) * np.conj(np.fft.rfft(piece, size))
    match = np.fft.irfft(spectra, size)[: len(window) - len(piece) + 1]
    sums = np.concatenate(([0.0], np.cumsum(window**2)))
    energy = sums[len(piece) :] - sums[: -len(piece)]
    scores = match / np.sqrt(np.maximum(energy, 1.0) * float((piece**2).sum()))
    return float(scores.max()), int(scores.argmax())


async def test_a_call_outlives_a_restart_of_telegram_and_can_be_ended_after_it(pair: Pair) -> None:
    await pair.boris.voice.play_tone(BORIS_TONE_HZ)
    call = await pair.anna.dial(pair.office.boris)
    ring = await pair.boris.wait_for_ring()
    await ring.answer()
    await pair.anna.voice.wait_until_hears(BORIS_TONE_HZ)
    await pair.office.telegram.restart()
    pair.anna.voice.forget_blocks()
    await pair.anna.voice.wait_until_hears(BORIS_TONE_HZ)
    await pair.boris.employee.client.get_me()
    await call.hang_up()
    assert await ring.wait_until_over() == "hangup"


async def test_a_voice_process_that_dies_is_noticed(pair: Pair) -> None:
    call = await pair.anna.dial(pair.office.boris)
    await (await pair.boris.wait_for_ring()).answer()
    await call.wait_for(CallStage.TALKING)
    os.kill(pair.boris.voice.pid, signal.SIGKILL)
    with pytest.raises(UnavailableError, match="gone"):
        await pair.boris.voice.wait_until_hears(ANNAS_TONE_HZ)
    await pair.anna.voice.wait_until_silent()
    await call.hang_up()


async def test_the_callee_may_keep_his_ringing_to_himself(pair: Pair) -> None:
    pair.boris.is_reporting_rings = False
    call = await pair.anna.dial(pair.office.boris)
    ring = await pair.boris.wait_for_ring()
    assert call.stage is CallStage.WAITING
    await ring.answer()
    await call.wait_for(CallStage.TALKING)
    await ring.hang_up()
    await call.wait_until_over()


async def test_a_wav_file_of_another_rate_is_said(pair: Pair, tmp_path: Path) -> None:
    tone = (np.sin(np.arange(16_000) * 2 * np.pi * ANNAS_TONE_HZ / 8_000) * 9_000).astype("<i2")
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(tone.tobytes())
    call = await pair.anna.dial(pair.office.boris)
    await (await pair.boris.wait_for_ring()).answer()
    await call.wait_for(CallStage.TALKING)
    await pair.anna.voice.play_wav(tmp_path / "tone.wav")
    await pair.boris.voice.wait_until_hears(ANNAS_TONE_HZ)
    await call.hang_up()


async def test_an_answer_that_overtakes_the_callers_own_request_is_not_lost(pair: Pair) -> None:
    pair.office.telegram.faults.delay("phone.requestCall", 0.3)
    dialling = asyncio.create_task(pair.anna.dial(pair.office.boris))
    ring = await pair.boris.wait_for_ring()
    await ring.answer()
    call = await dialling
    await call.wait_for(CallStage.TALKING)
    await call.hang_up()
