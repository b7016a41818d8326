"""Which leg holds which pair of ports."""

import pytest

from linegram.agent.leg_ports import LegPorts
from linegram.agent.rtp_ports import RtpPorts
from linegram.errors import UnavailableError
from linegram.media.control import LocalMedia
from linegram.units import LegId

LEG = LegId("leg")


def test_a_kept_port_is_the_legs_until_it_is_freed_and_rests_then() -> None:
    now = 0.0
    ports = LegPorts(RtpPorts(20_000, 20_001, 30.0), "203.0.113.7", lambda: now)
    assert ports.media_of(LEG) is None
    assert ports.keep(LEG, ports.take()) == ports.media_of(LEG) == LocalMedia("203.0.113.7", 20_000)
    with pytest.raises(UnavailableError):
        ports.take()
    for _ in range(2):
        ports.free(LEG)
    assert ports.media_of(LEG) is None
    now = 29.9
    with pytest.raises(UnavailableError):
        ports.take()
    now = 30.0
    ports.drop(ports.take())
    now = 60.0
    assert ports.take() == 20_000
