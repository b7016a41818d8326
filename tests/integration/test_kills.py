"""Things die in the middle of a call: both sides are released, the employee is told, nothing is left."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from linegram.link.accounts import RegistrationState
from linegram.outcomes import EndReason
from linegram.sandbox.employee_phone import EmployeeCall
from linegram.storage.accounts import AccountRepository
from linegram.units import TelegramUserId
from tests.integration.line import Line, running_line, wait_for_state
from tests.peers.asterisk import Asterisk

pytestmark = pytest.mark.slow

PBX_HZ = 700
EMPLOYEE_HZ = 440


@pytest.fixture
async def pbx() -> AsyncIterator[Asterisk]:
    """A PBX of this test's own: it may be killed."""
    async with Asterisk("asterisk22") as running:
        yield running


async def talk(line: Line) -> EmployeeCall:
    """Bring a call of the PBX up and let both hear each other."""
    await line.pbx.call_and_play(line.number, PBX_HZ)
    ringing = await line.phone.wait_for_ring()
    await ringing.answer()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    return ringing


@pytest.mark.peer("asterisk22")
async def test_a_killed_media_host_ends_its_call_on_both_sides(pbx: Asterisk, tmp_path: Path) -> None:
    async with running_line(pbx, tmp_path) as line:
        call = await talk(line)
        (live,) = line.hub.runner.desk
        host_pid = line.worker.pool.host_pid_of(live.call_id)
        assert host_pid is not None
        os.kill(host_pid, signal.SIGKILL)
        assert await call.wait_until_over() == "disconnect"
        await line.card("A part of the service failed")
        await line.wait_for_silence()
        assert (await line.last_record()).end_reason is EndReason.MEDIA_HOST_DIED
        again = await talk(line)
        await again.hang_up()
        await line.wait_for_silence()


@pytest.mark.peer("asterisk22")
async def test_a_killed_pbx_ends_the_call_and_comes_back_registered(pbx: Asterisk, tmp_path: Path) -> None:
    async with running_line(pbx, tmp_path, sections={"rtp": {"no_media_timeout_s": 2}}) as line:
        call = await talk(line)
        await pbx.kill()
        assert await call.wait_until_over() != ""
        await line.card("The PBX sent no sound")
        assert (await line.finished_record()).end_reason is EndReason.NO_MEDIA
        await pbx.start()
        line.phone.voice.forget_blocks()
        await wait_for_state(line.office, line.account, RegistrationState.ONLINE)
        again = await talk(line)
        await again.hang_up()
        await line.wait_for_silence()


@pytest.mark.peer("asterisk22")
async def test_a_lost_connection_to_telegram_does_not_end_a_talk(pbx: Asterisk, tmp_path: Path) -> None:
    async with running_line(pbx, tmp_path) as line:
        call = await talk(line)
        await line.office.telegram.restart()
        line.phone.voice.forget_blocks()
        await line.phone.voice.wait_until_hears(PBX_HZ)
        await call.hang_up()
        await line.wait_for_silence()
        assert (await line.last_record()).end_reason in {EndReason.COMPLETED, EndReason.VOICE_LOST}


@pytest.mark.peer("asterisk22")
async def test_a_restarted_pbx_gets_its_registration_again(pbx: Asterisk, tmp_path: Path) -> None:
    async with running_line(pbx, tmp_path) as line:
        await pbx.restart()
        call = await talk(line)
        await call.hang_up()
        await line.wait_for_silence()


@pytest.mark.peer("asterisk22")
async def test_a_wrong_password_is_an_error_with_its_code(pbx: Asterisk, tmp_path: Path) -> None:
    async with running_line(pbx, tmp_path, password="wrong", awaited=RegistrationState.ERROR) as line:
        assert (await line.status()).sip_status in {401, 403}


@pytest.mark.peer("asterisk22")
async def test_a_number_dialled_while_the_pbx_is_down_is_answered_with_a_sentence(
    pbx: Asterisk, tmp_path: Path
) -> None:
    async with running_line(pbx, tmp_path) as line:
        await pbx.kill()
        await line.text("600")
        call = await line.phone.wait_for_ring()
        await call.answer()
        await line.card("The PBX does not answer")
        await call.wait_until_over()
        assert (await line.finished_record()).end_reason is EndReason.PBX_UNREACHABLE


@pytest.mark.peer("asterisk22")
async def test_an_ended_session_of_the_calling_account_is_told_to_the_owner(
    pbx: Asterisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linegram.telegram.account._PINGS_PER_STATE", 1)
    async with running_line(pbx, tmp_path) as line:
        async with await line.office.database() as database:
            await AccountRepository(database).add_owner(TelegramUserId(line.anna.person.user_id))
        await line.anna.start_bot(line.office.bot)
        line.office.telegram.terminate(line.office.calling_account.user_id)
        await line.card("linegram init --sign-in")
