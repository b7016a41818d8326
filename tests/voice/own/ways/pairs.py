"""Two legs of one engine that hear each other."""

import os

from linegram.link.voice import VoiceParameters, VoiceServer
from linegram.voice.own.engine import OwnEngine
from linegram.voice.own.leg import OwnLeg
from tests.voice.own.talk import Talker, run

HZ = 8000
CALLER_HZ, CALLEE_HZ = 440, 700
Servers = tuple[VoiceServer, ...]


def open_pair(
    engine: OwnEngine,
    servers: tuple[Servers, Servers],
    *,
    version: str = "13.0.0",
    direct: tuple[bool, bool] = (False, False),
    custom: str | None = None,
) -> tuple[Talker, Talker]:
    key = os.urandom(256)
    legs = [
        engine.open(
            VoiceParameters(
                key=key,
                is_outgoing=side == 0,
                versions=(version,),
                servers=servers[side],
                is_p2p_allowed=direct[side],
                custom_parameters=custom,
            ),
            HZ,
        )
        for side in (0, 1)
    ]
    pair = Talker(legs[0], HZ, CALLER_HZ), Talker(legs[1], HZ, CALLEE_HZ)
    pair[0].signal, pair[1].signal = legs[1].receive_signal, legs[0].receive_signal
    return pair


def connect(pair: tuple[Talker, Talker]) -> None:
    assert run(list(pair), 20.0, until=lambda: all(talker.is_connected for talker in pair))


def assert_both_hear(pair: tuple[Talker, Talker]) -> None:
    run(list(pair), 1.4)
    assert pair[0].hears(CALLEE_HZ)
    assert pair[1].hears(CALLER_HZ)


def way_of(talker: Talker) -> str:
    """The address or name that a leg's media goes to."""
    assert isinstance(talker.leg, OwnLeg)
    path = talker.leg._path.ice.path
    assert path is not None
    return path.remote.address.ip
