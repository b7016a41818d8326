"""Many accounts on one socket of a real worker, on a good network and on a bad one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from linegram.link.accounts import RegistrationState
from linegram.link.commands import DialPbx, DropAccount, EndCall, EndPbx, PutAccount
from linegram.link.events import CallMeasured, PbxAnswered, PbxEnded
from linegram.outcomes import EndReason
from linegram.units import AccountId, CallId, LegId
from linegram.worker import Worker
from tests.load.hub_double import HubDouble, commanded_worker, settings_of
from tests.load.relay import LossyRelay
from tests.peers.asterisk import Asterisk
from tests.peers.asterisk_config import mass_accounts
from tests.peers.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.peer("asterisk22")]

LOSS = 0.1
CALLS = 20
ECHO = "600"
RTP_PORTS = range(16000, 16200)
PACKETS_PER_S = 50


async def wait_for_contacts(pbx: Asterisk, count: int, limit_s: float) -> None:
    """Wait until the PBX itself knows so many bindings."""

    async def is_so() -> bool:
        listing = await pbx.cli("pjsip show contacts")
        return sum("Contact:  m" in line for line in listing.splitlines()) == count

    await until(is_so, limit_s)


def drop_all(hub: HubDouble) -> None:
    for account_id in list(hub.states):
        hub.send(DropAccount(account_id))


async def test_a_thousand_accounts_register_on_one_socket_and_leave() -> None:
    accounts = mass_accounts(1000)
    async with Asterisk("asterisk22", accounts) as pbx, commanded_worker() as (_worker, hub):
        for number, account in enumerate(accounts):
            hub.send(PutAccount(settings_of(account, number, pbx.address)))
        await hub.wait_for_states(RegistrationState.ONLINE, len(accounts), 40)
        await wait_for_contacts(pbx, len(accounts), 5)
        drop_all(hub)
        await hub.wait_for_states(RegistrationState.OFFLINE, len(accounts), 40)
        await wait_for_contacts(pbx, 0, 5)


@asynccontextmanager
async def pbx_behind_a_lossy_relay(accounts: int) -> AsyncIterator[tuple[Asterisk, LossyRelay]]:
    """Run a PBX that names the relay's address as its own, so that SIP and RTP go through it."""
    pbx = Asterisk("asterisk22", mass_accounts(accounts))
    async with LossyRelay(pbx.address, (pbx.sip_port, *RTP_PORTS), loss=LOSS) as relay:
        etc = pbx.site.folder / "etc"
        outside = f"""type = transport
external_signaling_address = {relay.address}
external_signaling_port = {pbx.sip_port}
external_media_address = {relay.address}
local_net = {pbx.address}/32
"""
        inside = (etc / "pjsip.conf").read_text()
        (etc / "pjsip.conf").write_text(inside.replace("type = transport\n", outside))
        (etc / "rtp.conf").write_text(
            f"[general]\nrtpstart = {RTP_PORTS.start}\nrtpend = {RTP_PORTS.stop - 1}\n"
        )
        async with pbx:
            yield pbx, relay


async def test_a_hundred_accounts_and_twenty_calls_are_fine_at_ten_percent_loss() -> None:
    async with (
        pbx_behind_a_lossy_relay(100) as (pbx, relay),
        commanded_worker(calls_per_host=CALLS) as (worker, hub),
    ):
        for number, account in enumerate(pbx.site.accounts):
            hub.send(PutAccount(settings_of(account, number, relay.address)))
        await hub.wait_for_states(RegistrationState.ONLINE, 100, 40)
        await set_up_calls(hub)
        await wait_for_echoes(pbx)
        await relay.wait_for_more(2 * CALLS * PACKETS_PER_S)
        assert_media_was_lossy(await end_calls(hub))
        await assert_nothing_is_left(pbx, worker, hub)
        drop_all(hub)
        await hub.wait_for_states(RegistrationState.OFFLINE, 100, 40)
        await wait_for_contacts(pbx, 0, 5)


async def set_up_calls(hub: HubDouble) -> None:
    for number in range(CALLS):
        hub.send(DialPbx(CallId(f"call-{number}"), LegId(f"leg-{number}"), AccountId(number), ECHO))
    legs = {f"leg-{number}" for number in range(CALLS)}
    await hub.wait_until(lambda: {r.leg_id for r in hub.reports if isinstance(r, PbxAnswered)} == legs, 40)


async def wait_for_echoes(pbx: Asterisk) -> None:
    async def is_so() -> bool:
        return sum(channel.get("Application") == "Echo" for channel in await pbx.channels()) == CALLS

    await until(is_so, 10)


async def end_calls(hub: HubDouble) -> list[CallMeasured]:
    """End every call and return the figures of each."""
    for number in range(CALLS):
        hub.send(EndPbx(LegId(f"leg-{number}")))
        hub.send(EndCall(CallId(f"call-{number}")))

    def measured() -> list[CallMeasured]:
        return [report for report in hub.reports if isinstance(report, CallMeasured)]

    await hub.wait_until(lambda: len(measured()) == CALLS, 40)
    return measured()


def assert_media_was_lossy(calls: list[CallMeasured]) -> None:
    """Every echo crosses the relay twice, and each crossing loses its share."""
    assert all(call.packets_received for call in calls)
    lost = sum(call.packets_lost for call in calls)
    expected = lost + sum(call.packets_received for call in calls)
    assert LOSS / 2 < lost / expected < LOSS * 3


async def assert_nothing_is_left(pbx: Asterisk, worker: Worker, hub: HubDouble) -> None:
    endings = [report for report in hub.reports if isinstance(report, PbxEnded)]
    assert {report.leg_id for report in endings} == {f"leg-{number}" for number in range(CALLS)}
    assert len(endings) == CALLS
    assert {report.reason for report in endings} == {EndReason.COMPLETED}
    await pbx.wait_for_no_channels(40)
    assert worker.pool.call_count == 0
    assert worker.pool._ports.taken_count == 0

    async def is_idle() -> bool:
        return worker.transport.endpoint.is_idle

    await until(is_idle, 40)
