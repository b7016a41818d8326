"""Two ends of our engine over real sockets: tones both ways by every kind of way."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from linegram.link.voice import VoiceParameters, VoiceServer
from linegram.outcomes import EndReason
from linegram.sandbox.reflector import Reflector
from linegram.sandbox.reflector_parties import Tags
from linegram.voice.engine import VoiceState, VoiceStateChanged
from linegram.voice.own.engine import OwnEngine
from linegram.voice.own.leg import OwnLeg
from linegram.voice.own.messages import Candidates, Message
from linegram.voice.own.signalling import Signalling
from tests.peers.coturn import Coturn
from tests.voice.own.relays.reflectors import ReflectorThread, new_tag, told_of
from tests.voice.own.talk import Talker, run

HZ = 8000
CALLER_HZ, CALLEE_HZ = 440, 700
Servers = tuple[VoiceServer, ...]


@pytest.fixture
def reflectors() -> Iterator[ReflectorThread]:
    with ReflectorThread() as thread:
        yield thread


@pytest.fixture
def engine() -> Iterator[OwnEngine]:
    made = OwnEngine(list_ips=lambda: ["127.0.0.1"])
    yield made
    made.close()


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


@pytest.mark.parametrize("tags", list(Tags))
@pytest.mark.parametrize("transports", [(False, False), (True, True), (False, True), (True, False)])
def test_relays_only_through_a_reflector(
    engine: OwnEngine, reflectors: ReflectorThread, tags: Tags, transports: tuple[bool, bool]
) -> None:
    reflector, tag = reflectors.start("127.0.0.1", tags), new_tag()
    servers = [told_of(reflector, tag, is_tcp=is_tcp)[side] for side, is_tcp in enumerate(transports)]
    pair = open_pair(engine, ((servers[0],), (servers[1],)))
    connect(pair)
    assert_both_hear(pair)
    assert way_of(pair[0]).startswith("reflector-1-")
    assert {name for name, count in reflector.passed.items() if count} == {
        "tcp" if is_tcp else "udp" for is_tcp in transports
    }


@pytest.mark.parametrize("version", ["8.0.0", "9.0.0"])
def test_versions_that_know_no_tcp_use_reflectors_over_udp(
    engine: OwnEngine, reflectors: ReflectorThread, version: str
) -> None:
    reflector, tag = reflectors.start("127.0.0.1"), new_tag()
    by_udp, by_tcp = told_of(reflector, tag), told_of(reflector, tag, is_tcp=True, server_id=78)
    pair = open_pair(engine, ((by_tcp[0], by_udp[0]), (by_tcp[1], by_udp[1])), version=version)
    connect(pair)
    assert reflector.passed["udp"] > 0
    assert not reflector.passed["tcp"]


def test_a_reflector_is_reached_over_ipv6(engine: OwnEngine, reflectors: ReflectorThread) -> None:
    servers = told_of(reflectors.start("::1", Tags.BY_ROLE), new_tag())
    pair = open_pair(engine, ((servers[0],), (servers[1],)))
    connect(pair)
    assert_both_hear(pair)


def test_two_ends_meet_over_ipv6_alone() -> None:
    engine = OwnEngine(list_ips=lambda: ["::1"])
    pair = open_pair(engine, ((), ()), direct=(True, True))
    connect(pair)
    assert_both_hear(pair)
    assert way_of(pair[0]) == way_of(pair[1]) == "::1"
    engine.close()


def test_reflectors_that_stand_alone_need_no_candidates(
    engine: OwnEngine, reflectors: ReflectorThread
) -> None:
    servers = told_of(reflectors.start("127.0.0.1", Tags.BY_ROLE), new_tag())
    custom = '{"network_standalone_reflectors":true,"network_skip_initial_ping":true,"network_new":[1]}'
    pair = open_pair(engine, ((servers[0],), (servers[1],)), custom=custom)
    connect(pair)
    assert_both_hear(pair)
    assert (way_of(pair[0]), way_of(pair[1])) == ("reflector-1-2.reflector", "reflector-1-1.reflector")


def test_servers_that_are_malformed_or_silent_cost_only_themselves(
    engine: OwnEngine, reflectors: ReflectorThread
) -> None:
    good = told_of(reflectors.start("127.0.0.1"), new_tag(), server_id=500)
    bad = (
        VoiceServer(1, "nonsense", "", 599, peer_tag=new_tag(), is_reflector=True),
        VoiceServer(2, "127.0.0.1", "", 599, peer_tag=b"short", is_reflector=True),
        VoiceServer(3, "127.0.0.1", "", 1, peer_tag=new_tag(), is_reflector=True, is_tcp=True),
        VoiceServer(4, "127.0.0.1", "", 70_000, username="u", password="p", is_turn=True),
        VoiceServer(5, "127.0.0.1", "", 1, username="u", password="p", is_turn=True, is_stun=True),
        VoiceServer(6, "", "", 3478, is_stun=True),
    )
    pair = open_pair(engine, ((*bad, good[0]), (good[1], *bad)))
    connect(pair)
    assert way_of(pair[0]).startswith("reflector-4-")


def test_a_call_whose_only_relay_refuses_ends_soon_and_says_which(engine: OwnEngine) -> None:
    refusing = VoiceServer(9, "127.0.0.1", "", 1, peer_tag=new_tag(), is_reflector=True, is_tcp=True)
    caller, _ = open_pair(engine, ((refusing,), ()))
    with capture_logs() as logs:
        assert run([caller], 10.0, until=lambda: bool(caller.states))
    assert caller.events == [VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_NOT_CONNECTED)]
    (told,) = [one for one in logs if one["event"] == "voice_servers_failed"]
    assert "The reflector 127.0.0.1:1 (TCP) cannot be reached" in told["servers"][0]


def test_only_malformed_relays_are_a_refusal_that_names_them(engine: OwnEngine) -> None:
    malformed = VoiceServer(9, "127.0.0.1", "", 599, peer_tag=b"", is_reflector=True)
    with capture_logs() as logs:
        caller, _ = open_pair(engine, ((malformed,), ()))
    caller.look()
    assert caller.events == [VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_NOT_CONNECTED)]
    assert logs[0]["faults"] == ("server 9 is malformed",)


def test_relays_only_means_that_no_other_address_is_told(
    engine: OwnEngine, reflectors: ReflectorThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    send = Signalling.send

    def listening(self: Signalling, message: Message, now: float) -> None:
        if isinstance(message, Candidates):
            told.extend(line.sdp_string for line in message.candidates)
        send(self, message, now)

    monkeypatch.setattr(Signalling, "send", listening)
    servers = told_of(reflectors.start("127.0.0.1"), new_tag())
    stun = VoiceServer(5, "127.0.0.1", "", 3478, is_stun=True)
    pair = open_pair(engine, ((stun, servers[0]), (stun, servers[1])))
    connect(pair)
    assert len(told) == 2
    assert all("typ relay raddr 0.0.0.0 rport 9" in line and "127.0" not in line for line in told)


@pytest.mark.parametrize("is_tcp", [False, True])
def test_who_leaves_is_missed_at_once_behind_a_reflector_too(
    engine: OwnEngine, reflectors: ReflectorThread, is_tcp: bool
) -> None:
    servers = told_of(reflectors.start("127.0.0.1"), new_tag(), is_tcp=is_tcp)
    pair = open_pair(engine, ((servers[0],), (servers[1],)))
    connect(pair)
    pair[0].leg.close()
    assert run([pair[1]], 2.0, until=lambda: len(pair[1].states) == 2)
    assert pair[1].events[-1] == VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_LOST)


def kill_in_mid_call(reflectors: ReflectorThread, pair: tuple[Talker, Talker], relay: Reflector) -> None:
    before = relay.passed_packets
    assert run(list(pair), 5.0, until=lambda: relay.passed_packets > before + 20)
    reflectors.kill(relay)


@pytest.mark.parametrize("is_tcp", [False, True])
def test_when_a_relay_dies_in_mid_call_another_one_takes_over(
    engine: OwnEngine, reflectors: ReflectorThread, is_tcp: bool
) -> None:
    tag = new_tag()
    first, second = reflectors.start("127.0.0.1"), reflectors.start("127.0.0.1")
    one = told_of(first, tag, is_tcp=is_tcp, server_id=1)
    two = told_of(second, tag, is_tcp=True, server_id=2)
    pair = open_pair(engine, ((one[0], two[0]), (one[1], two[1])))
    connect(pair)
    used = first if run(list(pair), 1.0, until=lambda: first.passed_packets > 40) else second
    kill_in_mid_call(reflectors, pair, used)
    other = second if used is first else first
    before = other.passed_packets
    assert run(list(pair), 9.0, until=lambda: other.passed_packets > before + 100)
    assert_both_hear(pair)


@pytest.mark.slow
def test_when_the_only_relay_dies_the_call_ends_after_about_ten_seconds(
    engine: OwnEngine, reflectors: ReflectorThread
) -> None:
    reflector = reflectors.start("127.0.0.1")
    servers = told_of(reflector, new_tag())
    pair = open_pair(engine, ((servers[0],), (servers[1],)))
    connect(pair)
    kill_in_mid_call(reflectors, pair, reflector)
    assert not run(list(pair), 9.0, until=lambda: any(len(one.states) > 1 for one in pair))
    assert run(list(pair), 3.0, until=lambda: all(len(one.states) > 1 for one in pair))
    assert pair[0].events[-1] == VoiceStateChanged(VoiceState.ENDED, EndReason.VOICE_LOST)


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
