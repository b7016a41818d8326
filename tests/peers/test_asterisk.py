"""The bench itself: both versions of Asterisk start, play, record, die and come back."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.peers.asterisk import Asterisk
from tests.peers.asterisk_config import Account, mass_accounts
from tests.peers.tones import Recording
from tests.peers.waiting import until
from tests.peers.wire import ask_options, status_of

VERSIONS = [
    pytest.param("asterisk22", marks=pytest.mark.peer("asterisk22")),
    pytest.param("asterisk16", marks=pytest.mark.peer("asterisk16")),
]


@pytest_asyncio.fixture(params=VERSIONS, scope="module", loop_scope="module")
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Asterisk]:
    async with Asterisk(request.param) as running:
        yield running


def _process_is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def test_it_answers_options_over_udp(pbx: Asterisk) -> None:
    # 401 where OPTIONS of a stranger is challenged: an answer all the same
    assert status_of(await ask_options(pbx.address)) in {200, 401, 404}


async def test_it_says_which_version_it_is(pbx: Asterisk) -> None:
    assert f"Asterisk {pbx.peer.version}" in await pbx.cli("core show version")


async def test_it_loads_without_an_error(pbx: Asterisk) -> None:
    complaints = [line for line in pbx.log().splitlines() if "ERROR[" in line]
    assert complaints == []


async def test_it_listens_on_its_own_address_only(pbx: Asterisk) -> None:
    tables = [Path(f"/proc/{pbx.pid}/net/{name}").read_text() for name in ("udp", "tcp")]
    wildcard_sip = [line for table in tables for line in table.splitlines() if " 00000000:13C4 " in line]
    assert wildcard_sip == []


async def test_a_tone_number_records_what_the_echoing_half_returns(pbx: Asterisk) -> None:
    async with pbx.ami() as ami:
        await ami.originate("Local/600@internal/n", "630700", "700", "echo-1")
        await ami.wait_for("MixMonitorStart")
        await _let_audio_flow(pbx)
        await ami.hang_up("echo-1")
    await pbx.wait_for_no_channels()
    heard = await pbx.recording("700")
    assert heard.duration_s > 0.5
    assert abs(heard.strongest_hz() - 700) < 5
    assert heard.share_of(700) > 0.9


async def _let_audio_flow(pbx: Asterisk) -> None:
    """Wait until a second of 16 kHz audio is on the disc."""

    async def second_is_there() -> bool:
        return pbx.recorded_bytes("700") > 32000

    await until(second_is_there, 20)


async def test_it_comes_back_after_a_kill(pbx: Asterisk) -> None:
    first = pbx.pid
    await pbx.kill()
    assert _process_is_gone(first)
    await pbx.start()
    assert pbx.pid != first
    assert status_of(await ask_options(pbx.address)) in {200, 401, 404}


@pytest.mark.peer("asterisk22")
async def test_several_run_side_by_side_and_leave_nothing_behind() -> None:
    async with Asterisk(accounts=[]) as one, Asterisk(accounts=mass_accounts(3)) as other:
        pids, folders = [one.pid, other.pid], [one.site.folder, other.site.folder]
        assert one.address != other.address
        assert "m0002" in await other.cli("pjsip show endpoints")
        assert "m0002" not in await one.cli("pjsip show endpoints")
    assert all(map(_process_is_gone, pids))
    assert not any(map(Path.exists, folders))


@pytest.mark.peer("asterisk22")
async def test_accounts_can_be_replaced_while_it_runs() -> None:
    async with Asterisk(accounts=[Account("2001")]) as pbx:
        await pbx.set_accounts([Account("2001", codecs=("g722",)), Account("2002")])
        assert "2002" in await pbx.cli("pjsip show endpoints")
        assert "(g722)" in await pbx.cli("pjsip show endpoint 2001")


@pytest.mark.peer("asterisk22")
async def test_the_shared_one_runs_as_an_ordinary_user_with_channels_as_data(asterisk22: Asterisk) -> None:
    assert await asterisk22.channels() == []
    owner = Path(f"/proc/{asterisk22.pid}").stat().st_uid
    assert owner == (65534 if os.geteuid() == 0 else os.geteuid())


def test_silence_holds_no_tone() -> None:
    silence = Recording(np.zeros(8000, dtype=np.int16), 8000)
    assert silence.share_of(700) == 0
