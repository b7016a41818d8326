"""Two ends of our engine over real sockets: tones both ways by every kind of way but TURN."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from linegram.link.voice import VoiceServer
from linegram.outcomes import EndReason
from linegram.sandbox.reflector import Reflector
from linegram.sandbox.reflector_parties import Tags
from linegram.voice.engine import VoiceState, VoiceStateChanged
from linegram.voice.own.engine import OwnEngine
from linegram.voice.own.messages import Candidates, Message
from linegram.voice.own.signalling import Signalling
from tests.voice.own.relays.reflectors import ReflectorThread, new_tag, told_of
from tests.voice.own.talk import Talker, run
from tests.voice.own.ways.pairs import assert_both_hear, connect, open_pair, way_of


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


@pytest.mark.slow
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


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_many_calls_through_relays_leave_no_socket_behind(
    engine: OwnEngine, reflectors: ReflectorThread
) -> None:
    reflector = reflectors.start("127.0.0.1")

    def call_once() -> None:
        tag = new_tag()
        by_udp, by_tcp = told_of(reflector, tag), told_of(reflector, tag, is_tcp=True)
        pair = open_pair(engine, ((by_udp[0], by_tcp[0]), (by_udp[1], by_tcp[1])), direct=(True, True))
        connect(pair)
        for talker in pair:
            talker.leg.close()

    call_once()
    before = open_files()
    for _ in range(20):
        call_once()
    assert run([], 5.0, until=lambda: open_files() <= before)
