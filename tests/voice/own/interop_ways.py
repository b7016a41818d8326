"""The ways of the interop matrix: what our end and ntgcalls are told, so that only one way can be taken."""

from enum import Enum
from typing import NamedTuple

from linegram.link.voice import VoiceServer
from linegram.sandbox.reflector import Reflector
from tests.peers.coturn import Coturn
from tests.voice.own.relays.reflectors import new_tag, told_of
from tests.voice.own.two_ends import Side

VERSIONS = ("8.0.0", "9.0.0", "12.0.0", "13.0.0")
VERSIONS_WITH_TCP = ("12.0.0", "13.0.0")


class Way(Enum):
    """How media goes."""

    HOST = "host"
    TURN_OURS = "TURN, our side"
    TURN_BOTH = "TURN, both sides"
    REFLECTOR_UDP = "reflector, UDP"
    REFLECTOR_TCP = "reflector, TCP on our side"


class Relays(NamedTuple):
    """The relays that run for the tests."""

    turn: Coturn
    reflector: Reflector


def versions_of(way: Way) -> tuple[str, ...]:
    """List the versions in which our engine takes a way."""
    return VERSIONS_WITH_TCP if way is Way.REFLECTOR_TCP else VERSIONS


def sides(way: Way, relays: Relays, *, are_we_caller: bool) -> tuple[Side, Side]:
    """Say what the caller and the callee are told; one of them is ntgcalls.

    ntgcalls uses no TCP: its process dies when it leaves a call in which it did.
    """
    our_role, their_role = (0, 1) if are_we_caller else (1, 0)
    tag = new_tag()
    by_udp = told_of(relays.reflector, tag)
    by_tcp = told_of(relays.reflector, tag, is_tcp=True)
    turn = turn_server(relays.turn)
    ours, theirs = {
        Way.HOST: (Side("own"), Side("ntgcalls")),
        Way.TURN_OURS: (Side("own", (turn,), is_direct=False), Side("ntgcalls")),
        Way.TURN_BOTH: (
            Side("own", (turn,), is_direct=False),
            Side("ntgcalls", (turn,), is_direct=False),
        ),
        Way.REFLECTOR_UDP: (
            Side("own", (by_udp[our_role],), is_direct=False),
            Side("ntgcalls", (by_udp[their_role],), is_direct=False),
        ),
        Way.REFLECTOR_TCP: (
            Side("own", (by_tcp[our_role],), is_direct=False),
            Side("ntgcalls", (by_udp[their_role],), is_direct=False),
        ),
    }[way]
    return (ours, theirs) if are_we_caller else (theirs, ours)


def turn_server(coturn: Coturn) -> VoiceServer:
    """Tell of coturn as Telegram tells of a TURN server."""
    policy = coturn.policy
    return VoiceServer(
        5, coturn.address, "", coturn.port, username=policy.username, password=policy.password, is_turn=True
    )
