"""Which host gets the next call."""

from linegram.agent.host_fleet import FleetSettings, choose_host
from linegram.agent.host_process import HostProcess
from linegram.media.control import HostSettings
from linegram.units import CallId, LegId

EIGHT, TWO = FleetSettings(calls_per_host=8), FleetSettings(calls_per_host=2)


def host(calls: int, setting_up: int = 0) -> HostProcess:
    made = HostProcess(HostSettings(), lambda _host, _event: None, lambda _host: None)
    made.calls = {CallId(str(number)) for number in range(calls)}
    made.setting_up = {LegId(str(number)) for number in range(setting_up)}
    return made


async def test_the_fullest_host_with_room_gets_the_call() -> None:
    empty, half, full = host(0), host(4), host(8)
    assert choose_host([empty, half, full], EIGHT) is half


async def test_a_host_that_sets_up_a_voice_leg_is_avoided() -> None:
    busy, empty = host(3, setting_up=1), host(0)
    assert choose_host([busy, empty], EIGHT) is empty
    assert choose_host([busy], EIGHT) is busy


async def test_full_and_retiring_hosts_get_no_call() -> None:
    retiring, full = host(1), host(2)
    retiring.is_retiring = True
    assert choose_host([retiring, full], TWO) is None


async def test_where_calls_are_spread_the_emptiest_host_with_room_gets_the_call() -> None:
    busy, fuller, full = host(3, setting_up=1), host(4), host(8)
    spread = FleetSettings(calls_per_host=8, is_spread=True)
    assert choose_host([full, fuller, busy], spread) is busy
