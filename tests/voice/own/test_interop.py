"""Our engine and ntgcalls, each in a process of its own: tones both ways, by every kind of way."""

from collections.abc import Iterator
from itertools import product

import pytest

from linegram.sandbox.reflector import outside_address
from linegram.sandbox.reflector_parties import Tags
from tests.peers.coturn import Coturn
from tests.voice.own.interop_ways import VERSIONS, Relays, Way, sides, versions_of
from tests.voice.own.relays.reflectors import ReflectorThread
from tests.voice.own.two_ends import faults_of_a_call

LIMIT_S = 300
"""Two processes are started for a call, which takes long beside other work."""

RELAYED = [
    pytest.param(way, version, (number + turn) % 2 == 0, id=f"{way.name.lower()}-{version}")
    for turn, way in enumerate(way for way in Way if way is not Way.HOST)
    for number, version in enumerate(versions_of(way))
]
"""Each way with each version once, roles in turn; all of it is in the matrix below."""


@pytest.fixture(scope="module")
def relays(coturn: Coturn) -> Iterator[Relays]:
    with ReflectorThread() as thread:
        yield Relays(coturn, thread.start(outside_address(), Tags.BY_ROLE))


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("are_we_caller", [True, False])
@pytest.mark.parametrize("version", VERSIONS)
def test_we_and_ntgcalls_hear_each_other(relays: Relays, version: str, are_we_caller: bool) -> None:
    assert faults_of_a_call(version, sides(Way.HOST, relays, are_we_caller=are_we_caller)) == []


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize(("way", "version", "are_we_caller"), RELAYED)
def test_we_and_ntgcalls_hear_each_other_through_a_relay(
    relays: Relays, way: Way, version: str, are_we_caller: bool
) -> None:
    passed = relays.reflector.passed_packets
    assert faults_of_a_call(version, sides(way, relays, are_we_caller=are_we_caller)) == []
    is_reflected = way in (Way.REFLECTOR_UDP, Way.REFLECTOR_TCP)
    assert (relays.reflector.passed_packets - passed > 100) is is_reflected
    assert (relays.reflector.passed["tcp"] > 0) or way is not Way.REFLECTOR_TCP


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_whole_matrix(relays: Relays) -> None:
    """Every way x version x role; the table is what docs/voice-protocol.md quotes."""
    faults: dict[tuple[Way, str, bool], list[str]] = {}
    for way in Way:
        for version, are_we_caller in product(versions_of(way), (True, False)):
            wrong = faults_of_a_call(version, sides(way, relays, are_we_caller=are_we_caller))
            print(way.value, version, "caller" if are_we_caller else "callee", wrong or "heard")
            faults[way, version, are_we_caller] = wrong
    print(table(faults))
    assert {cell: wrong for cell, wrong in faults.items() if wrong} == {}


def table(faults: dict[tuple[Way, str, bool], list[str]]) -> str:
    """Draw the matrix in Markdown: who called, and whether both tones were heard."""
    lines = ["| way | " + " | ".join(version.split(".")[0] for version in VERSIONS) + " |"]
    lines.append("|---" * (len(VERSIONS) + 1) + "|")
    for way in Way:
        cells = [_cell(faults, way, version) for version in VERSIONS]
        lines.append(f"| {way.value} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(faults: dict[tuple[Way, str, bool], list[str]], way: Way, version: str) -> str:
    if version not in versions_of(way):
        return "not used"
    heard = [role for role, ours in (("caller", True), ("callee", False)) if not faults[way, version, ours]]
    return ", ".join(heard) or "no"
