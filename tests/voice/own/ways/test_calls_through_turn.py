"""Two ends of our engine and a real TURN server between them."""

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from linegram.link.voice import VoiceServer
from linegram.voice.own.engine import OwnEngine
from tests.peers.coturn import Coturn
from tests.voice.own.relays.reflectors import ReflectorThread, new_tag, told_of
from tests.voice.own.talk import run
from tests.voice.own.ways.pairs import assert_both_hear, connect, open_pair, way_of


@pytest.fixture
def turn() -> Iterator[VoiceServer]:
    server = Coturn("127.0.0.1")
    asyncio.run(server.start())
    policy = server.policy
    yield VoiceServer(
        7, "127.0.0.1", "", server.port, username=policy.username, password=policy.password, is_turn=True
    )
    asyncio.run(server.stop())


@pytest.mark.peer("coturn")
@pytest.mark.parametrize("with_turn", [(True, False), (False, True), (True, True)])
def test_an_end_or_both_behind_turn(
    engine: OwnEngine, turn: VoiceServer, with_turn: tuple[bool, bool]
) -> None:
    servers = [(turn,) if has_turn else () for has_turn in with_turn]
    direct = [not has_turn for has_turn in with_turn]
    pair = open_pair(engine, (servers[0], servers[1]), direct=(direct[0], direct[1]))
    connect(pair)
    assert_both_hear(pair)


@pytest.mark.peer("coturn")
def test_when_turn_dies_in_mid_call_a_reflector_takes_over(
    engine: OwnEngine, reflectors: ReflectorThread
) -> None:
    server = Coturn("127.0.0.1")
    asyncio.run(server.start())
    turn = VoiceServer(7, "127.0.0.1", "", server.port, username="desk", password="desk-secret", is_turn=True)
    reflector = reflectors.start("127.0.0.1")
    servers = told_of(reflector, new_tag(), is_tcp=True)
    pair = open_pair(engine, ((servers[0], turn), (servers[1], turn)))
    connect(pair)
    assert run(list(pair), 5.0, until=lambda: way_of(pair[0]) == way_of(pair[1]) == "127.0.0.1")
    run(list(pair), 1.0)
    asyncio.run(server.stop())
    is_reflected = lambda: all(way_of(one).startswith("reflector-") for one in pair)  # noqa: E731
    assert run(list(pair), 9.0, until=is_reflected)
    assert_both_hear(pair)


@pytest.mark.peer("coturn")
def test_a_turn_server_that_refuses_our_name_is_named(engine: OwnEngine, turn: VoiceServer) -> None:
    wrong = VoiceServer(7, turn.ip, "", turn.port, username="nobody", password="x", is_turn=True)
    caller, _ = open_pair(engine, ((wrong,), ()))
    with capture_logs() as logs:
        assert run([caller], 15.0, until=lambda: bool(caller.states))
    (told,) = [one for one in logs if one["event"] == "voice_servers_failed"]
    assert f"127.0.0.1:{turn.port}" in told["servers"][0]
